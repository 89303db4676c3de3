package store

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/workday"

	bolt "go.etcd.io/bbolt"
)

// Personal data, each in a place of its own.
var personal = []string{
	"I. Spector", "inspector@authority.example", "H. Older", "holder@site.example",
	"Registrar A", "abuse@registrar.example", "192.0.2.77", "I took it all down",
}

func noticeOf(names ...string) *procedure.Notice {
	return &procedure.Notice{
		Authority: "apd-gba", Inspector: procedure.Contact{Name: "I. Spector", Email: "inspector@authority.example"},
		Office: "Inspector General", Names: names, Provisions: []string{"GDPR Art. 6"},
		Reference: "DOS-2026-01234", Signed: workday.On(2026, time.May, 11), Signature: "S/MIME, valid",
		Competent: true, Found: true,
	}
}

func opening(id string, names ...string) procedure.Event {
	parties := &procedure.Parties{
		Holder: procedure.Contact{Name: "H. Older", Email: "holder@site.example"}, Language: "nl",
	}
	for _, name := range names {
		parties.Sites = append(parties.Sites, procedure.Site{
			Name: name, Addresses: []string{"192.0.2.77"},
			Registrar: procedure.Contact{Name: "Registrar A", Email: "abuse@registrar.example"},
		})
	}
	return procedure.Event{Kind: procedure.Open, Case: id, Notice: noticeOf(names...), Parties: parties}
}

// run applies an event at a time, and the deadlines around it.
func run(c procedure.Case, e procedure.Event, now time.Time) ([]procedure.Step, error) {
	e.Actor, e.At = procedure.Actor{Kind: procedure.Operator, Name: "ann"}, now
	return procedure.Rules{}.Run(c, e, now)
}

// keep stores what came of the steps, as the desk would.
func keep(tx *Tx, steps []procedure.Step) error {
	for _, s := range steps {
		e := CaseEvent{Number: s.Case.Events, Event: s.Event, Effects: s.Effects, Nonce: fmt.Sprintf("%032x", s.Case.Events)}
		if _, err := tx.AppendCaseEvent(s.Case.ID, e); err != nil {
			return err
		}
	}
	return tx.PutCase(steps[len(steps)-1].Case)
}

// record runs an event of a case and stores it.
func record(t testing.TB, s *Store, c procedure.Case, e procedure.Event, now time.Time) procedure.Case {
	t.Helper()
	steps, err := run(c, e, now)
	if err != nil {
		t.Fatal(err)
	}
	mustUpdate(t, s, func(tx *Tx) error { return keep(tx, steps) })
	return steps[len(steps)-1].Case
}

func testStore(t testing.TB) *Store {
	t.Helper()
	return openTest(t, filepath.Join(t.TempDir(), "na.db"))
}

func collect[T any](all func(yield func(T, error) bool)) (list []T, err error) {
	for v, err := range all {
		if err != nil {
			return list, err
		}
		list = append(list, v)
	}
	return list, nil
}

func TestCasesSurviveClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "na.db")
	s := openTest(t, path)
	c := record(t, s, procedure.Case{}, opening("2026-00001", "a.be", "b.be"), noon)
	c = record(t, s, c, procedure.Event{Kind: procedure.Approve}, noon.Add(time.Hour))
	s.Close()
	s = openTest(t, path)
	err := s.View(func(tx *Tx) error {
		got, ok, err := tx.Case(c.ID)
		if err != nil || !ok || !reflect.DeepEqual(got, c) {
			t.Errorf("case = %+v, %v, %v; want %+v", got, ok, err, c)
		}
		if _, ok, err := tx.Case("2026-00002"); ok || err != nil {
			t.Errorf("a case that is not there: %v, %v", ok, err)
		}
		events, err := tx.CaseEvents(c.ID)
		if err != nil || len(events) != 2 || events[1].Event.Kind != procedure.Approve || len(events[1].Effects) == 0 {
			t.Errorf("events = %+v, %v; want open and approve", events, err)
		}
		var plain []procedure.Event
		for _, e := range events {
			plain = append(plain, e.Event)
		}
		if again, err := (procedure.Rules{}).Replay(plain); err != nil || !reflect.DeepEqual(again, c) {
			t.Errorf("replayed: %+v, %v; want %+v", again, err, c)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestCaseQueries(t *testing.T) {
	s := testStore(t)
	first := record(t, s, procedure.Case{}, opening("2026-00001", "a.be", "b.be"), noon)
	record(t, s, first, procedure.Event{Kind: procedure.Discard}, noon.Add(time.Minute))
	other := opening("2026-00002", "b.be", "c.be")
	other.Notice.Authority = "fps-economy"
	record(t, s, procedure.Case{}, other, noon.Add(2*time.Minute))
	third := record(t, s, procedure.Case{}, opening("2027-00001", "a.be"), noon.Add(2*time.Minute))
	record(t, s, third, procedure.Event{Kind: procedure.Approve}, noon.Add(3*time.Minute))
	for _, tt := range []struct {
		name string
		q    CaseQuery
		want []string
	}{
		{"all", CaseQuery{}, []string{"2026-00001", "2026-00002", "2027-00001"}},
		{"after one", CaseQuery{After: "2026-00001"}, []string{"2026-00002", "2027-00001"}},
		{"after an id that is not there", CaseQuery{After: "2026-9"}, []string{"2027-00001"}},
		{"after the last", CaseQuery{After: "2027-00001"}, nil},
		{"state", CaseQuery{State: procedure.Withdrawn}, []string{"2026-00001"}},
		{"authority", CaseQuery{Authority: "fps-economy"}, []string{"2026-00002"}},
		{"name that was in one and is in another", CaseQuery{Name: "b.be"}, []string{"2026-00001", "2026-00002"}},
		{"running", CaseQuery{Running: true}, []string{"2026-00002", "2027-00001"}},
		{"running, of a name", CaseQuery{Running: true, Name: "a.be"}, []string{"2027-00001"}},
		{"nothing fits", CaseQuery{Running: true, State: procedure.Withdrawn}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := s.View(func(tx *Tx) error {
				cases, err := collect(tx.Cases(tt.q))
				var ids []string
				for _, c := range cases {
					ids = append(ids, c.ID)
				}
				if !slices.Equal(ids, tt.want) {
					t.Errorf("cases = %q, want %q", ids, tt.want)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestNextID(t *testing.T) {
	for _, tt := range []struct {
		name string
		have []string
		year int
		want string
	}{
		{"the first", nil, 2026, "2026-00001"},
		{"one more", []string{"2026-00001"}, 2026, "2026-00002"},
		{"no gap is filled", []string{"2026-00001", "2026-00041"}, 2026, "2026-00042"},
		{"years count for themselves", []string{"2025-00007", "2026-00003", "2027-00009"}, 2026, "2026-00004"},
		{"between other years", []string{"2025-00007", "2027-00009"}, 2026, "2026-00001"},
		{"past five digits", []string{"2026-99999"}, 2026, "2026-100000"},
		{"well past five digits", []string{"2026-100000", "2026-100001", "2026-99999"}, 2026, "2026-100002"},
		{"ids of another form", []string{"2026", "2026-a", "c1"}, 2026, "2026-00001"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := testStore(t)
			mustUpdate(t, s, func(tx *Tx) error {
				for i, id := range tt.have {
					c := procedure.Case{ID: id, State: procedure.Received, Names: []procedure.Name{{Name: fmt.Sprintf("n%d.be", i)}}}
					if err := errors.Join(tx.PutCase(c), tx.PutNotice(Notice{ID: "N" + id})); err != nil {
						return err
					}
				}
				return nil
			})
			if got := view(t, s, func(tx *Tx) string { return tx.NextCaseID(tt.year) }); got != tt.want {
				t.Errorf("next case = %s, want %s", got, tt.want)
			}
			if got := view(t, s, func(tx *Tx) string { return tx.NextNoticeID(tt.year) }); got != "N"+tt.want {
				t.Errorf("next notice = %s, want N%s", got, tt.want)
			}
		})
	}
}

func TestPutCaseRefuses(t *testing.T) {
	s := testStore(t)
	c := record(t, s, procedure.Case{}, opening("2026-00001", "a.be", "b.be"), noon)
	for _, tt := range []struct {
		name   string
		change func(*procedure.Case)
		want   string
	}{
		{"no id", func(c *procedure.Case) { c.ID = "" }, "1..100 bytes"},
		{"a long id", func(c *procedure.Case) { c.ID = strings.Repeat("1", 101) }, "1..100 bytes"},
		{"a zero byte in the id", func(c *procedure.Case) { c.ID = "2026\x00" }, "1..100 bytes"},
		{"a name of another running case", func(c *procedure.Case) { c.ID = "2026-00002" }, "a.be is in 2026-00001"},
		{"an unknown state", func(c *procedure.Case) { c.State = "asleep" }, "expected a record that can be read"},
		{"more than can be read", func(c *procedure.Case) { c.Notice.Office = strings.Repeat("x", maxRecord) }, "at most 4194304 bytes"},
		{"a year that JSON has no form for", func(c *procedure.Case) { c.Received = noon.AddDate(9000, 0, 0) }, "expected a record that can be read"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bad := c
			tt.change(&bad)
			err := s.Try(func(tx *Tx) error { return tx.PutCase(bad) })
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v, want %q", err, tt.want)
			}
		})
	}
	t.Run("a name that its case no longer holds is free", func(t *testing.T) {
		record(t, s, c, procedure.Event{Kind: procedure.Discard}, noon.Add(time.Minute))
		record(t, s, procedure.Case{}, opening("2026-00002", "a.be"), noon.Add(2*time.Minute))
	})
}

func TestAppendCaseEvent(t *testing.T) {
	s := testStore(t)
	event := func(n int) CaseEvent {
		return CaseEvent{Number: n, Nonce: strings.Repeat("0", 32), Event: procedure.Event{Kind: procedure.Word, At: noon, Text: fmt.Sprint(n)}}
	}
	var want [][32]byte
	mustUpdate(t, s, func(tx *Tx) error {
		for n := 1; n <= 3; n++ {
			sum, err := tx.AppendCaseEvent("2026-1", event(n))
			if err != nil {
				return err
			}
			want = append(want, sum)
		}
		_, err := tx.AppendCaseEvent("2026-10", event(1)) // its id begins like the other's
		return err
	})
	for _, n := range []int{-1, 0, 1, 3, 5} {
		err := s.Try(func(tx *Tx) error { _, err := tx.AppendCaseEvent("2026-1", event(n)); return err })
		if err == nil || !strings.Contains(err.Error(), "expected number 4") {
			t.Errorf("event %d after 3: %v, want an error that expects number 4", n, err)
		}
	}
	err := s.View(func(tx *Tx) error {
		events, err := tx.CaseEvents("2026-1")
		if err != nil || len(events) != 3 || !reflect.DeepEqual(events[2], event(3)) {
			t.Errorf("events = %+v, %v; want the three", events, err)
		}
		sums, erased, err := tx.CaseEventSums("2026-1")
		if err != nil || !slices.Equal(sums, want) || slices.Contains(erased, true) {
			t.Errorf("sums = %x, erased = %v, %v; want %x", sums, erased, err, want)
		}
		if sum := sha256.Sum256(tx.bucket(eventsBucket).Get(eventKey("2026-1", 2))); sum != want[1] {
			t.Errorf("sum of the second record = %x, want %x", sum, want[1])
		}
		if events, err := tx.CaseEvents("2026"); len(events) != 0 || err != nil {
			t.Errorf("events of no case = %v, %v", events, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The desk puts each case that is due while it walks through them.
func TestDueCasesMayBePut(t *testing.T) {
	s := testStore(t)
	for i := range 3 {
		record(t, s, procedure.Case{}, opening(fmt.Sprintf("2026-%05d", i+1), fmt.Sprintf("n%d.be", i)), noon.AddDate(0, 0, 3*(2-i)))
	}
	later := noon.AddDate(0, 1, 0)
	var order []string
	mustUpdate(t, s, func(tx *Tx) error {
		for id := range tx.DueCases(later) {
			order = append(order, id)
			c, _, err := tx.Case(id)
			if err != nil {
				return err
			}
			steps, err := procedure.Rules{}.Advance(c, later)
			if err != nil {
				return err
			}
			if err := keep(tx, steps); err != nil {
				return err
			}
		}
		return nil
	})
	if want := []string{"2026-00003", "2026-00002", "2026-00001"}; !slices.Equal(order, want) {
		t.Errorf("due = %q, want %q", order, want)
	}
	if at, ok := view2(t, s, (*Tx).NextCaseDeadline); ok {
		t.Errorf("a deadline runs until %s, want none after the alarms", at)
	}
}

func view2[A, B any](t testing.TB, s *Store, read func(*Tx) (A, B)) (a A, b B) {
	t.Helper()
	if err := s.View(func(tx *Tx) error { a, b = read(tx); return nil }); err != nil {
		t.Fatal(err)
	}
	return a, b
}

// Nothing of a commit that failed is seen, in no bucket.
func TestCaseOfAFailedCommit(t *testing.T) {
	cause := errors.New("input/output error")
	for _, tt := range []struct {
		name   string
		commit func(*bolt.Tx) error
	}{
		{"not in the file", func(tx *bolt.Tx) error { return errors.Join(cause, tx.Rollback()) }},
		{"in the file", func(tx *bolt.Tx) error { return errors.Join(tx.Commit(), cause) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := testStore(t)
			before := view(t, s, dump)
			steps, err := run(procedure.Case{}, opening("2026-00001", "a.be"), noon)
			if err != nil {
				t.Fatal(err)
			}
			s.commit = tt.commit
			err = s.Update(func(tx *Tx) error {
				_, mail := tx.AddOutgoing(Outgoing{Kind: Mail, Case: "2026-00001", Status: Queued, MessageID: "1@be"}, []byte("hello"))
				_, task := tx.AddTask(Task{Kind: TaskMail, Case: "2026-00001"})
				return errors.Join(keep(tx, steps), mail, task,
					tx.PutNotice(Notice{ID: "N2026-00001", SHA256: "00", Case: "2026-00001"}), tx.PutEvidence("N2026-00001", []byte("hello")))
			})
			if !errors.Is(err, cause) {
				t.Fatalf("error = %v, want %v", err, cause)
			}
			if after := view(t, s, dump); !slices.Equal(before, after) {
				t.Errorf("after the failed commit the database holds %q, want %q", after, before)
			}
		})
	}
}

// dump returns all that the database holds, but the numbering of what was tried.
func dump(tx *Tx) (all []string) {
	err := tx.tx.ForEach(func(bucket []byte, b *bolt.Bucket) error {
		return b.ForEach(func(k, v []byte) error {
			all = append(all, fmt.Sprintf("%s %q: %s", bucket, k, v))
			return nil
		})
	})
	if err != nil {
		all = append(all, err.Error())
	}
	return all
}
