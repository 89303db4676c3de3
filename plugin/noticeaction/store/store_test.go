package store

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"

	bolt "go.etcd.io/bbolt"
	"pgregory.net/rapid"
)

var noon = time.Date(2026, 5, 12, 12, 0, 0, 0, time.UTC)

func openTest(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func flagOf(name string, notAfter time.Time) Flag {
	return Flag{Name: name, Authority: "apd-gba", Reference: "DOS-1", Since: noon, NotAfter: notAfter, Changed: 1}
}

func put(flags ...Flag) func(*Tx) error {
	return func(tx *Tx) error {
		g := tx.NextGeneration()
		for _, f := range flags {
			if err := tx.PutFlag(f); err != nil {
				return err
			}
			if err := tx.Append(Entry{Time: noon, Generation: g, Actor: "test", Action: "flag", Name: f.Name, After: &f}); err != nil {
				return err
			}
		}
		return nil
	}
}

func mustUpdate(t testing.TB, s *Store, change func(*Tx) error) {
	t.Helper()
	if err := s.Update(change); err != nil {
		t.Fatal(err)
	}
}

func view[T any](t testing.TB, s *Store, read func(*Tx) T) (v T) {
	t.Helper()
	if err := s.View(func(tx *Tx) error { v = read(tx); return nil }); err != nil {
		t.Fatal(err)
	}
	return v
}

func names(t testing.TB, s *Store) []string {
	t.Helper()
	return view(t, s, func(tx *Tx) (all []string) {
		for f, err := range tx.Flags(Query{}) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, f.Name)
		}
		return all
	})
}

func TestFlagsSurviveClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "na.db")
	want := Flag{
		Name: "xn--caf-dma.be", Authority: "apd-gba", Reference: "DOS-2026-00412", Case: "2026-7", Note: "two\nlines",
		Since: noon, NotAfter: noon.AddDate(0, 0, 15), Changed: 41,
	}
	s := openTest(t, path)
	mustUpdate(t, s, put(want))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openTest(t, path)
	err := s.View(func(tx *Tx) error {
		got, ok, err := tx.Flag(want.Name)
		if err != nil || !ok || got != want {
			t.Errorf("flag = %+v, %v, %v; want %+v", got, ok, err, want)
		}
		if tx.Generation() != 1 || tx.Count() != 1 || tx.JournalLength() != 1 || !tx.LastCommit().Equal(noon) {
			t.Errorf("generation %d, count %d, journal %d, last %s; want 1, 1, 1, %s", tx.Generation(), tx.Count(), tx.JournalLength(), tx.LastCommit(), noon)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestUpdateThatFailsChangesNothing(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "na.db"))
	mustUpdate(t, s, put(flagOf("stays.be", time.Time{})))
	cause := errors.New("changed my mind")
	err := s.Update(func(tx *Tx) error {
		return errors.Join(put(flagOf("goes.be", noon))(tx), tx.DeleteFlag("stays.be"), cause)
	})
	if !errors.Is(err, cause) {
		t.Fatalf("error = %v, want %v", err, cause)
	}
	if err := s.Try(put(flagOf("tried.be", noon))); err != nil {
		t.Fatal(err)
	}
	if got := names(t, s); !slices.Equal(got, []string{"stays.be"}) {
		t.Errorf("flags = %q, want stays.be alone", got)
	}
	if g := view(t, s, (*Tx).Generation); g != 1 {
		t.Errorf("generation = %d, want 1", g)
	}
}

func TestUpdateThatWritesNothingCommitsNothing(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "na.db"))
	s.commit = func(*bolt.Tx) error { t.Error("committed"); return nil }
	mustUpdate(t, s, func(tx *Tx) error { _, _, err := tx.Flag("example.be"); return err })
}

func TestCommitFailure(t *testing.T) { testCommitFailure(t, put) }

func TestCommitFailureInBulk(t *testing.T) {
	testCommitFailure(t, func(f ...Flag) func(*Tx) error {
		return func(tx *Tx) error { tx.Bulk(); return put(f...)(tx) }
	})
}

func testCommitFailure(t *testing.T, put func(...Flag) func(*Tx) error) {
	cause := errors.New("input/output error")
	t.Run("not in the file: the next one works", func(t *testing.T) {
		s := openTest(t, filepath.Join(t.TempDir(), "na.db"))
		s.commit = func(tx *bolt.Tx) error { return errors.Join(cause, tx.Rollback()) }
		if err := s.Update(put(flagOf("lost.be", noon))); !errors.Is(err, cause) || errors.Is(err, ErrUnconfirmed) {
			t.Fatalf("error = %v, want %v alone", err, cause)
		}
		s.commit = (*bolt.Tx).Commit
		mustUpdate(t, s, put(flagOf("kept.be", noon)))
		if got := names(t, s); !slices.Equal(got, []string{"kept.be"}) {
			t.Errorf("flags = %q, want kept.be alone", got)
		}
	})
	t.Run("in the file: it stays out of sight and writes are refused", func(t *testing.T) {
		s := openTest(t, filepath.Join(t.TempDir(), "na.db"))
		mustUpdate(t, s, put(flagOf("kept.be", noon)))
		s.commit = func(tx *bolt.Tx) error { return errors.Join(tx.Commit(), cause) }
		for range 2 {
			if err := s.Update(put(flagOf("doubtful.be", noon))); !errors.Is(err, ErrUnconfirmed) || !errors.Is(err, cause) {
				t.Fatalf("error = %v, want %v after %v", err, ErrUnconfirmed, cause)
			}
		}
		if got := names(t, s); !slices.Equal(got, []string{"kept.be"}) {
			t.Errorf("flags = %q, want kept.be alone", got)
		}
	})
	t.Run("a panic within bbolt", func(t *testing.T) {
		s := openTest(t, filepath.Join(t.TempDir(), "na.db"))
		s.commit = func(*bolt.Tx) error {
			return s.db.View(func(tx *bolt.Tx) error { return tx.Commit() }) // which bbolt asserts nobody does
		}
		if err := s.Update(put(flagOf("lost.be", noon))); !errors.Is(err, ErrDamaged) {
			t.Fatalf("error = %v, want %v", err, ErrDamaged)
		}
		s.commit = (*bolt.Tx).Commit
		mustUpdate(t, s, put(flagOf("kept.be", noon)))
	})
}

func TestNoReadBeginsDuringCommit(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "na.db"))
	s.commit = func(tx *bolt.Tx) error {
		err := tx.Commit()
		if s.acknowledged.TryRLock() {
			s.acknowledged.RUnlock()
			t.Error("a read could begin before the commit was confirmed")
		}
		return err
	}
	mustUpdate(t, s, put(flagOf("example.be", noon)))
	if g := view(t, s, (*Tx).Generation); g != 1 {
		t.Errorf("generation = %d, want 1", g)
	}
}

// The table, the count, the digest and the expiry index are those of the flags, whatever happens.
func TestIndexesFollowFlags(t *testing.T) {
	dir := t.TempDir()
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		runs++
		s := openTest(t, filepath.Join(dir, fmt.Sprint(runs)))
		defer s.Close()
		model := make(map[string]Flag)
		name := rapid.SampledFrom([]string{"a.be", "b.be", "c.vlaanderen", "d.be", "e.brussels"})
		for range rapid.IntRange(0, 12).Draw(rt, "changes") {
			n := name.Draw(rt, "name")
			f := flagOf(n, time.Time{})
			f.Authority = rapid.SampledFrom([]string{"apd-gba", "fps-economy"}).Draw(rt, "authority")
			if minutes := rapid.IntRange(0, 3).Draw(rt, "minutes"); minutes > 0 {
				f.NotAfter = noon.Add(time.Duration(minutes) * time.Minute)
			}
			if rapid.Bool().Draw(rt, "delete") {
				delete(model, n)
				mustUpdate(t, s, func(tx *Tx) error { return tx.DeleteFlag(n) })
			} else if _, stands := model[n]; !stands && rapid.Bool().Draw(rt, "add") {
				model[n] = f
				mustUpdate(t, s, func(tx *Tx) error { return tx.AddFlag(f) })
			} else {
				model[n] = f
				mustUpdate(t, s, put(f))
			}
		}
		now := noon.Add(time.Duration(rapid.IntRange(0, 4).Draw(rt, "now")) * time.Minute)
		var digest redirect.Digest
		var due []string
		for _, f := range model {
			digest.Add(redirect.Entry{Name: f.Name, Authority: f.Authority, NotAfter: unix(f.NotAfter)})
			if !f.NotAfter.IsZero() && !f.NotAfter.After(now) {
				due = append(due, f.Name)
			}
		}
		err := s.View(func(tx *Tx) error {
			if tx.Count() != len(model) || tx.Digest() != digest {
				rt.Errorf("count %d and digest %s, want %d and %s", tx.Count(), tx.Digest(), len(model), digest)
			}
			if got := slices.Sorted(tx.Due(now)); !slices.Equal(got, slices.Sorted(slices.Values(due))) {
				rt.Errorf("due = %q, want %q", got, due)
			}
			set := redirect.NewSet()
			if err := tx.Load(set, now); err != nil {
				return err
			}
			if set.Table().Len() != len(model)-len(due) {
				rt.Errorf("table of %d, want %d", set.Table().Len(), len(model)-len(due))
			}
			for n := range maps.Keys(model) {
				if _, ok := set.Table().Lookup(n); ok == slices.Contains(due, n) {
					rt.Errorf("%s in the table: %v", n, ok)
				}
			}
			for _, q := range []Query{{Zone: "be"}, {Authority: "apd-gba"}, {After: "b.be"}, {Zone: "be", Authority: "fps-economy", After: "a.be"}} {
				want := 0
				for n, f := range model {
					if n > q.After && (q.Zone == "" || strings.HasSuffix(n, "."+q.Zone)) && (q.Authority == "" || f.Authority == q.Authority) {
						want++
					}
				}
				if got, err := tx.CountFlags(q); err != nil || got != want {
					rt.Errorf("count of %+v = %d, %v; want %d", q, got, err, want)
				}
				got := 0
				for f, err := range tx.Flags(q) {
					if err != nil || f != model[f.Name] {
						rt.Errorf("flag %+v, %v; want %+v", f, err, model[f.Name])
					}
					got++
				}
				if got != want {
					rt.Errorf("%d flags of %+v, want %d", got, q, want)
				}
			}
			return nil
		})
		if err != nil {
			rt.Fatal(err)
		}
	})
}

func TestNextExpiry(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "na.db"))
	later := noon.Add(time.Hour)
	mustUpdate(t, s, put(flagOf("later.be", later), flagOf("sooner.be", noon), flagOf("never.be", time.Time{})))
	for _, tt := range []struct {
		after, want time.Time
	}{
		{time.Time{}, noon},
		{noon.Add(-time.Second), noon},
		{noon, later},
		{later, time.Time{}},
	} {
		err := s.View(func(tx *Tx) error {
			if got, ok := tx.NextExpiry(tt.after); !got.Equal(tt.want) || ok == tt.want.IsZero() {
				t.Errorf("next expiry after %s = %s, %v; want %s", tt.after, got, ok, tt.want)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestJournalChain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "na.db")
	s := openTest(t, path)
	odd := flagOf("b.be", noon)
	odd.Note = "<script>&\u2028\"name\":\"a.be\""
	mustUpdate(t, s, put(flagOf("a.be", noon), odd))
	s.Close()
	s = openTest(t, path)
	mustUpdate(t, s, put(flagOf("c.be", noon)))
	err := s.View(func(tx *Tx) error {
		prev, n := strings.Repeat("0", 64), uint64(0)
		for seq, line := range tx.Journal(0) {
			n++
			e, err := DecodeEntry(line)
			if err != nil {
				return err
			}
			if seq != n || e.Seq != n || e.Prev != prev {
				t.Errorf("line %d: key %d, prev %s; want prev %s", e.Seq, seq, e.Prev, prev)
			}
			if strings.ContainsAny(string(line), "<>&\u2028\n") {
				t.Errorf("line %d would not pass through another document as it is: %s", n, line)
			}
			sum := sha256.Sum256(line)
			prev = hex.EncodeToString(sum[:])
		}
		if n != 3 || tx.JournalLength() != n || tx.JournalHead() != prev {
			t.Errorf("%d lines, length %d, head %s; want 3, 3, %s", n, tx.JournalLength(), tx.JournalHead(), prev)
		}
		for seq := range tx.Journal(2) {
			if seq != 3 {
				t.Errorf("line %d after 2", seq)
			}
		}
		if _, err := tx.Entry(4); !errors.Is(err, ErrDamaged) {
			t.Errorf("entry beyond the end: %v, want %v", err, ErrDamaged)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The form of a line is for ever: it is hashed, and read by others. A line about a flag has no key that is
// about cases, and a line about a case has those of its event only.
func TestJournalLines(t *testing.T) {
	flag := flagOf("example.be", noon)
	for _, tt := range []struct {
		name  string
		entry Entry
		want  string
	}{
		{"a flag", Entry{Time: noon, Generation: 7, Actor: "uid:0", Action: "flag", Name: flag.Name, Forced: []string{"ds"}, After: &flag, Reach: true},
			`{"seq":1,"time":"2026-05-12T12:00:00Z","generation":7,"actor":"uid:0","action":"flag","name":"example.be","forced":["ds"],` +
				`"after":{"name":"example.be","authority":"apd-gba","reference":"DOS-1","since":"2026-05-12T12:00:00Z","not_after":"2026-05-12T12:00:00Z","changed":1},` +
				`"reach":true,"prev":"` + strings.Repeat("0", 64) + `"}`},
		{"an event of a case", Entry{Time: noon, Generation: 8, Actor: "deadline", Action: "case", Case: "2026-00001", Event: 3, Kind: "expire", State: "review_reminder", Late: true, Record: "00ff"},
			`{"seq":1,"time":"2026-05-12T12:00:00Z","generation":8,"actor":"deadline","action":"case","name":"","case":"2026-00001","event":3,` +
				`"kind":"expire","state":"review_reminder","late":true,"record":"00ff","prev":"` + strings.Repeat("0", 64) + `"}`},
		{"a refused attempt", Entry{Time: noon, Generation: 8, Actor: "uid:0", Action: "refuse", Reason: "state", Case: "2026-00001", Kind: "approve"},
			`{"seq":1,"time":"2026-05-12T12:00:00Z","generation":8,"actor":"uid:0","action":"refuse","name":"","reason":"state","case":"2026-00001",` +
				`"kind":"approve","prev":"` + strings.Repeat("0", 64) + `"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := openTest(t, filepath.Join(t.TempDir(), "na.db"))
			mustUpdate(t, s, func(tx *Tx) error { return tx.Append(tt.entry) })
			err := s.View(func(tx *Tx) error {
				if got := string(tx.Line(1)); got != tt.want {
					t.Errorf("line = %s, want %s", got, tt.want)
				}
				got, err := tx.Entry(1)
				want := tt.entry
				want.Seq, want.Prev = 1, strings.Repeat("0", 64)
				if !reflect.DeepEqual(got, want) {
					t.Errorf("entry = %+v, want %+v", got, want)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestReceipts(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "na.db"))
	old, fresh := Receipt{Time: noon, Body: sha256.Sum256([]byte("1")), Done: []byte("{}")}, Receipt{Time: noon.Add(time.Hour)}
	mustUpdate(t, s, func(tx *Tx) error {
		return errors.Join(tx.PutReceipt("old", old), tx.PutReceipt("fresh", fresh))
	})
	receipt := func(key string) (r Receipt, ok bool) {
		err := s.View(func(tx *Tx) (err error) { r, ok, err = tx.Receipt(key); return err })
		if err != nil {
			t.Fatal(err)
		}
		return r, ok
	}
	if r, ok := receipt("old"); !ok || !r.Time.Equal(old.Time) || r.Body != old.Body || string(r.Done) != "{}" {
		t.Errorf("receipt = %+v, %v; want %+v", r, ok, old)
	}
	mustUpdate(t, s, func(tx *Tx) error { return tx.PruneReceipts(fresh.Time) })
	if _, ok := receipt("old"); ok {
		t.Error("an old receipt was not forgotten")
	}
	if _, ok := receipt("fresh"); !ok {
		t.Error("a fresh receipt was forgotten")
	}
}
