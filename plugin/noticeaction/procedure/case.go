package procedure

import (
	"slices"
	"strings"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/workday"
)

// State is where a case stands.
type State string

// The states. In those from HolderWindow to RemovalRun the names are redirected.
const (
	Received        State = "received"
	HolderWindow    State = "holder_window"
	ReviewReminder  State = "review_reminder"
	ReviewClaim     State = "review_claim"
	ReviewAuthority State = "review_authority"
	RemovalRun      State = "removal_run"
	Quarantine      State = "quarantine"
	Reinstated      State = "reinstated" // over
	Withdrawn       State = "withdrawn"  // over before anything was done
	Released        State = "released"   // over
)

// States are all states, in the order of the procedure.
var States = []State{
	Received, HolderWindow, ReviewReminder, ReviewClaim, ReviewAuthority, RemovalRun, Quarantine,
	Reinstated, Withdrawn, Released,
}

var (
	underReview = []State{ReviewReminder, ReviewClaim, ReviewAuthority}
	redirected  = append([]State{HolderWindow, RemovalRun}, underReview...)
	running     = append([]State{Received, Quarantine}, redirected...)
	ended       = []State{Reinstated, Withdrawn, Released}
)

// Redirected tells whether the names of a case in this state are redirected.
func (s State) Redirected() bool { return slices.Contains(redirected, s) }

// Ended tells whether a case in this state is over.
func (s State) Ended() bool { return slices.Contains(ended, s) }

// Outcome says how a case, or a name of it, left the procedure.
type Outcome string

// The outcomes.
const (
	Complied  Outcome = "complied"  // the authority decided for the holder
	Silent    Outcome = "silent"    // the authority did not speak in time
	Suspended Outcome = "suspended" // at the authority's request
	Stopped   Outcome = "stopped"   // at the authority's request
	Discarded Outcome = "discarded" // by the registry, before the holder was told
	Cancelled Outcome = "cancelled" // and released after the quarantine
)

// Case is one run of the procedure for one notice and one holder. It is a plain value: only [Rules.Apply]
// makes the next one, and nobody changes one.
type Case struct {
	ID      string  `json:"id"`
	Notice  Notice  `json:"notice"`
	Parties Parties `json:"parties"`
	Names   []Name  `json:"names"`

	State    State     `json:"state"`
	Outcome  Outcome   `json:"outcome,omitempty"` // of the names that left last; empty while the case runs
	Opener   Actor     `json:"opener"`
	Events   int       `json:"events"` // applied so far
	Received time.Time `json:"received"`
	Started  time.Time `json:"started,omitzero"`  // holder mail and redirect
	Notified time.Time `json:"notified,omitzero"` // last holder mail, when it left anew; else zero
	Ended    time.Time `json:"ended,omitzero"`

	Window  workday.Date `json:"window,omitzero"`  // last day of the holder's time, with extensions
	Removed workday.Date `json:"removed,omitzero"` // day of the first decision to remove
	Removal workday.Date `json:"removal,omitzero"` // last day before the cancellation, once decided

	NotAfter  time.Time  `json:"not_after,omitzero"` // of the flags
	Deadlines []Deadline `json:"deadlines"`          // that run

	Claims     int `json:"claims"`
	Extensions int `json:"extensions"`
	Missed     int `json:"missed"` // deadlines of the registry that passed
}

// Name is one domain name of a case.
type Name struct {
	Name    string   `json:"name"`
	Outcome Outcome  `json:"outcome,omitempty"` // empty: still in the procedure
	Orders  []Placed `json:"orders,omitempty"`
}

// Placed is an order to the registration system about one name.
type Placed struct {
	Order     Order     `json:"order"`
	At        time.Time `json:"at"`
	Confirmed time.Time `json:"confirmed,omitzero"`
}

// Live returns the names that are still in the procedure.
func (c Case) Live() []string {
	var live []string
	for _, n := range c.Names {
		if n.Outcome == "" {
			live = append(live, n.Name)
		}
	}
	return live
}

// clone returns a copy whose names and deadlines can be changed.
func (c Case) clone() Case {
	c.Names = slices.Clone(c.Names)
	for i := range c.Names {
		c.Names[i].Orders = slices.Clone(c.Names[i].Orders)
	}
	c.Deadlines = slices.Clone(c.Deadlines)
	return c
}

// HolderMail is what the mail to the holder says about the case, item by item of Art. 4(c). The mail's own
// words add the rest of them: the request to end the infringement; the warning that the right to use the
// names may be withdrawn when there is no answer within the time; that they are redirected at once.
type HolderMail struct {
	To         Contact      `json:"to"`
	Language   string       `json:"language"`
	Provisions []string     `json:"provisions"` // that are infringed
	Reference  string       `json:"reference"`  // of the authority's file
	Authority  string       `json:"authority"`
	Inspector  Contact      `json:"inspector"` // whom the holder can ask
	Office     string       `json:"office"`
	Sites      []Site       `json:"sites"`      // the names, and where they can still be reached; say nothing of the registrars
	Prosecutor bool         `json:"prosecutor"` // whether the public prosecutor's office has intervened
	Sent       time.Time    `json:"sent"`       // the start of the holder's time
	LastDay    workday.Date `json:"last_day"`   // its end, at 24:00
}

// HolderMail returns the items of the mail to the holder of a case that was approved.
func (c Case) HolderMail() HolderMail {
	m := HolderMail{
		To: c.Parties.Holder, Language: c.Parties.Language, Prosecutor: c.Parties.Prosecutor,
		Provisions: c.Notice.Provisions, Reference: c.Notice.Reference, Authority: c.Notice.Authority,
		Inspector: c.Notice.Inspector, Office: c.Notice.Office,
		Sent: c.Started, LastDay: c.Window,
	}
	if !c.Notified.IsZero() {
		m.Sent = c.Notified
	}
	for _, name := range c.Live() {
		site := c.Parties.Site(name)
		site.Registrar = Contact{}
		m.Sites = append(m.Sites, site)
	}
	return m
}

// zone is what the name is directly below.
func zone(name string) string {
	_, zone, _ := strings.Cut(name, ".")
	return zone
}
