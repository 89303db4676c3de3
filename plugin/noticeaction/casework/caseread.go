package casework

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/workday"
)

// Case returns a case with its events and open tasks. The refusal is an *Error of kind NotFound, Forbidden
// when it is another authority's, or Unavailable.
func (d *Desk) Case(o Order, id string) (v CaseView, err error) {
	err = d.view(func(tx *store.Tx) error {
		if v.Case, err = caseFor(tx, o, id); err != nil {
			return err
		}
		if v.Events, err = tx.CaseEvents(id); err != nil {
			return err
		}
		for t, err := range tx.Tasks(store.TaskQuery{Open: true, Case: id}) {
			if err != nil {
				return err
			}
			v.Tasks = append(v.Tasks, t)
		}
		return nil
	})
	return v, err
}

// Cases returns a page of cases in the order of their ids, and what to put in After for the next; empty at the
// end. An authority gets its own.
func (d *Desk) Cases(o Order, q store.CaseQuery, limit int) (cases []procedure.Case, next string, err error) {
	if o.Authority != "" {
		q.Authority = o.Authority
	}
	if q.Name != "" {
		if q.Name, err = canonical(q.Name); err != nil {
			return nil, "", err
		}
	}
	if q.State != "" && !slices.Contains(procedure.States, q.State) {
		return nil, "", &Error{Kind: Invalid, Field: "state", Value: Clip(string(q.State)), Detail: fmt.Sprintf("expected one of %v", procedure.States)}
	}
	err = d.view(func(tx *store.Tx) error {
		cases, next, err = page(tx.Cases(q), limit, func(c procedure.Case) string { return c.ID }, func(procedure.Case) bool { return true })
		return err
	})
	return cases, next, err
}

// Deadlines returns the deadlines that run, those that end first first. An authority gets those of its own
// cases.
func (d *Desk) Deadlines(o Order, limit int) (all []RunningDeadline, err error) {
	if err := checkLimit(limit); err != nil {
		return nil, err
	}
	err = d.view(func(tx *store.Tx) error {
		for c, err := range tx.Cases(store.CaseQuery{Authority: o.Authority, Running: true}) {
			if err != nil {
				return err
			}
			for _, deadline := range c.Deadlines {
				all = append(all, RunningDeadline{Case: c.ID, Authority: c.Notice.Authority, State: c.State, Names: c.Live(), Deadline: deadline})
			}
		}
		return nil
	})
	slices.SortStableFunc(all, func(a, b RunningDeadline) int {
		return cmp.Or(cmp.Compare(a.Deadline.Due, b.Deadline.Due), cmp.Compare(a.Case, b.Case))
	})
	return all[:min(len(all), limit)], err
}

// Outbox returns a page of what left or is to leave, oldest first, and what to put in After for the next; 0 at
// the end. An authority gets the mails of its own cases.
func (d *Desk) Outbox(o Order, q store.OutgoingQuery, limit int) (all []store.Outgoing, next uint64, err error) {
	if q.Status != "" && !slices.Contains(store.Statuses, q.Status) {
		return nil, 0, &Error{Kind: Invalid, Field: "status", Value: Clip(string(q.Status)), Detail: fmt.Sprintf("expected one of %v", store.Statuses)}
	}
	err = d.view(func(tx *store.Tx) error {
		if q.Case != "" {
			if _, err := caseFor(tx, o, q.Case); err != nil {
				return err
			}
		}
		all, next, err = page(tx.Outbox(q), limit, func(out store.Outgoing) uint64 { return out.ID }, func(out store.Outgoing) bool {
			if o.Authority == "" || q.Case != "" {
				return true
			}
			_, refusal := caseFor(tx, o, out.Case)
			return refusal == nil
		})
		return err
	})
	return all, next, err
}

// Outgoing returns something that left or is to leave, with what it says. The refusal is an *Error of kind
// NotFound, Forbidden or Unavailable.
func (d *Desk) Outgoing(o Order, id uint64) (l Leaving, err error) {
	err = d.view(func(tx *store.Tx) error {
		var ok bool
		if l.Outgoing, ok, err = tx.Outgoing(id); err != nil {
			return err
		}
		if !ok {
			return noOutgoing()
		}
		l.Payload = tx.Payload(id)
		_, err = caseFor(tx, o, l.Case)
		return err
	})
	if err != nil {
		return Leaving{}, err
	}
	return l, nil
}

// Statistics returns the figures of the cases of an authority, or of all when it is empty, received on the days
// from the first to the last, for the report of Art. 7. An authority gets those of its own cases.
func (d *Desk) Statistics(o Order, authority string, from, to workday.Date) (s Statistics, err error) {
	switch {
	case authority == "":
		authority = o.Authority
	case o.Authority != "" && o.Authority != authority:
		return s, &Error{Kind: Forbidden, Field: "authority", Value: Clip(authority), Detail: "expected the authority " + o.Authority}
	default:
		if err := CheckAuthority(authority); err != nil {
			return s, err
		}
	}
	if from == 0 || to == 0 || to < from {
		return s, &Error{Kind: Invalid, Field: "to", Detail: "expected the first and the last day, in their order"}
	}
	err = d.view(func(tx *store.Tx) error {
		s, err = statistics(tx.Cases(store.CaseQuery{Authority: authority}), from, to)
		s.Authority = authority
		return err
	})
	return s, err
}

// Figures are what there is at this moment, for metrics. They name nobody.
type Figures struct {
	store.Counts
	Next time.Time // when the next deadline ends; zero: none runs
}

// Figures returns them without reading all that there is.
func (d *Desk) Figures() (f Figures, err error) {
	if f.Counts, err = d.store.Counts(); err != nil {
		return f, err
	}
	err = d.view(func(tx *store.Tx) error {
		f.Next, _ = tx.NextCaseDeadline()
		return nil
	})
	return f, err
}

// Verify checks the stored events of a case against the journal: each is the one whose sum the journal holds,
// or was erased. The error says which is not. It reads the whole journal.
func (d *Desk) Verify(id string) error {
	return d.view(func(tx *store.Tx) error {
		sums, erased, err := tx.CaseEventSums(id)
		if err != nil {
			return err
		}
		seen := 0
		for seq := range tx.Journal(0) {
			e, err := tx.Entry(seq)
			if err != nil {
				return err
			}
			if e.Action != actionCase || e.Case != id {
				continue
			}
			if seen++; e.Event != seen || seen > len(sums) {
				return &Error{Kind: Conflict, Field: "case", Value: id, Detail: fmt.Sprintf("expected event %d in line %d of the journal, got event %d of %d", seen, seq, e.Event, len(sums))}
			}
			if !erased[seen-1] && e.Record != hex.EncodeToString(sums[seen-1][:]) {
				return &Error{Kind: Conflict, Field: "case", Value: id, Detail: fmt.Sprintf("expected event %d to be the one of line %d of the journal", seen, seq)}
			}
		}
		if seen != len(sums) {
			return &Error{Kind: Conflict, Field: "case", Value: id, Detail: fmt.Sprintf("expected %d events in the journal, got %d", len(sums), seen)}
		}
		return nil
	})
}

// registryOnly refuses an authority what is the registry's own.
func (o Order) registryOnly(what string) error {
	if o.Authority == "" {
		return nil
	}
	return &Error{Kind: Forbidden, Detail: "expected access for the registry; " + what + " are not for an authority"}
}

// page takes the first of all that are wanted, and the key of the last of them if there are more.
func page[T any, K comparable](all iter.Seq2[T, error], limit int, key func(T) K, wanted func(T) bool) (taken []T, next K, err error) {
	if err := checkLimit(limit); err != nil {
		return nil, next, err
	}
	for one, err := range all {
		if err != nil {
			return nil, next, err
		}
		if !wanted(one) {
			continue
		}
		if len(taken) == limit {
			return taken, key(taken[limit-1]), nil
		}
		taken = append(taken, one)
	}
	return taken, next, nil
}
