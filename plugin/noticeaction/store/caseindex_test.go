package store

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"

	"pgregory.net/rapid"
)

// caseModel is what the indexes should say, found by looking at all cases.
type caseModel struct {
	cases  map[string]procedure.Case
	erased map[string]bool
}

func (m caseModel) runningCaseOf(name string) (id string, ok bool) {
	for id, c := range m.cases {
		if !c.State.Ended() && slices.Contains(c.Live(), name) {
			return id, true
		}
	}
	return "", false
}

// by returns the ids of the cases that have a time, ordered by it.
func (m caseModel) by(at func(c procedure.Case) (time.Time, bool)) (ids []string) {
	for id, c := range m.cases {
		if _, ok := at(c); ok {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b string) int {
		x, _ := at(m.cases[a])
		y, _ := at(m.cases[b])
		return cmp.Or(x.Compare(y), cmp.Compare(a, b))
	})
	return ids
}

func (m caseModel) due(now time.Time) []string {
	return m.by(func(c procedure.Case) (time.Time, bool) {
		d, ok := procedure.Next(c)
		return d.Ends(), ok && !d.Ends().After(now)
	})
}

func (m caseModel) erasable(before time.Time) []string {
	return m.by(func(c procedure.Case) (time.Time, bool) {
		return c.Ended, c.State.Ended() && !m.erased[c.ID] && c.Ended.Before(before)
	})
}

var indexedNames = []string{"a.be", "b.be", "c.be", "d.be"}

// act does one thing to the case of an id and returns the steps; none when there is nothing to do.
func act(rt *rapid.T, m caseModel, id string, now time.Time) []procedure.Step {
	c, opened := m.cases[id]
	if !opened {
		var free []string
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(indexedNames), 1, 3, rapid.ID[string]).Draw(rt, "names") {
			if _, taken := m.runningCaseOf(name); !taken {
				free = append(free, name)
			}
		}
		if len(free) == 0 {
			return nil
		}
		steps, err := run(c, opening(id, free...), now)
		if err != nil {
			rt.Fatal(err)
		}
		return steps
	}
	kinds := []procedure.Kind{
		procedure.Expire, procedure.Approve, procedure.Discard, procedure.Claim, procedure.Relay, procedure.Extend,
		procedure.Reinstate, procedure.Remove, procedure.Stop, procedure.ConfirmOrder,
	}
	e := procedure.Event{Kind: rapid.SampledFrom(kinds).Draw(rt, "event")}
	switch e.Kind {
	case procedure.Expire:
		steps, err := procedure.Rules{}.Advance(c, now)
		if err != nil {
			rt.Fatal(err)
		}
		return steps
	case procedure.Extend:
		e.Days = 10
	case procedure.ConfirmOrder:
		e.Order = procedure.OrderReinstate
	case procedure.Reinstate:
		if live := c.Live(); len(live) > 1 && rapid.Bool().Draw(rt, "only one") {
			e.Names = live[:1]
		}
	}
	steps, err := run(c, e, now)
	if err != nil {
		return nil // the procedure does not allow it now
	}
	return steps
}

// The indexes are those of the cases, whatever happens.
func TestIndexesFollowCases(t *testing.T) {
	dir, runs := t.TempDir(), 0
	failure := errors.New("no")
	rapid.Check(t, func(rt *rapid.T) {
		runs++
		s := openTest(t, filepath.Join(dir, fmt.Sprint(runs)))
		s.db.NoSync = true
		defer s.Close()
		m := caseModel{cases: make(map[string]procedure.Case), erased: make(map[string]bool)}
		now := noon
		for range rapid.IntRange(1, 40).Draw(rt, "changes") {
			id := rapid.SampledFrom([]string{"2026-00001", "2026-00002", "2026-00003", "2027-00001"}).Draw(rt, "case")
			now = now.AddDate(0, 0, rapid.SampledFrom([]int{0, 0, 0, 1, 5, 20, 200}).Draw(rt, "days")).Add(time.Minute)
			if c := m.cases[id]; c.State.Ended() && rapid.Bool().Draw(rt, "erase") {
				mustUpdate(t, s, func(tx *Tx) error { return tx.EraseCase(id) })
				m.cases[id], m.erased[id] = c.Erased(), true
				continue
			}
			steps := act(rt, m, id, now)
			if len(steps) == 0 {
				continue
			}
			if rapid.IntRange(0, 9).Draw(rt, "failure") == 0 {
				if err := s.Update(func(tx *Tx) error { return errors.Join(keep(tx, steps), failure) }); !errors.Is(err, failure) {
					rt.Fatal(err)
				}
				continue
			}
			mustUpdate(t, s, func(tx *Tx) error { return keep(tx, steps) })
			m.cases[id], m.erased[id] = steps[len(steps)-1].Case, false
		}
		if err := s.View(func(tx *Tx) error { return compareIndexes(rt, tx, m, now) }); err != nil {
			rt.Fatal(err)
		}
	})
}

func compareIndexes(rt *rapid.T, tx *Tx, m caseModel, now time.Time) error {
	for _, name := range indexedNames {
		got, ok := tx.RunningCaseOf(name)
		if want, is := m.runningCaseOf(name); got != want || ok != is {
			rt.Errorf("running case of %s = %q, %v; want %q, %v", name, got, ok, want, is)
		}
	}
	for _, at := range []time.Time{{}, noon, now, now.AddDate(0, 0, 14), now.AddDate(10, 0, 0)} {
		if got, want := slices.Collect(tx.DueCases(at)), m.due(at); !slices.Equal(got, want) {
			rt.Errorf("due at %s = %q, want %q", at, got, want)
		}
		got, err := tx.Erasable(at)
		if want := m.erasable(at); err != nil || !slices.Equal(got, want) {
			rt.Errorf("erasable before %s = %q, %v; want %q", at, got, err, want)
		}
	}
	var first time.Time
	if ids := m.due(now.AddDate(10, 0, 0)); len(ids) > 0 {
		d, _ := procedure.Next(m.cases[ids[0]])
		first = d.Ends()
	}
	if got, ok := tx.NextCaseDeadline(); !got.Equal(first) || ok == first.IsZero() {
		rt.Errorf("next deadline = %s, %v; want %s", got, ok, first)
	}
	for id, c := range m.cases {
		if got, ok, err := tx.Case(id); err != nil || !ok || !reflect.DeepEqual(got, c) {
			rt.Errorf("case = %+v, %v, %v; want %+v", got, ok, err, c)
		}
		events, err := tx.CaseEvents(id)
		if err != nil || len(events) != c.Events {
			rt.Errorf("%d events of %s, %v; want %d", len(events), id, err, c.Events)
		}
	}
	all, err := collect(tx.Cases(CaseQuery{}))
	if len(all) != len(m.cases) {
		rt.Errorf("%d cases, want %d", len(all), len(m.cases))
	}
	return err
}
