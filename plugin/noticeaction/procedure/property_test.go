package procedure

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/workday"
)

// world is a case with everything that came of it so far.
type world struct {
	rules   Rules
	now     time.Time
	c       Case
	events  []Event
	effects []Effect
	flags   map[string]time.Time // as whoever carries out the effects has them
	putOff  int                  // cancellations, by a correction
}

var someNames = []string{"a.be", "b.be", "c.vlaanderen"}

func newWorld(t *rapid.T) *world {
	names := someNames[:rapid.IntRange(1, len(someNames)).Draw(t, "names")]
	start := rapid.Int64Range(brusselsDay(2026, 6).Unix(), brusselsDay(2032, 1).Unix()).Draw(t, "start")
	w := &world{now: time.Unix(start, 0).UTC(), flags: map[string]time.Time{}}
	if rapid.Bool().Draw(t, "rules") {
		closing := workday.Of(w.now) + workday.Date(rapid.IntRange(0, 300).Draw(t, "closing"))
		w.rules = Rules{Calendar: workday.New(closing, closing+1), Quarantine: map[string]int{"vlaanderen": 60}, FourEyes: true}
	}
	w.apply(t, opening(names...))
	if rapid.IntRange(0, 7).Draw(t, "approved") > 0 {
		w.apply(t, by(Event{Kind: Approve}))
	}
	return w
}

func brusselsDay(year, month int) time.Time {
	return workday.On(year, time.Month(month), 1).Start()
}

// apply records an event now; a refused one changes nothing.
func (w *world) apply(t *rapid.T, e Event) {
	if e.At.IsZero() {
		e.At = w.now
	}
	before := encode(t, w.c)
	steps, err := w.rules.Run(w.c, e, w.now)
	if encode(t, w.c) != before {
		t.Fatalf("%s changed the case it was given", e.Kind)
	}
	if err != nil {
		return
	}
	w.take(t, steps)
}

func (w *world) pass(t *rapid.T, d time.Duration) {
	w.now = w.now.Add(d)
	steps, err := w.rules.Advance(w.c, w.now)
	if err != nil {
		t.Fatal(err)
	}
	w.take(t, steps)
}

// take carries out the effects of the steps and checks what must hold after each.
func (w *world) take(t *rapid.T, steps []Step) {
	for _, s := range steps {
		again, effects, err := w.rules.Apply(w.c, s.Event, s.Event.Recorded)
		if err != nil || encode(t, again) != encode(t, s.Case) || encode(t, effects) != encode(t, s.Effects) {
			t.Fatalf("%s applied again gives another case or other effects: %v", s.Event.Kind, err)
		}
		if r := table[find(s.Event.Kind)]; !slices.Contains(r.to, s.Case.State) {
			t.Fatalf("%s led from %s to %s, which the table does not say", s.Event.Kind, w.c.State, s.Case.State)
		}
		for _, d := range s.Case.Deadlines {
			if !slices.Contains(w.c.Deadlines, d) && !d.Overdue && d.Due < workday.Of(s.Event.At) {
				t.Fatalf("%s of %v set a deadline in its past: %+v", s.Event.Kind, s.Event.At, d)
			}
		}
		if s.Event.Kind == Correct {
			w.checkCorrection(t, s)
		}
		w.events, w.effects = append(w.events, s.Event), append(w.effects, s.Effects...)
		for _, e := range s.Effects {
			w.carryOut(t, s, e)
		}
		w.c = s.Case
		w.checkFlags(t)
	}
}

// checkCorrection: no clock moves but that of the cancellation, in the holder's favour and once.
func (w *world) checkCorrection(t *rapid.T, s Step) {
	if s.Case.Window < w.c.Window || s.Case.Removal < w.c.Removal || s.Case.State != w.c.State || len(s.Case.Deadlines) != len(w.c.Deadlines) {
		t.Fatalf("a correction led from %+v to %+v", w.c, s.Case)
	}
	for i, d := range s.Case.Deadlines {
		if old := w.c.Deadlines[i]; d != old && (d.Kind != RemovalDeadline || d.Due < old.Due) {
			t.Fatalf("a correction made %+v of %+v", d, old)
		}
	}
	if w.c.State != RemovalRun && !s.Case.NotAfter.Equal(w.c.NotAfter) {
		t.Fatalf("a correction keeps the names redirected until %v, not %v", s.Case.NotAfter, w.c.NotAfter)
	}
	if s.Case.Removal != w.c.Removal {
		w.putOff++
	}
	if w.putOff > 1 {
		t.Fatal("corrections put the cancellation off on and on")
	}
	if s.Event.Resend && s.Case.Window < workday.Of(s.Event.At)+windowDays {
		t.Fatalf("the holder, written to on %v, has until %v", workday.Of(s.Event.At), s.Case.Window)
	}
}

func (w *world) carryOut(t *rapid.T, s Step, e Effect) {
	if len(e.Names) == 0 || e.Late != s.Event.Late {
		t.Fatalf("effect without names or with another mark than its event: %+v", e)
	}
	for _, name := range e.Names {
		switch e.Kind {
		case Flag:
			w.flags[name] = e.NotAfter
		case Unflag:
			delete(w.flags, name)
		}
	}
	if e.Order != OrderCancel && e.Order != OrderRelease {
		return
	}
	removed := slices.ContainsFunc(w.events, func(e Event) bool { return e.Kind == Remove })
	if !removed {
		t.Fatalf("%s was ordered, and nobody decided to remove", e.Order)
	}
	earliest := (workday.Of(s.Case.Started) + 14).AddMonths(6).End()
	if s.Event.At.Before(earliest) {
		t.Fatalf("%s was ordered at %v, expected not before %v", e.Order, s.Event.At, earliest)
	}
	decided, claimed := w.lastOf(Remove, len(w.events)), w.lastOf(Claim, len(w.events))
	if w.lastOf(ClaimAtAuthority, len(w.events)) > decided || claimed > 0 && w.lastOf(Relay, decided) < claimed {
		t.Fatalf("%s was ordered, and the last decision did not know of the last claim", e.Order)
	}
}

// lastOf returns the place, from 1, of the last event of a kind among the first n; 0 when there is none.
func (w *world) lastOf(k Kind, n int) int {
	for ; n > 0; n-- {
		if w.events[n-1].Kind == k {
			return n
		}
	}
	return 0
}

func (w *world) checkFlags(t *rapid.T) {
	live := w.c.Live()
	for name := range w.flags {
		if !slices.Contains(live, name) {
			t.Fatalf("%s has left the procedure and is flagged", name)
		}
	}
	if !w.c.State.Redirected() {
		return
	}
	for _, name := range live {
		if !w.flags[name].Equal(w.c.NotAfter) || !w.c.NotAfter.After(w.events[len(w.events)-1].At) {
			t.Fatalf("%s is %s and flagged until %v, the case says %v", name, w.c.State, w.flags[name], w.c.NotAfter)
		}
	}
}

// checkSilence looks at what happens when nobody speaks from now on.
func (w *world) checkSilence(t *rapid.T) {
	if !w.c.State.Redirected() {
		return
	}
	steps, err := w.rules.Advance(w.c, w.now.AddDate(0, 8, 0))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range steps {
		for _, e := range s.Effects {
			if e.Kind == Flag {
				t.Fatalf("silence set a flag, and should only end them: %v", e)
			}
		}
		if left := s.Case.State; left == Reinstated || left == Quarantine {
			if want := workday.Of(w.c.NotAfter) - 1; workday.Of(s.Event.At) != want {
				t.Fatalf("silence ends the redirect at %v, expected a day before the flag's end, %v", s.Event.At, w.c.NotAfter)
			}
			if w.c.State != RemovalRun && left == Quarantine {
				t.Fatalf("silence led from %s to a cancellation", w.c.State)
			}
			return
		}
	}
	t.Fatalf("silence for 8 months leaves %s redirected", w.c.State)
}

// anyEvent draws an event that the state allows, or sometimes any.
func (w *world) anyEvent(t *rapid.T) Event {
	kinds := Allowed(w.c.State)
	if slices.Contains(kinds, Remove) && rapid.IntRange(0, 3).Draw(t, "removed") == 0 {
		return by(Event{Kind: Remove})
	}
	if rapid.IntRange(0, 5).Draw(t, "freeing") > 0 { // else few cases would get far
		kinds = slices.DeleteFunc(kinds, func(k Kind) bool { return slices.Contains(table[find(k)].to, Withdrawn) })
	}
	if len(kinds) == 0 || rapid.IntRange(0, 9).Draw(t, "wild") == 0 {
		kinds = nil
		for _, r := range table {
			kinds = append(kinds, r.on)
		}
	}
	e := by(Event{Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), Text: "a word"})
	takes := table[find(e.Kind)].takes
	if slices.Contains(takes, "names") && rapid.Bool().Draw(t, "some") {
		e.Names = []string{rapid.SampledFrom(someNames).Draw(t, "name")}
	}
	switch e.Kind {
	case Describe:
		e.Parties = parties(w.c.Notice.Names...)
	case File:
		e.Evidence = "N2026-00001"
	case Correct:
		e.Parties = anyCorrection(t, w.c.Notice.Names)
		e.Resend = e.Parties == nil || rapid.Bool().Draw(t, "resend")
	case Extend:
		e.Days = rapid.IntRange(0, 40).Draw(t, "days")
	case ConfirmOrder:
		e.Order = rapid.SampledFrom([]Order{OrderCancel, OrderReinstate, OrderRelease}).Draw(t, "order")
	case ClaimAtAuthority:
		e.Reached = w.now.Add(-time.Duration(rapid.IntRange(0, 20*24).Draw(t, "reached")) * time.Hour)
	}
	return e
}

func anyCorrection(t *rapid.T, names []string) *Parties {
	var p Parties
	if rapid.Bool().Draw(t, "holder") {
		p.Holder = Contact{Email: "new@site.example"}
	}
	if rapid.Bool().Draw(t, "transfer") {
		p.Sites = []Site{{Name: rapid.SampledFrom(names).Draw(t, "transferred"), Registrar: registrarB}}
	}
	if p.Holder == (Contact{}) && p.Sites == nil {
		return nil
	}
	return &p
}

func anyWait(t *rapid.T) time.Duration {
	hours := rapid.OneOf(rapid.IntRange(0, 72), rapid.IntRange(0, 24*20), rapid.IntRange(0, 24*250)).Draw(t, "hours")
	return time.Duration(hours) * time.Hour
}

func TestAnyCase(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		for range rapid.IntRange(1, 16).Draw(t, "turns") {
			w.pass(t, anyWait(t))
			if rapid.Bool().Draw(t, "quiet") {
				continue
			}
			e := w.anyEvent(t)
			if rapid.IntRange(0, 3).Draw(t, "earlier") == 0 {
				e.At = w.now.Add(-time.Duration(rapid.IntRange(0, 24*12).Draw(t, "ago")) * time.Hour)
			}
			w.apply(t, e)
			w.checkSilence(t)
		}

		replayed, err := w.rules.Replay(reread(t, w.events))
		if err != nil || encode(t, replayed) != encode(t, w.c) {
			t.Fatalf("replaying gives another case: %v\n%s\n%s", err, encode(t, replayed), encode(t, w.c))
		}
		for i := range w.events {
			w.events[i] = w.events[i].Erased()
		}
		erased, err := w.rules.Replay(w.events)
		if err != nil || encode(t, erased) != encode(t, w.c.Erased()) {
			t.Fatalf("replaying erased events gives another case than the erased one: %v", err)
		}
		read, err := DecodeCase([]byte(encode(t, w.c)))
		if err != nil || encode(t, read) != encode(t, w.c) {
			t.Fatalf("the case cannot be read again: %v", err)
		}
	})
}

// A desk that was down does the same as one that was not, except that it says so.
func TestLateIsAsTimely(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		late := newWorld(t)
		timely := &world{rules: late.rules, now: late.now, c: late.c, flags: maps.Clone(late.flags),
			events: slices.Clone(late.events), effects: slices.Clone(late.effects)}
		for range rapid.IntRange(1, 10).Draw(t, "turns") {
			until := late.now.Add(anyWait(t))
			for d, runs := Next(timely.c); runs && !until.Before(d.Ends()); d, runs = Next(timely.c) {
				timely.pass(t, d.Ends().Sub(timely.now))
			}
			timely.now, late.now = until, until
			e := late.anyEvent(t)
			timely.apply(t, e)
			late.apply(t, e)
			late.pass(t, 0)
		}
		if slices.ContainsFunc(timely.events, func(e Event) bool { return e.Late }) {
			t.Fatal("what was applied at its time is marked late")
		}
		if encode(t, timely.c) != encode(t, late.c) || unmarked(t, timely) != unmarked(t, late) {
			t.Fatalf("late: %s\ntimely: %s", unmarked(t, late), unmarked(t, timely))
		}
	})
}

// unmarked shows events and effects without their being late.
func unmarked(t *rapid.T, w *world) string {
	events, effects := slices.Clone(w.events), slices.Clone(w.effects)
	for i := range events {
		events[i].Late, events[i].Recorded = false, time.Time{}
	}
	for i := range effects {
		effects[i].Late = false
	}
	return encode(t, events) + encode(t, effects)
}

func encode(t fataler, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("encoding: %v", err)
	}
	return string(b)
}

type fataler interface {
	Helper()
	Fatalf(string, ...any)
}

// reread writes events as JSON and reads them back.
func reread(t fataler, events []Event) []Event {
	t.Helper()
	var read []Event
	for _, e := range events {
		back, err := DecodeEvent([]byte(encode(t, e)))
		if err != nil {
			t.Fatalf("reading an event again: %v", err)
		}
		read = append(read, back)
	}
	return read
}
