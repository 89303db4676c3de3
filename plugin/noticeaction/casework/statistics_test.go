package casework

import (
	"errors"
	"iter"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/workday"
)

func countedOf(cases []procedure.Case) iter.Seq2[procedure.Case, error] {
	return func(yield func(procedure.Case, error) bool) {
		for _, c := range cases {
			if !yield(c, nil) {
				return
			}
		}
	}
}

// counted is a case that was received at a time and redirected after so long; 0: it was not.
func counted(received time.Time, redirectedAfter time.Duration, change func(*procedure.Case)) procedure.Case {
	c := procedure.Case{
		Notice:   procedure.Notice{Authority: "apd-gba", Office: "Inspector General", Provisions: []string{"GDPR 6"}},
		Names:    []procedure.Name{{Name: "a.be"}},
		State:    procedure.HolderWindow,
		Received: received,
	}
	if redirectedAfter > 0 {
		c.Started = received.Add(redirectedAfter)
	}
	if change != nil {
		change(&c)
	}
	return c
}

func countedAs(state procedure.State, why procedure.Outcome) func(*procedure.Case) {
	return func(c *procedure.Case) {
		c.State, c.Outcome = state, why
		for i := range c.Names {
			c.Names[i].Outcome = why
		}
	}
}

func TestStatistics(t *testing.T) {
	noon := time.Date(2026, 5, 12, 10, 0, 0, 0, time.UTC)
	from, to := workday.On(2026, 5, 1), workday.On(2026, 5, 31)
	cases := []procedure.Case{
		counted(from.Start().Add(-time.Second), time.Hour, nil),
		counted(from.Start(), time.Hour, nil),
		counted(noon, 0, countedAs(procedure.Withdrawn, procedure.Discarded)),
		counted(noon, 2*time.Hour, countedAs(procedure.Reinstated, procedure.Complied)),
		counted(noon, 3*time.Hour, countedAs(procedure.Reinstated, procedure.Silent)),
		counted(noon, 9*time.Hour, func(c *procedure.Case) {
			countedAs(procedure.Released, procedure.Cancelled)(c)
			c.Notice.Authority, c.Notice.Office = "fps-economy", "Director General"
			c.Notice.Provisions = []string{"GDPR 6", "GDPR 13", "GDPR 6"}
			c.Names = []procedure.Name{{Name: "a.be", Outcome: procedure.Stopped}, {Name: "b.be", Outcome: procedure.Cancelled}}
			c.Claims, c.Extensions, c.Missed, c.Removed = 2, 1, 3, workday.Of(noon)
		}),
		counted(to.End().Add(-time.Second), 0, func(c *procedure.Case) { c.State, c.Missed = procedure.Received, 1 }),
		counted(to.End(), time.Hour, nil),
	}
	s, err := statistics(countedOf(cases), from, to)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ got, want any }{
		"cases":      {s.Cases, 6},
		"running":    {s.Running, 2},
		"names":      {s.Names, 7},
		"redirected": {s.Redirected, 4},
		"median":     {s.Median, 2 * time.Hour},
		"p90":        {s.P90, 9 * time.Hour},
		"longest":    {s.Longest, 9 * time.Hour},
		"claimed":    {s.Claimed, 1},
		"claims":     {s.Claims, 2},
		"extensions": {s.Extensions, 1},
		"removals":   {s.Removals, 1},
		"missed":     {s.Missed, 4},
		"from":       {s.From, from},
		"to":         {s.To, to},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: got %v, want %v", name, tt.got, tt.want)
		}
	}
	for name, tt := range map[string]struct{ got, want map[string]int }{
		"authorities": {s.Authorities, map[string]int{"apd-gba": 5, "fps-economy": 1}},
		"offices":     {s.Offices, map[string]int{"Inspector General": 5, "Director General": 1}},
		"provisions":  {s.Provisions, map[string]int{"GDPR 6": 6, "GDPR 13": 1}},
	} {
		if !maps.Equal(tt.got, tt.want) {
			t.Errorf("%s: got %v, want %v", name, tt.got, tt.want)
		}
	}
	outcomes := map[procedure.Outcome]int{procedure.Discarded: 1, procedure.Complied: 1, procedure.Silent: 1, procedure.Cancelled: 1}
	if !maps.Equal(s.Outcomes, outcomes) {
		t.Errorf("outcomes: got %v, want %v", s.Outcomes, outcomes)
	}
	outcomes[procedure.Stopped] = 1
	if !maps.Equal(s.NameOutcomes, outcomes) {
		t.Errorf("outcomes of names: got %v, want %v", s.NameOutcomes, outcomes)
	}
}

func TestStatisticsOfNothing(t *testing.T) {
	day := workday.On(2026, 5, 12)
	s, err := statistics(countedOf(nil), day, day)
	if err != nil || s.Cases != 0 || s.Median != 0 || s.P90 != 0 || s.Longest != 0 || s.Authorities == nil {
		t.Errorf("got %+v, %v", s, err)
	}
}

func TestStatisticsRefused(t *testing.T) {
	day := workday.On(2026, 5, 12)
	_, err := statistics(countedOf(nil), day, day-1)
	var refusal *Error
	if !errors.As(err, &refusal) || refusal.Kind != Invalid || refusal.Field != "to" || !strings.Contains(refusal.Detail, "2026-05-12") {
		t.Errorf("got %v, want a refusal of the last day", err)
	}
	broken := errors.New("input/output error")
	if _, err := statistics(func(yield func(procedure.Case, error) bool) { yield(procedure.Case{}, broken) }, day, day); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
}

// Whatever the cases: every one of them counts once, and the times are in order.
func TestStatisticsAddUp(t *testing.T) {
	from, to := workday.On(2026, 1, 1), workday.On(2026, 12, 31)
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 40).Draw(t, "cases")
		var cases []procedure.Case
		for range n {
			after := time.Duration(rapid.IntRange(0, 1000).Draw(t, "after")) * time.Second
			c := counted(from.Start().Add(time.Hour), after, nil)
			c.State = rapid.SampledFrom(procedure.States).Draw(t, "state")
			if c.State.Ended() {
				countedAs(c.State, procedure.Complied)(&c)
			}
			cases = append(cases, c)
		}
		s, err := statistics(countedOf(cases), from, to)
		if err != nil {
			t.Fatal(err)
		}
		if s.Cases != n || s.Running+s.Outcomes[procedure.Complied] != n || s.Authorities["apd-gba"] != n {
			t.Fatalf("%d cases add up to %+v", n, s)
		}
		if s.Median > s.P90 || s.P90 > s.Longest {
			t.Fatalf("got %v, %v, %v", s.Median, s.P90, s.Longest)
		}
		within := 0
		for _, c := range cases {
			if !c.Started.IsZero() && c.Started.Sub(c.Received) <= s.Median {
				within++
			}
		}
		if 2*within < s.Redirected {
			t.Fatalf("%d of %d within the median %v", within, s.Redirected, s.Median)
		}
	})
}

func TestStatisticsOfOneAuthority(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := caseDesk(t)
		d.openCase("a.be")
		d.openCase("b.be")
		other := opening("c.be")
		other.Notice.Authority = "fps-economy"
		if _, err := d.OpenCase(t.Context(), clerk, other); err != nil {
			t.Fatal(err)
		}
		from, to := workday.On(2026, 5, 1), workday.On(2026, 5, 31)
		for _, tt := range []struct {
			name      string
			who       Order
			authority string
			cases     int
			kind      Kind
		}{
			{"all", clerk, "", 3, 0},
			{"one", clerk, "apd-gba", 2, 0},
			{"the other", clerk, "fps-economy", 1, 0},
			{"one that there is not", clerk, "gaming", 0, 0},
			{"its own, unasked", dpa, "", 2, 0},
			{"its own", dpa, "apd-gba", 2, 0},
			{"another's", dpa, "fps-economy", 0, Forbidden},
			{"none that could be", clerk, "APD", 0, Invalid},
		} {
			s, err := d.Statistics(tt.who, tt.authority, from, to)
			if tt.kind != 0 {
				wantKind(t, err, tt.kind)
				continue
			}
			if err != nil || s.Cases != tt.cases {
				t.Errorf("%s: got %d cases of %q, %v; want %d", tt.name, s.Cases, s.Authority, err, tt.cases)
			}
		}
	})
}
