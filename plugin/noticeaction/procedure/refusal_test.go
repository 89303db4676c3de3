package procedure

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/workday"
)

func TestWhatEachStateAllows(t *testing.T) {
	authority := []Kind{Reinstate, Suspend, Stop}
	tests := []struct {
		state State
		want  []Kind
	}{
		{"", []Kind{Open}},
		{Received, slices.Concat([]Kind{Describe, Approve, Discard, Word, Relay}, authority)},
		{HolderWindow, slices.Concat([]Kind{Correct, Claim, ClaimAtAuthority, Word, Relay, Extend}, authority, []Kind{Remove, ConfirmOrder})},
		{ReviewReminder, slices.Concat([]Kind{Correct, Claim, ClaimAtAuthority, Word, Relay, Extend}, authority, []Kind{Remove, ConfirmOrder})},
		{ReviewClaim, slices.Concat([]Kind{Correct, Claim, ClaimAtAuthority, Word, Relay}, authority, []Kind{Remove, ConfirmOrder})},
		{ReviewAuthority, slices.Concat([]Kind{Correct, Claim, ClaimAtAuthority, Word, Relay}, authority, []Kind{Remove, ConfirmOrder})},
		{RemovalRun, slices.Concat([]Kind{Correct, Claim, ClaimAtAuthority, Word, Relay}, authority, []Kind{ConfirmOrder})},
		{Quarantine, slices.Concat([]Kind{Correct, Word, Relay}, authority, []Kind{ConfirmOrder})},
		{Reinstated, []Kind{Correct, ConfirmOrder}},
		{Withdrawn, nil},
		{Released, []Kind{Correct, ConfirmOrder}},
	}
	if len(tests) != len(States)+1 {
		t.Errorf("expected a row for each of %v", States)
	}
	for _, tt := range tests {
		t.Run(string(tt.state), func(t *testing.T) {
			if got := Allowed(tt.state); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			for _, r := range table {
				if r.on == Expire || r.on == File && tt.state != "" || slices.Contains(tt.want, r.on) {
					continue
				}
				c := Case{State: tt.state}
				_, _, err := Rules{}.Apply(c, by(Event{Kind: r.on, At: brussels(t, "2026-05-12 10:00")}), brussels(t, "2026-05-12 10:00"))
				var refused *StateError
				if !errors.As(err, &refused) || refused.State != tt.state || !slices.Equal(refused.Allowed, tt.want) {
					t.Errorf("%s: got %v, want a refusal with the state and what it allows", r.on, err)
				}
			}
		})
	}
}

func TestEachRuleNamesItsArticle(t *testing.T) {
	for _, r := range table {
		if got := r.on.Article(); !strings.HasPrefix(got, "4(") && r.on != "" {
			t.Errorf("%s rests on %q, want a part of Article 4", r.on, got)
		}
	}
	for _, s := range silences {
		if d := (Deadline{Kind: s.kind}); !strings.HasPrefix(d.Article(), "4(a)") || d.IfSilent() == "" {
			t.Errorf("%s rests on %q and brings %q", s.kind, d.Article(), d.IfSilent())
		}
	}
}

func TestRefusals(t *testing.T) {
	change := func(f func(*Event)) Event {
		e := opening(oneName)
		f(&e)
		return e
	}
	tests := []struct {
		name   string
		before []Event // applied on 13 and 14 May 2026; none: the case is not open
		event  Event
		want   error // its type counts
		detail string
	}{
		{"no such kind", nil, Event{Kind: "forget"}, &InvalidError{}, `kind: expected the kind of an event, got "forget"`},
		{"no notice", nil, Event{Kind: Open, Case: "c1"}, &InvalidError{}, "notice: expected the notice"},
		{"no id", nil, change(func(e *Event) { e.Case = "" }), &InvalidError{}, "case: expected one line of 1 to 63 characters"},
		{"no actor", nil, change(func(e *Event) { e.Actor.Name = "" }), &InvalidError{}, "actor: "},
		{"unknown actor", nil, change(func(e *Event) { e.Actor.Kind = "holder" }), &ActorError{}, `got "holder"`},
		{"signed in the future", nil, change(func(e *Event) { e.Notice.Signed = workday.On(2026, time.May, 20) }), &InvalidError{}, "notice.signed: "},
		{"before the protocol", nil, change(func(e *Event) { e.At = brussels(t, "2020-11-30 23:59") }), &InvalidError{}, "at: expected a time since the protocol is in force, 2020-12-01"},
		{"name with a capital", nil, change(func(e *Event) { e.Notice.Names = []string{"Example.be"} }), &InvalidError{}, "names: expected names in lowercase A-labels"},
		{"name with a final dot", nil, change(func(e *Event) { e.Notice.Names = []string{"example.be."} }), &InvalidError{}, "names: "},
		{"name of one label", nil, change(func(e *Event) { e.Notice.Names = []string{"be"} }), &InvalidError{}, "names: "},
		{"name twice", nil, change(func(e *Event) { e.Notice.Names = []string{"a.be", "a.be"} }), &InvalidError{}, "names: expected each name once"},
		{"too many names", nil, change(func(e *Event) { e.Notice.Names = make([]string, 101) }), &InvalidError{}, "names: expected at most 100, got 101"},
		{"reference of two lines", nil, change(func(e *Event) { e.Notice.Reference = "a\nb" }), &InvalidError{}, "reference: expected one line"},
		{"address without @", nil, change(func(e *Event) { e.Notice.Inspector.Email = "inspector" }), &InvalidError{}, "inspector.email: expected an address as local@domain"},
		{"address with an empty label", nil, change(func(e *Event) { e.Parties.Holder.Email = "holder@site..example" }), &InvalidError{}, "holder.email: expected an address as local@domain, with a domain"},
		{"address of one label", nil, change(func(e *Event) { e.Parties.Sites[0].Registrar.Email = "abuse@registrar" }), &InvalidError{}, "registrar.email: expected an address as local@domain, with a domain"},
		{"unknown language", nil, change(func(e *Event) { e.Parties.Language = "es" }), &InvalidError{}, "language: expected one of [nl fr de en]"},
		{"site of another name", nil, change(func(e *Event) { e.Parties.Sites[0].Name = "other.be" }), &InvalidError{}, "sites: expected each name of the case"},
		{"offline with addresses", nil, change(func(e *Event) { e.Parties.Sites[0].Offline = true }), &InvalidError{}, "addresses: expected none"},
		{"too long a text", nil, change(func(e *Event) { e.Text = strings.Repeat("x", 64<<10+1) }), &InvalidError{}, "text: expected at most 65536 bytes"},

		{"no time", []Event{opening(oneName)}, Event{Kind: Describe, At: time.Time{}.Add(time.Nanosecond)}, &InvalidError{}, "at: expected the time of the event"},
		{"in the future", []Event{opening(oneName)}, Event{Kind: Stop, At: brussels(t, "2026-05-14 09:01")}, &InvalidError{}, "at: expected a time not in the future"},
		{"before the notice", []Event{opening(oneName)}, Event{Kind: Stop, At: brussels(t, "2026-05-12 09:59")}, &InvalidError{}, "at: expected a time not before the notice"},
		{"described by nothing", []Event{opening(oneName)}, Event{Kind: Describe}, &InvalidError{}, "parties: "},
		{"approved by the authority", []Event{opening(oneName)}, Event{Kind: Approve, Actor: dpa}, &ActorError{}, "expected approve to be recorded by [operator]"},
		{"approved by who opened", []Event{opening(oneName)}, Event{Kind: Approve, Actor: opener}, ErrFourEyes, "another person"},
		{"approved for yesterday", []Event{opening(oneName)}, Event{Kind: Approve, At: brussels(t, "2026-05-13 12:00")}, &InvalidError{}, "at: expected the day on which the holder is written to, 2026-05-14"},
		{"approved, holder unknown", []Event{change(func(e *Event) { e.Parties = nil })}, Event{Kind: Approve}, &MissingError{},
			"missing: e-mail address of the holder; language of the holder; e-mail address of the registrar of example.be; address at which example.be can still be reached"},

		{"nothing corrected", []Event{opening(oneName), {Kind: Approve}}, Event{Kind: Correct}, &InvalidError{}, "parties: expected the contacts that are not right, or resend"},
		{"corrected by an empty object", []Event{opening(oneName), {Kind: Approve}}, Event{Kind: Correct, Parties: &Parties{}}, &InvalidError{}, "parties: expected the contacts that are not right, or resend"},
		{"corrected by the authority", []Event{opening(oneName), {Kind: Approve}}, Event{Kind: Correct, Actor: dpa, Resend: true}, &ActorError{}, "[operator]"},
		{"corrected to no address", []Event{opening(oneName), {Kind: Approve}}, Event{Kind: Correct, Parties: &Parties{Holder: Contact{Name: "H. Older"}}}, &MissingError{}, "missing: e-mail address of the holder"},
		{"corrected to a bad address", []Event{opening(oneName), {Kind: Approve}}, Event{Kind: Correct, Parties: &Parties{Holder: Contact{Email: "holder"}}}, &InvalidError{}, "holder.email: "},
		{"corrected, where the site was", []Event{opening(oneName), {Kind: Approve}}, Event{Kind: Correct, Parties: parties(oneName)}, &InvalidError{}, "addresses: expected none with a correction"},
		{"corrected, the prosecutor", []Event{opening(oneName), {Kind: Approve}}, Event{Kind: Correct, Parties: &Parties{Prosecutor: true}}, &InvalidError{}, "parties: expected no prosecutor"},
		{"corrected, another name", []Event{opening(oneName), {Kind: Approve}}, Event{Kind: Correct, Parties: &Parties{Sites: []Site{{Name: "other.be"}}}}, &InvalidError{}, "sites: "},
		{"sent anew yesterday", []Event{opening(oneName), {Kind: Approve}}, Event{Kind: Correct, Resend: true, At: brussels(t, "2026-05-13 12:00")}, &InvalidError{}, "at: expected the day on which the holder is written to"},
		{"sent anew about a name that is back", []Event{opening(oneName), {Kind: Approve}, {Kind: Stop}}, Event{Kind: Correct, Resend: true}, &InvalidError{}, "resend: expected names that are redirected"},

		{"a deadline by hand", []Event{opening(oneName), {Kind: Approve}}, Event{Kind: Expire, Actor: desk}, &ActorError{}, "[system]"},
		{"a deadline that does not run", []Event{opening(oneName), {Kind: Approve}},
			Event{Kind: Expire, Actor: Actor{System, "x"}, Deadline: &Deadline{Kind: RemovalDeadline}}, &InvalidError{}, "deadline: expected the one that ends first"},
		{"a decision about some names", []Event{opening(oneName), {Kind: Approve}}, Event{Kind: Remove, Names: []string{oneName}}, &InvalidError{}, "names: expected none with remove"},
		{"stop of another name", []Event{opening(oneName), {Kind: Approve}}, Event{Kind: Stop, Names: []string{"other.be"}}, &InvalidError{}, "names: expected names that are still in the procedure"},
		{"extended by nothing", []Event{opening(oneName), {Kind: Approve}}, Event{Kind: Extend}, &InvalidError{}, "days: expected 1 to 366 days"},
		{"extended twice over", []Event{opening(oneName), {Kind: Approve}}, Event{Kind: Extend, Days: 1, Until: 1}, &InvalidError{}, "days: "},
		{"extended backwards", []Event{opening(oneName), {Kind: Approve}}, Event{Kind: Extend, Days: -1}, &InvalidError{}, "days: "},
		{"extended for years", []Event{opening(oneName), {Kind: Approve}}, Event{Kind: Extend, Days: 367}, &InvalidError{}, "days: "},
		{"shortened", []Event{opening(oneName), {Kind: Approve}}, Event{Kind: Extend, Until: date(t, "2026-05-27")}, &InvalidError{}, "until: expected a day after 2026-05-27"},
		{"extended until years later", []Event{opening(oneName), {Kind: Approve}}, Event{Kind: Extend, Until: date(t, "2027-05-29")}, &InvalidError{}, "until: "},
		{"reached the authority later", []Event{opening(oneName), {Kind: Approve}}, Event{Kind: ClaimAtAuthority, Reached: brussels(t, "2026-05-14 09:01")}, &InvalidError{}, "reached: "},
		{"nothing to relay", []Event{opening(oneName), {Kind: Approve}}, Event{Kind: Relay}, &InvalidError{}, "word: "},
		{"another word to relay", []Event{opening(oneName), {Kind: Approve}, {Kind: Word}}, Event{Kind: Relay, Word: 1}, &InvalidError{}, "word: "},
		{"relayed before it was said", []Event{opening(oneName), {Kind: Approve}, {Kind: Word}}, Event{Kind: Relay, At: brussels(t, "2026-05-13 12:00")}, &InvalidError{}, "at: expected a day not before the holder's word, 2026-05-14"},
		{"an order that was not placed", []Event{opening(oneName), {Kind: Approve}}, Event{Kind: ConfirmOrder, Order: OrderCancel}, &InvalidError{}, "order: "},
		{"an order confirmed before it was placed", []Event{opening(oneName), {Kind: Approve}, {Kind: Stop}},
			Event{Kind: ConfirmOrder, Order: OrderReinstate, At: brussels(t, "2026-05-13 12:00")}, &InvalidError{}, "order: "},
		{"after the end", []Event{opening(oneName), {Kind: Approve}, {Kind: Stop}}, Event{Kind: Remove}, &StateError{}, "a case that is reinstated takes [correct confirm_order], got remove"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := Rules{FourEyes: true}
			var c Case
			for i, e := range tt.before {
				c = last(r.at(t, c, []string{"2026-05-13 08:00", "2026-05-13 11:00", "2026-05-14 08:00"}[i], e), c)
			}
			e, now := by(tt.event), brussels(t, "2026-05-14 09:00")
			if e.At.IsZero() {
				e.At = now
			}
			next, effects, err := r.Apply(c, e, now)
			if err == nil || effects != nil || !reflect.DeepEqual(next, c) {
				t.Fatalf("expected the event to be refused and the case as it was, got %v", err)
			}
			if reflect.TypeOf(err) != reflect.TypeOf(tt.want) {
				t.Errorf("got a %T, want %T", err, tt.want)
			}
			if !strings.Contains(err.Error(), tt.detail) {
				t.Errorf("got %q, want %q in it", err, tt.detail)
			}
		})
	}
}

func TestTheOrderOfTime(t *testing.T) {
	var r Rules
	c := opened(t, r, oneName)
	now := brussels(t, "2026-05-29 09:00")
	first, _ := Next(c)
	expire := func(at string, d Deadline) Event {
		return Event{Kind: Expire, Actor: Actor{System, "test"}, At: brussels(t, at), Deadline: &d}
	}
	tests := []struct {
		name  string
		event Event
		want  []Kind // as Run applies them; none: refused
		apply bool   // Apply alone takes it as well
	}{
		{"a claim within the window, recorded late", Event{Kind: Claim, At: brussels(t, "2026-05-27 23:59")}, []Kind{Claim}, true},
		{"a claim after the window", Event{Kind: Claim, At: brussels(t, "2026-05-28 00:00")}, []Kind{Expire, Claim}, false},
		{"a deadline at its end", expire("2026-05-28 00:00", first), nil, true},
		{"a deadline before its end", expire("2026-05-27 23:59", first), nil, false},
		{"a deadline after its end", expire("2026-05-28 00:01", first), nil, false},
		{"another deadline", expire("2026-05-28 00:00", Deadline{Kind: RemovalDeadline, Due: first.Due}), nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := by(tt.event)
			if _, _, err := r.Apply(c, e, now); (err == nil) != tt.apply {
				t.Errorf("Apply: got %v, want it taken: %v", err, tt.apply)
			} else if len(tt.want) > 1 && !errors.Is(err, ErrDueFirst) {
				t.Errorf("Apply: got %v, want ErrDueFirst", err)
			}
			steps, err := r.Run(c, e, now)
			var got []Kind
			for _, s := range steps {
				if got = append(got, s.Event.Kind); !s.Event.Recorded.Equal(now) {
					t.Errorf("%s recorded at %v, want %v", s.Event.Kind, s.Event.Recorded, now)
				}
			}
			if !slices.Equal(got, tt.want) || (err == nil) != (tt.want != nil) {
				t.Errorf("Run: got %v, %v, want %v", got, err, tt.want)
			}
		})
	}
}

func TestWhenADeadlineIsDue(t *testing.T) {
	c := opened(t, Rules{}, oneName)
	tests := []struct {
		now       string
		due, late bool
	}{
		{"2026-05-27 23:59", false, false},
		{"2026-05-28 00:00", true, false},
		{"2026-05-28 00:05", true, false},
		{"2026-05-28 00:06", true, true},
		{"2027-05-28 00:00", true, true},
	}
	for _, tt := range tests {
		e, due := Due(c, brussels(t, tt.now))
		if due != tt.due || e.Late != tt.late || due && !e.At.Equal(brussels(t, "2026-05-28 00:00")) {
			t.Errorf("%s: got %v late %v at %v", tt.now, due, e.Late, e.At)
		}
	}
	if e, due := Due(Case{State: Reinstated}, brussels(t, "2027-05-28 00:00")); due {
		t.Errorf("a case that is over has a deadline: %v", e)
	}
}

func TestReplayOfWhatNeverHappened(t *testing.T) {
	at := brussels(t, "2026-05-12 10:00")
	c, err := Rules{}.Replay([]Event{{Kind: Stop, At: at, Recorded: at, Actor: dpa}})
	var refused *StateError
	if !errors.As(err, &refused) || c.ID != "" {
		t.Errorf("got %v, want a refusal", err)
	}
}
