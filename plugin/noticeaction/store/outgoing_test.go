package store

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func mailOf(id string) Outgoing {
	return Outgoing{
		Kind: Mail, Case: id, Event: 2, Names: []string{"a.be"}, Created: noon, Status: Queued, Next: noon,
		Mail: "holder_notice", To: "holder", Language: "nl", Recipients: []string{"holder@site.example"}, Subject: "Uw domeinnaam a.be",
	}
}

func TestOutgoingSurvivesClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "na.db")
	s := openTest(t, path)
	want, payload := mailOf("2026-00001"), []byte("Subject: a.be\r\n\r\nHello\r\n")
	want.MessageID = "2026-00001.2.1@registry.example"
	mustUpdate(t, s, func(tx *Tx) (err error) {
		given := slices.Clone(payload)
		want.ID, err = tx.AddOutgoing(want, given)
		clear(given) // the caller may use it again
		return err
	})
	s.Close()
	s = openTest(t, path)
	if want.ID != 1 {
		t.Errorf("id = %d, want 1", want.ID)
	}
	err := s.View(func(tx *Tx) error {
		if got, ok, err := tx.Outgoing(1); err != nil || !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("outgoing = %+v, %v, %v; want %+v", got, ok, err, want)
		}
		if got, ok, err := tx.OutgoingByMessageID(want.MessageID); err != nil || !ok || got.ID != 1 {
			t.Errorf("by Message-ID: %+v, %v, %v; want 1", got, ok, err)
		}
		if got := tx.Payload(1); string(got) != string(payload) {
			t.Errorf("payload = %q, want %q", got, payload)
		}
		for _, id := range []string{"", "other@registry.example"} {
			if _, ok, err := tx.OutgoingByMessageID(id); ok || err != nil {
				t.Errorf("by Message-ID %q: %v, %v; want none", id, ok, err)
			}
		}
		if _, ok, err := tx.Outgoing(2); ok || err != nil || tx.Payload(2) != nil {
			t.Errorf("an id that was not given: %v, %v", ok, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestPutOutgoingRefuses(t *testing.T) {
	s := testStore(t)
	first, second := mailOf("2026-00001"), mailOf("2026-00001")
	first.MessageID, second.MessageID = "1@be", "2@be"
	mustUpdate(t, s, func(tx *Tx) (err error) {
		if first.ID, err = tx.AddOutgoing(first, nil); err != nil {
			return err
		}
		second.ID, err = tx.AddOutgoing(second, nil)
		return err
	})
	for _, tt := range []struct {
		name   string
		change func(*Outgoing)
		want   string
	}{
		{"an id that was not given", func(o *Outgoing) { o.ID = 3 }, "expected one that was added"},
		{"another's Message-ID", func(o *Outgoing) { o.MessageID = "1@be" }, "a Message-ID of its own"},
		{"no kind", func(o *Outgoing) { o.Kind = "" }, "expected a record that can be read"},
		{"an unknown status", func(o *Outgoing) { o.Status = "lost" }, "expected a record that can be read"},
		{"a zero byte in the case", func(o *Outgoing) { o.Case = "\x00" }, "without a zero byte"},
		{"more than can be read", func(o *Outgoing) { o.Error = strings.Repeat("x", maxRecord) }, "at most 4194304 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bad := second
			tt.change(&bad)
			err := s.Try(func(tx *Tx) error { return tx.PutOutgoing(bad) })
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v, want %q", err, tt.want)
			}
		})
	}
	t.Run("no number is used twice", func(t *testing.T) {
		var tried, kept uint64
		next := mailOf("2026-00001")
		add := func(id *uint64) func(*Tx) error {
			return func(tx *Tx) (err error) { *id, err = tx.AddOutgoing(next, nil); return err }
		}
		if err := s.Try(add(&tried)); err != nil {
			t.Fatal(err)
		}
		mustUpdate(t, s, add(&kept))
		if tried != 3 || kept != 3 {
			t.Errorf("ids = %d when tried and %d when kept, want 3 and 3", tried, kept)
		}
	})
}

// What leaves next, what is of a case and whose Message-ID it is, the indexes say as a look at all would.
func TestIndexesFollowOutgoing(t *testing.T) {
	dir, runs := t.TempDir(), 0
	failure := errors.New("no")
	rapid.Check(t, func(rt *rapid.T) {
		runs++
		s := openTest(t, filepath.Join(dir, fmt.Sprint(runs)))
		s.db.NoSync = true
		defer s.Close()
		var model []Outgoing
		for range rapid.IntRange(1, 25).Draw(rt, "changes") {
			o := Outgoing{
				Kind:   rapid.SampledFrom([]OutgoingKind{Mail, Order}).Draw(rt, "kind"),
				Case:   rapid.SampledFrom([]string{"2026-00001", "2026-00002", ""}).Draw(rt, "case"),
				Status: rapid.SampledFrom(Statuses).Draw(rt, "status"),
				Next:   fromUnix(int64(rapid.IntRange(0, 3).Draw(rt, "next")) * 60),
			}
			i := rapid.IntRange(0, len(model)).Draw(rt, "id")
			if rapid.Bool().Draw(rt, "message id") {
				o.MessageID = fmt.Sprintf("%d@be", i)
			}
			change := func(tx *Tx) error {
				if i < len(model) {
					o.ID = uint64(i + 1)
					return tx.PutOutgoing(o)
				}
				id, err := tx.AddOutgoing(o, []byte{byte(i)})
				if id != uint64(i+1) {
					rt.Errorf("id = %d, want %d", id, i+1)
				}
				o.ID = id
				return err
			}
			if rapid.IntRange(0, 9).Draw(rt, "failure") == 0 {
				if err := s.Update(func(tx *Tx) error { return errors.Join(change(tx), failure) }); !errors.Is(err, failure) {
					rt.Fatal(err)
				}
				continue
			}
			mustUpdate(t, s, change)
			model = append(model[:i:i], append([]Outgoing{o}, model[min(i+1, len(model)):]...)...)
		}
		if err := s.View(func(tx *Tx) error { return compareOutgoing(rt, tx, model) }); err != nil {
			rt.Fatal(err)
		}
	})
}

func compareOutgoing(rt *rapid.T, tx *Tx, model []Outgoing) error {
	for _, kind := range []OutgoingKind{Mail, Order} {
		waiting := slices.DeleteFunc(slices.Clone(model), func(o Outgoing) bool {
			return o.Kind != kind || o.Status != Queued && o.Status != Sending
		})
		got, ok, err := tx.NextOutgoing(kind)
		if err != nil || ok != (len(waiting) > 0) {
			rt.Errorf("next %s: %v, %v; want one of %d", kind, ok, err, len(waiting))
			continue
		}
		if !ok {
			continue
		}
		want := slices.MinFunc(waiting, func(a, b Outgoing) int {
			return cmp.Or(cmp.Compare(unix(a.Next), unix(b.Next)), cmp.Compare(a.ID, b.ID))
		})
		if !reflect.DeepEqual(got, want) {
			rt.Errorf("next %s = %+v, want %+v", kind, got, want)
		}
	}
	for _, q := range []OutgoingQuery{
		{}, {After: 2}, {After: 1 << 63}, {Kind: Order}, {Status: Sent}, {Case: "2026-00001"}, {Case: "2026-0000"},
		{Case: "2026-00002", After: 1, Kind: Mail}, {Case: "2026-00001", Status: Queued}, {Kind: Mail, Status: Failed},
	} {
		want := slices.DeleteFunc(slices.Clone(model), func(o Outgoing) bool {
			return o.ID <= q.After || q.Kind != "" && o.Kind != q.Kind || q.Case != "" && o.Case != q.Case || q.Status != "" && o.Status != q.Status
		})
		got, err := collect(tx.Outbox(q))
		if err != nil || len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
			rt.Errorf("outbox of %+v = %+v, %v; want %+v", q, got, err, want)
		}
	}
	for i := range model {
		id := fmt.Sprintf("%d@be", i)
		o, ok, err := tx.OutgoingByMessageID(id)
		if has := model[i].MessageID == id; err != nil || ok != has || has && o.ID != model[i].ID {
			rt.Errorf("mail of Message-ID %s = %+v, %v, %v; want %v", id, o, ok, err, model[i])
		}
		if got := tx.Payload(uint64(i + 1)); len(got) != 1 || got[0] != byte(i) {
			rt.Errorf("payload %d = %x, want %x", i+1, got, i)
		}
	}
	return nil
}

func TestNextOutgoing(t *testing.T) {
	for _, tt := range []struct {
		name string
		have []Outgoing
		want uint64 // 0: none
	}{
		{"nothing", nil, 0},
		{"only the other kind", []Outgoing{{Kind: Order, Status: Queued}}, 0},
		{"only what is over", []Outgoing{{Kind: Mail, Status: Sent}, {Kind: Mail, Status: Failed}, {Kind: Mail, Status: Bounced}, {Kind: Mail, Status: Manual}, {Kind: Mail, Status: Done}}, 0},
		{"the earliest", []Outgoing{{Kind: Mail, Status: Queued, Next: noon.Add(time.Hour)}, {Kind: Mail, Status: Queued, Next: noon}}, 2},
		{"of one time the first that was added", []Outgoing{{Kind: Mail, Status: Queued, Next: noon}, {Kind: Mail, Status: Queued, Next: noon}}, 1},
		{"one that was being sent", []Outgoing{{Kind: Mail, Status: Queued, Next: noon}, {Kind: Mail, Status: Sending, Next: noon.Add(-time.Minute)}}, 2},
		{"without a time at once", []Outgoing{{Kind: Mail, Status: Queued, Next: noon}, {Kind: Mail, Status: Queued}}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := testStore(t)
			mustUpdate(t, s, func(tx *Tx) error {
				for _, o := range tt.have {
					if _, err := tx.AddOutgoing(o, nil); err != nil {
						return err
					}
				}
				return nil
			})
			err := s.View(func(tx *Tx) error {
				o, ok, err := tx.NextOutgoing(Mail)
				if o.ID != tt.want || ok != (tt.want != 0) {
					t.Errorf("next = %d, %v; want %d", o.ID, ok, tt.want)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}
