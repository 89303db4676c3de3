package store

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"

	bolt "go.etcd.io/bbolt"
)

// A database whose records are not what its own account says is not loaded.
func TestLoadChecksTheAccount(t *testing.T) {
	written := func(change func(flags *bolt.Bucket) error) func(*bolt.Tx) error {
		return func(tx *bolt.Tx) error { return change(tx.Bucket(flagsBucket)) }
	}
	record := func(f Flag) []byte { return appendFlag(nil, f) }
	for _, tc := range []struct {
		name   string
		change func(*bolt.Tx) error
		want   string // empty: whole
	}{
		{"whole", func(*bolt.Tx) error { return nil }, ""},
		{"a flag gone", written(func(b *bolt.Bucket) error { return b.Delete([]byte("n0001.be")) }), "2999 flags"},
		{"a flag more", written(func(b *bolt.Bucket) error {
			return b.Put([]byte("x.be"), record(flagOf("x.be", time.Time{})))
		}), "3001 flags"},
		{"another name", written(func(b *bolt.Bucket) error {
			return errors.Join(b.Delete([]byte("n0001.be")), b.Put([]byte("n0002x.be"), record(flagOf("n0002x.be", time.Time{}))))
		}), "3000 flags"},
		{"another end, that has passed", written(func(b *bolt.Bucket) error {
			return b.Put([]byte("n0001.be"), record(flagOf("n0001.be", noon)))
		}), "3000 flags"},
		{"another reference", written(func(b *bolt.Bucket) error {
			f := flagOf("n0001.be", time.Time{})
			f.Reference += "1"
			return b.Put([]byte(f.Name), record(f))
		}), "3000 flags"},
		{"the records of two names exchanged", written(func(b *bolt.Bucket) error {
			one, two := bytes.Clone(b.Get([]byte("n0001.be"))), bytes.Clone(b.Get([]byte("n0002.be")))
			return errors.Join(b.Put([]byte("n0001.be"), two), b.Put([]byte("n0002.be"), one))
		}), "3000 flags"},
		{"more flags than the file has room for", func(tx *bolt.Tx) error {
			meta := tx.Bucket(metaBucket)
			s, err := decodeState(meta.Get(stateKey))
			s.flags = 1 << 62
			return errors.Join(err, meta.Put(stateKey, encodeState(s)))
		}, "says 4611686018427387904 flags"},
		{"another state", func(tx *bolt.Tx) error {
			meta := tx.Bucket(metaBucket)
			s := bytes.Clone(meta.Get(stateKey))
			s[40] ^= 1 // within the digest
			return meta.Put(stateKey, s)
		}, "its state is not as it was written"},
		{"another count", func(tx *bolt.Tx) error {
			meta := tx.Bucket(metaBucket)
			s, err := decodeState(meta.Get(stateKey))
			s.flags++
			return errors.Join(err, meta.Put(stateKey, encodeState(s)))
		}, "says 3001"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := openTest(t, filepath.Join(t.TempDir(), "na.db"))
			mustUpdate(t, s, func(tx *Tx) error {
				for n := range 3000 {
					f := flagOf(fmt.Sprintf("n%04d.be", n), time.Time{})
					f.Note = fmt.Sprint("note ", n) // so that no two records are alike
					if err := tx.PutFlag(f); err != nil {
						return err
					}
				}
				return nil
			})
			if err := s.db.Update(tc.change); err != nil {
				t.Fatal(err)
			}
			set := redirect.NewSet()
			err := s.View(func(tx *Tx) error { return tx.Load(set, noon) })
			if tc.want == "" {
				if err != nil || set.Table().Len() != 3000 {
					t.Errorf("table of %d, %v; want 3000", set.Table().Len(), err)
				}
				return
			}
			if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "restore a backup") {
				t.Errorf("error = %v, want %v with %q", err, ErrDamaged, tc.want)
			}
			if set.Table().Len() != 0 {
				t.Errorf("a table of %d was published", set.Table().Len())
			}
		})
	}
}

// What Load takes from a record does not depend on the one before, however alike they begin.
func TestLoadTakesEachRecordByItself(t *testing.T) {
	ends := []time.Time{{}, noon.Add(-time.Hour), noon, noon.Add(time.Second), noon.Add(time.Hour)}
	authorities := []string{"a", "b", "ab", "apd-gba", "apd-gbb", strings.Repeat("a", 63)}
	s := openTest(t, filepath.Join(t.TempDir(), "na.db"))
	want := make(map[string]string)
	mustUpdate(t, s, func(tx *Tx) error {
		r := rand.New(rand.NewPCG(1, 0))
		for n := range 2000 {
			f := flagOf(fmt.Sprintf("n%04d.be", n), ends[r.IntN(len(ends))])
			f.Authority = authorities[r.IntN(len(authorities))]
			if f.NotAfter.IsZero() || f.NotAfter.After(noon) {
				want[f.Name] = f.Authority
			}
			if err := tx.PutFlag(f); err != nil {
				return err
			}
		}
		return nil
	})
	set := redirect.NewSet()
	if err := s.View(func(tx *Tx) error { return tx.Load(set, noon) }); err != nil {
		t.Fatal(err)
	}
	got := make(map[string]string)
	for name := range set.Table().Names() {
		id, _ := set.Table().Lookup(name)
		got[name] = set.Table().Authority(id)
	}
	if !maps.Equal(got, want) {
		t.Errorf("%d names are not the %d that were put, with their authorities", len(got), len(want))
	}
}

// A damaged record is refused also when it begins as the good one before it.
func TestLoadRefusesDamageAfterAGoodRecord(t *testing.T) {
	whole := appendFlag(nil, flagOf("a.be", noon.Add(time.Hour)))
	h, err := decodeHead(whole)
	if err != nil {
		t.Fatal(err)
	}
	for what, damaged := range map[string][]byte{
		"no record":                 {},
		"the version alone":         whole[:1],
		"a head less its last byte": whole[:h.size-1],
		"half a head":               whole[:h.size/2],
	} {
		t.Run(what, func(t *testing.T) {
			s := openTest(t, filepath.Join(t.TempDir(), "na.db"))
			mustUpdate(t, s, func(tx *Tx) error { return tx.PutFlag(flagOf("a.be", noon.Add(time.Hour))) })
			err := s.db.Update(func(tx *bolt.Tx) error {
				meta := tx.Bucket(metaBucket)
				state, err := decodeState(meta.Get(stateKey))
				state.flags++
				state.account.add([]byte("b.be"), damaged)
				return errors.Join(err, meta.Put(stateKey, encodeState(state)), tx.Bucket(flagsBucket).Put([]byte("b.be"), damaged))
			})
			if err != nil {
				t.Fatal(err)
			}
			set := redirect.NewSet()
			if err := s.View(func(tx *Tx) error { return tx.Load(set, noon) }); err == nil || !strings.Contains(err.Error(), "b.be") {
				t.Errorf("error = %v, want one that names b.be", err)
			}
			if set.Table().Len() != 0 {
				t.Errorf("a table of %d was published", set.Table().Len())
			}
		})
	}
}
