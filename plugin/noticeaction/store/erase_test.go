package store

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
)

// fullCase stores a case that has ended, with all that a case can have.
func fullCase(t testing.TB, s *Store, id, name string) procedure.Case {
	t.Helper()
	c := record(t, s, procedure.Case{}, opening(id, name), noon)
	for i, e := range []procedure.Event{
		{Kind: procedure.Approve}, {Kind: procedure.Word, Text: "I took it all down"}, {Kind: procedure.Stop, Text: "H. Older called"},
	} {
		c = record(t, s, c, e, noon.Add(time.Duration(i+1)*time.Hour))
	}
	mustUpdate(t, s, func(tx *Tx) error {
		for _, status := range Statuses {
			mail := mailOf(id)
			mail.MessageID, mail.Status, mail.Error = fmt.Sprintf("%s.%s@be", id, status), status, "550 no holder@site.example"
			mail.About = &c
			if _, err := tx.AddOutgoing(mail, []byte("To: H. Older <holder@site.example>\r\n")); err != nil {
				return err
			}
		}
		order := Outgoing{Kind: Order, Case: id, Names: []string{name}, Status: Manual, Error: "H. Older is unknown", Order: procedure.OrderReinstate}
		_, err := tx.AddOutgoing(order, []byte(`{"order":"reinstate"}`))
		n := mailedNotice("N"+id, id)
		n.Status, n.Case, n.Decided, n.DecidedBy, n.Reason = Opened, id, noon, "uid:1000", "I. Spector called"
		return errors.Join(err, tx.PutNotice(n), tx.PutEvidence(n.ID, []byte("From: I. Spector")))
	})
	return c
}

func found(t testing.TB, s *Store, texts []string) (all []string) {
	t.Helper()
	for _, line := range view(t, s, dump) {
		for _, text := range texts {
			if strings.Contains(line, text) {
				all = append(all, fmt.Sprintf("%q in %s", text, line))
			}
		}
	}
	return all
}

func TestEraseCase(t *testing.T) {
	s := testStore(t)
	c := fullCase(t, s, "2026-00001", "a.be")
	for _, text := range personal {
		if len(found(t, s, []string{text})) == 0 {
			t.Fatalf("%q is nowhere before", text)
		}
	}
	var sums [][32]byte
	mustUpdate(t, s, func(tx *Tx) (err error) {
		if sums, _, err = tx.CaseEventSums(c.ID); err != nil {
			return err
		}
		return tx.EraseCase(c.ID)
	})
	if left := found(t, s, personal); len(left) > 0 {
		t.Errorf("personal data is left: %s", strings.Join(left, "\n"))
	}
	err := s.View(func(tx *Tx) error {
		if got, _, err := tx.Case(c.ID); err != nil || !reflect.DeepEqual(got, c.Erased()) {
			t.Errorf("case = %+v, %v; want %+v", got, err, c.Erased())
		}
		if ids, err := tx.Erasable(noon.AddDate(1, 0, 0)); err != nil || len(ids) != 0 {
			t.Errorf("still to erase: %q, %v", ids, err)
		}
		events, err := tx.CaseEvents(c.ID)
		var plain []procedure.Event
		for i, e := range events {
			plain = append(plain, e.Event)
			if !e.Erased || e.Nonce != "" || e.Number != i+1 {
				t.Errorf("event %d = %+v, want it erased, in its place and without a nonce", i+1, e)
			}
		}
		if err != nil || len(plain) != 4 {
			t.Errorf("%d events, %v; want 4", len(plain), err)
		}
		if again, err := (procedure.Rules{}).Replay(plain); err != nil || !reflect.DeepEqual(again, c.Erased()) {
			t.Errorf("replayed: %+v, %v; want %+v", again, err, c.Erased())
		}
		now, erased, err := tx.CaseEventSums(c.ID)
		if err != nil || len(now) != len(sums) || slices.Contains(erased, false) {
			t.Errorf("%d sums, erased %v, %v; want %d, all of them erased", len(now), erased, err, len(sums))
		}
		for i := range now {
			if now[i] == sums[i] {
				t.Errorf("event %d is the one that it was", i+1)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestEraseCaseKeepsWhatIsNotPersonal(t *testing.T) {
	s := testStore(t)
	c := fullCase(t, s, "2026-00001", "a.be")
	mustUpdate(t, s, func(tx *Tx) error { return tx.EraseCase(c.ID) })
	after := map[Status]Status{Queued: Failed, Sending: Failed} // what has not left never will
	err := s.View(func(tx *Tx) error {
		for i, status := range Statuses {
			want := mailOf(c.ID)
			want.ID, want.MessageID, want.Status = uint64(i+1), fmt.Sprintf("%s.%s@be", c.ID, status), status
			want.Recipients, want.Subject = nil, ""
			if failed, waits := after[status]; waits {
				want.Status, want.Next = failed, time.Time{}
			}
			got, _, err := tx.Outgoing(want.ID)
			if err != nil || !reflect.DeepEqual(got, want) || tx.Payload(want.ID) != nil {
				t.Errorf("%s mail = %+v, %v with %q; want %+v and nothing", status, got, err, tx.Payload(want.ID), want)
			}
		}
		if _, ok, err := tx.NextOutgoing(Mail); ok || err != nil {
			t.Errorf("a mail is to be sent: %v, %v", ok, err)
		}
		order := uint64(len(Statuses) + 1)
		if got, _, err := tx.Outgoing(order); err != nil || got.Status != Manual || got.Error != "" || tx.Payload(order) == nil {
			t.Errorf("order = %+v, %v with %q; want it manual and as it was", got, err, tx.Payload(order))
		}
		want := Notice{ID: "N2026-00001", Received: noon, Status: Opened, SHA256: c.ID, Case: c.ID, Decided: noon, Erased: true}
		got, ok, err := tx.NoticeBySum(c.ID)
		if err != nil || !ok || !reflect.DeepEqual(got, want) || tx.Evidence(want.ID) != nil {
			t.Errorf("notice = %+v, %v, %v with %q; want %+v and nothing", got, ok, err, tx.Evidence(want.ID), want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestEraseCaseLeavesTheOthers(t *testing.T) {
	s := testStore(t)
	other := fullCase(t, s, "2026-00001", "a.be")
	running := record(t, s, procedure.Case{}, opening("2026-000010", "c.be"), noon) // its id begins like the one to erase
	c := fullCase(t, s, "2026-00002", "b.be")
	of := func() (all []string) {
		for _, line := range view(t, s, dump) {
			if strings.Contains(line, other.ID) || strings.Contains(line, running.ID) {
				all = append(all, line)
			}
		}
		return all
	}
	before := of()
	mustUpdate(t, s, func(tx *Tx) error { return tx.EraseCase(c.ID) })
	if after := of(); !slices.Equal(before, after) {
		t.Errorf("of the others there is %q, want %q", after, before)
	}
	err := s.View(func(tx *Tx) error {
		if tx.Payload(1) == nil || tx.Evidence("N"+other.ID) == nil {
			t.Error("a mail or a message of another case is gone")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestEraseCaseRefuses(t *testing.T) {
	s := testStore(t)
	record(t, s, procedure.Case{}, opening("2026-00001", "a.be"), noon)
	for _, id := range []string{"2026-00001", "2026-00002", ""} {
		err := s.Try(func(tx *Tx) error { return tx.EraseCase(id) })
		if err == nil || !strings.Contains(err.Error(), "expected a case that has ended") {
			t.Errorf("erasing %q: %v, want an error that says what was expected", id, err)
		}
	}
	if err := s.Try(func(tx *Tx) error { return tx.EraseNotice("N2026-00001") }); err == nil {
		t.Error("a notice that is not there was erased")
	}
}

// What is written to a case after it was erased may hold personal data again.
func TestLateWritesAreErasedToo(t *testing.T) {
	for _, tt := range []struct {
		name  string
		write func(tx *Tx, c procedure.Case) error
	}{
		{"an order is confirmed", func(tx *Tx, c procedure.Case) error {
			steps, err := run(c, procedure.Event{Kind: procedure.ConfirmOrder, Order: procedure.OrderReinstate, Text: "H. Older was told"}, noon.AddDate(0, 2, 0))
			if err != nil {
				return err
			}
			return keep(tx, steps)
		}},
		{"the outcome of a mail that was on its way", func(tx *Tx, c procedure.Case) error {
			late := mailOf(c.ID)
			late.ID, late.Status, late.Error = 1, Sent, "holder@site.example"
			return tx.PutOutgoing(late)
		}},
		{"a bounce", func(tx *Tx, c procedure.Case) error {
			n := mailedNotice("N2026-00007", "07")
			n.Status, n.Case = Bounce, c.ID
			return errors.Join(tx.PutNotice(n), tx.PutEvidence(n.ID, []byte("H. Older is unknown")))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := testStore(t)
			c := fullCase(t, s, "2026-00001", "a.be")
			mustUpdate(t, s, func(tx *Tx) error { return tx.EraseCase(c.ID) })
			mustUpdate(t, s, func(tx *Tx) error { return tx.EraseCase(c.ID) }) // which changes nothing
			mustUpdate(t, s, func(tx *Tx) error { return tt.write(tx, c.Erased()) })
			err := s.Update(func(tx *Tx) error {
				ids, err := tx.Erasable(noon.AddDate(1, 0, 0))
				if err != nil || !slices.Equal(ids, []string{c.ID}) {
					t.Errorf("to erase: %q, %v; want %s", ids, err, c.ID)
				}
				return tx.EraseCase(c.ID)
			})
			if err != nil {
				t.Fatal(err)
			}
			if left := found(t, s, personal); len(left) > 0 {
				t.Errorf("personal data is left: %s", strings.Join(left, "\n"))
			}
		})
	}
}
