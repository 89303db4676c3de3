package mail

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/net/idna"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/workday"
)

// view is what the words of a mail may say, in one language. Its texts hold no line end, but for Word.
type view struct {
	language string

	Case       string
	Reference  string // of the authority's file
	Authority  string
	Website    string // of the authority
	Inspector  procedure.Contact
	Office     string
	Registry   string
	From       string // address
	Contact    []string
	Names      []string
	Sites      []site // of the names
	Others     bool   // other names of the case are still in the procedure
	Provisions []string
	Prosecutor bool

	Started workday.Date
	Sent    workday.Date // holder notice: when it leaves
	Again   bool         // holder notice: it left before, and did not reach the holder
	Window  workday.Date // last day of the holder's time
	Open    bool         // reminder: that day is not over, as the holder was written to anew
	Removal workday.Date // last day of the redirect
	Release workday.Date // last day of the quarantine
	Reply   workday.Date // reminder and relay: last day of the authority's time to answer; none: it need not
	Earlier workday.Date // relay: last day of another answer that the authority owes, if it is before Reply
	Counts  workday.Date // late: as of which day the mail leaves
	Late    bool
	Pending bool // a claim waits for the authority's answer
	Reason  string

	Claim       bool // relay: the word is a claim
	WorkingDays bool // relay: the time to answer is in working days
	Said        workday.Date
	Word        string // quoted; empty: none
}

// site is one name as the authority checks it.
type site struct {
	Name      string
	Addresses string // empty: there were none
}

// newView takes from the letter what mails may say.
func (c Composer) newView(language string, l casework.Letter) view {
	k := l.Case
	a, _ := c.Directory.Find(k.Notice.Authority)
	v := view{
		language:   language,
		Case:       line(k.ID),
		Reference:  line(k.Notice.Reference),
		Authority:  line(a.Names.In(language)),
		Website:    a.Website,
		Inspector:  procedure.Contact{Name: line(k.Notice.Inspector.Name), Email: line(k.Notice.Inspector.Email)},
		Office:     line(k.Notice.Office),
		Registry:   line(c.Registry),
		From:       line(c.From.Address),
		Contact:    lines(c.Contact),
		Provisions: lines(k.Notice.Provisions),
		Prosecutor: k.Parties.Prosecutor,
		Started:    dayOf(k.Started),
		Sent:       dayOf(k.HolderMail().Sent),
		Again:      !k.Notified.IsZero(),
		Window:     k.Window,
		Removal:    k.Removal,
		Late:       l.Effect.Late,
		Reason:     string(l.Effect.Reason),
	}
	for _, name := range l.Effect.Names {
		shown := show(name)
		v.Names = append(v.Names, shown)
		v.Sites = append(v.Sites, site{Name: shown, Addresses: strings.Join(lines(k.Parties.Site(name).Addresses), ", ")})
	}
	v.Others = slices.ContainsFunc(k.Live(), func(name string) bool { return !slices.Contains(l.Effect.Names, name) })
	v.clocks(l)
	if l.Word != nil {
		v.Claim = l.Word.Kind == procedure.Claim
		v.Said = dayOf(l.Word.At)
		v.Word = quote(l.Word.Text)
	}
	return v
}

// clocks reads the deadlines that run after the event.
func (v *view) clocks(l casework.Letter) {
	v.Counts = dayOf(l.Case.Ended)
	byDue := func(a, b procedure.Deadline) int { return cmp.Compare(a.Due, b.Due) }
	for _, d := range slices.SortedFunc(slices.Values(l.Case.Deadlines), byDue) {
		switch {
		case d.Kind == procedure.ReleaseDeadline:
			v.Release, v.Counts = d.Due, d.From
		case d.IfSilent() != procedure.Reinstates:
		case d.Kind == procedure.ReminderDeadline && l.Effect.Mail == procedure.Reminder:
			v.Reply, v.Counts, v.Open = d.Due, d.From, v.Window >= d.From
		case l.Effect.Mail == procedure.RelayedWord && d.Word != 0 && d.Word == l.Effect.Word:
			v.Reply, v.WorkingDays = d.Due, d.Kind == procedure.ClaimDeadline
		case l.Effect.Mail == procedure.RelayedWord && v.Reply == 0 && v.Earlier == 0:
			v.Earlier = d.Due
		default:
			v.Pending = true
		}
	}
	if v.Earlier >= v.Reply {
		v.Earlier = 0
	}
}

// One returns the first when the mail is about one name, else the second.
func (v view) One(one, several string) string {
	if len(v.Names) == 1 {
		return one
	}
	return several
}

// SeveralProvisions tells whether more than one provision is infringed.
func (v view) SeveralProvisions() bool { return len(v.Provisions) > 1 }

// NameList returns the names, with commas.
func (v view) NameList() string { return strings.Join(v.Names, ", ") }

// Day writes a date out.
func (v view) Day(d workday.Date) string { return day(v.language, d) }

// Until writes the end of a period out that has d as its last day.
func (v view) Until(d workday.Date) string { return until(v.language, d) }

// show writes a name as people do, and as machines do when that differs.
func show(name string) string {
	name = line(name)
	if u, err := idna.Display.ToUnicode(name); err == nil && u != name {
		return fmt.Sprintf("%s (%s)", line(u), name)
	}
	return name
}
