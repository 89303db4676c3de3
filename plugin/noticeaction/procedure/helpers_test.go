package procedure

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/workday"
)

var (
	opener     = Actor{Operator, "ann"}
	desk       = Actor{Operator, "bob"}
	dpa        = Actor{Authority, "apd-gba"}
	registrarA = Contact{"Registrar A", "abuse@registrar-a.example"}
	registrarB = Contact{"Registrar B", "abuse@registrar-b.example"}
)

// brussels reads local time as "2026-05-12 10:00".
func brussels(t testing.TB, s string) time.Time {
	t.Helper()
	location, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.ParseInLocation("2006-01-02 15:04", s, location)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func date(t testing.TB, s string) workday.Date {
	t.Helper()
	d, err := workday.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func notice(names ...string) *Notice {
	return &Notice{
		Authority: "apd-gba", Inspector: Contact{"I. Spector", "inspector@authority.example"},
		Office: "Inspector General", Names: names, Provisions: []string{"GDPR Art. 6"},
		Reference: "DOS-2026-01234", Signed: workday.On(2026, time.May, 11), Signature: "S/MIME, valid",
		Competent: true, Found: true,
	}
}

func parties(names ...string) *Parties {
	p := &Parties{Holder: Contact{"H. Older", "holder@site.example"}, Language: "nl"}
	for i, name := range names {
		registrar := registrarA
		if i%2 == 1 {
			registrar = registrarB
		}
		p.Sites = append(p.Sites, Site{Name: name, Registrar: registrar, Addresses: []string{"192.0.2.1"}})
	}
	return p
}

func opening(names ...string) Event {
	return Event{Kind: Open, Actor: opener, Case: "c1", Notice: notice(names...), Parties: parties(names...)}
}

// by fills in who records an event of the kind.
func by(e Event) Event {
	if e.Actor.Kind == "" {
		e.Actor = desk
		if !slices.Contains(By(e.Kind), Operator) {
			e.Actor = Actor{System, "test"}
		}
	}
	return e
}

// at applies the event at its time, and with it the deadlines that have ended.
func (r Rules) at(t testing.TB, c Case, when string, e Event) []Step {
	t.Helper()
	e = by(e)
	now := brussels(t, when)
	if e.At.IsZero() {
		e.At = now
	}
	steps, err := r.Run(c, e, now)
	if err != nil {
		t.Fatalf("%s %s: %v", when, e.Kind, err)
	}
	return steps
}

// opened returns a case about example.be that was approved on 13 May 2026: the holder has until the 27th.
func opened(t testing.TB, r Rules, names ...string) Case {
	t.Helper()
	c := last(r.at(t, Case{}, "2026-05-12 10:00", opening(names...)), Case{})
	return last(r.at(t, c, "2026-05-13 11:00", Event{Kind: Approve}), c)
}

func last(steps []Step, c Case) Case {
	if len(steps) == 0 {
		return c
	}
	return steps[len(steps)-1].Case
}

// String shows an effect in a line.
func (e Effect) String() string {
	var b strings.Builder
	switch e.Kind {
	case Flag:
		fmt.Fprintf(&b, "flag to the end of %v", workday.Of(e.NotAfter)-1)
	case Unflag:
		b.WriteString("unflag")
	case Mail:
		fmt.Fprintf(&b, "mail %s to %s", e.Mail, e.To)
		if e.Copy != "" {
			fmt.Fprintf(&b, " and %s", e.Copy)
		}
		if e.Word != 0 {
			fmt.Fprintf(&b, " of event %d", e.Word)
		}
	case PlaceOrder:
		fmt.Fprintf(&b, "order %s", e.Order)
	case Alarm:
		fmt.Fprintf(&b, "alarm %s of %v", e.Alarm.Kind, e.Alarm.Due)
	}
	if e.Reason != "" {
		fmt.Fprintf(&b, ", %s", e.Reason)
	}
	if len(e.Names) > 1 || e.Names[0] != "example.be" {
		fmt.Fprintf(&b, ": %s", strings.Join(e.Names, " "))
	}
	if e.Late {
		b.WriteString(" (late)")
	}
	return b.String()
}

// line is an event and when it is recorded; without a kind, time passes until then.
type line struct {
	when string
	Event
}

const oneName = "example.be"

// checkPath compares what comes of the lines with what is wanted, as lines shows it.
func checkPath(t *testing.T, r Rules, c Case, path []line, want string) {
	t.Helper()
	var got []string
	for _, l := range path {
		var steps []Step
		if l.Kind == "" {
			var err error
			if steps, err = r.Advance(c, brussels(t, l.when)); err != nil {
				t.Fatal(err)
			}
		} else {
			steps = r.at(t, c, l.when, l.Event)
		}
		got = append(got, lines(steps)...)
		c = last(steps, c)
	}
	if got := "\n" + strings.Join(got, "\n") + "\n"; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// lines shows each step as its event, state and deadlines, and below it the effects.
func lines(steps []Step) []string {
	var all []string
	for _, s := range steps {
		line := fmt.Sprintf("%v %s -> %s", workday.Of(s.Event.At), s.Event.Kind, s.Case.State)
		if d := s.Event.Deadline; d != nil {
			line = fmt.Sprintf("%v %s %s -> %s", workday.Of(s.Event.At), s.Event.Kind, d.Kind, s.Case.State)
		}
		if s.Case.Outcome != "" {
			line += ", " + string(s.Case.Outcome)
		}
		for _, d := range slices.SortedFunc(slices.Values(s.Case.Deadlines), compareDeadlines) {
			line += fmt.Sprintf("; %s by %v", d.Kind, d.Due)
			if d.Overdue {
				line += " overdue"
			}
		}
		all = append(all, line)
		for _, e := range s.Effects {
			all = append(all, "  "+e.String())
		}
	}
	return all
}
