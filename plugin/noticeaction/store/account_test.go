package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"

	bolt "go.etcd.io/bbolt"
)

// The hash is part of the format: what was written once must be found again.
func TestHashIsAsItWas(t *testing.T) {
	const text = "the quick brown fox jumps over the lazy dog, and once more"
	for n, want := range map[int]uint64{
		0:  0x1ff5c2923a788d2c,
		1:  0xac02030c9c997fac,
		7:  0xe64762f5fe8ce6a0,
		8:  0x55001f97787ddaaa,
		15: 0x52383b8ff80f7e9c,
		16: 0x9be24a57494bb877,
		17: 0xc8addd3029b55a31,
		32: 0x4342d9b4a2fb74e9,
		33: 0x329da37a3b576a91,
		58: 0xfbacae792e6e9f1f,
	} {
		if got := hash(0, []byte(text[:n])); got != want {
			t.Errorf("hash of %q = %#x, want %#x", text[:n], got, want)
		}
	}
}

// Any bit that is changed, and any octet more or less, is another hash.
func TestHashTellsApart(t *testing.T) {
	seen := make(map[uint64]string)
	note := func(what string, h uint64) {
		if was, ok := seen[h]; ok {
			t.Errorf("%s has the hash of %s", what, was)
		}
		seen[h] = what
	}
	for n := range 70 {
		b := bytes.Repeat([]byte{'a'}, n)
		note(fmt.Sprint(n, " octets"), hash(0, b))
		for bit := range 8 * n {
			b[bit/8] ^= 1 << (bit % 8)
			note(fmt.Sprintf("bit %d of %d octets", bit, n), hash(0, b))
			b[bit/8] ^= 1 << (bit % 8)
		}
	}
}

// A database as the fourth version made it gets its account, once its digest is found to be right.
func TestMigrationFromSchema4(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*state)
		want   string // empty: it is brought forward
	}{
		{"whole", func(*state) {}, ""},
		{"another digest", func(s *state) { s.digest[31]++ }, "restore a backup"},
		{"another count", func(s *state) { s.flags++ }, "says 1001 of"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := written(t, 1000)
			var before state
			edit(t, path, func(tx *bolt.Tx) (err error) {
				meta := tx.Bucket(metaBucket)
				if before, err = decodeState(meta.Get(stateKey)); err != nil {
					return err
				}
				old := before
				tt.change(&old)
				return errors.Join(
					meta.Put(schemaKey, []byte{0, 0, 0, 4}),
					meta.Put(stateKey, encodeState(old)[:stateSizeOld]),
				)
			})
			if tt.want != "" {
				file, _ := os.ReadFile(path)
				_, err := Open(path)
				if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("error = %v, want %v with %q", err, ErrDamaged, tt.want)
				}
				if now, _ := os.ReadFile(path); !bytes.Equal(now, file) {
					t.Error("the file was changed")
				}
				return
			}
			for range 2 { // once migrated, and once opened again
				s := openTest(t, path)
				set := redirect.NewSet()
				err := s.View(func(tx *Tx) error {
					if tx.state != before {
						t.Errorf("state = %+v, want %+v", tx.state, before)
					}
					return tx.Load(set, noon.Add(-1))
				})
				if err != nil || set.Table().Len() != 1000 {
					t.Errorf("table of %d, %v; want 1000", set.Table().Len(), err)
				}
				s.Close()
			}
		})
	}
}

// What remains in the account is what remains in the bucket, whatever was done to get there.
func TestAccountFollowsTheFlags(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "na.db"))
	one, two, changed := flagOf("one.be", noon), flagOf("two.be", noon), flagOf("one.be", noon)
	changed.Note = "changed"
	for _, step := range []struct {
		what   string
		change func(*Tx) error
		want   []Flag
	}{
		{"put", put(one, two), []Flag{one, two}},
		{"put again with another note", put(changed), []Flag{changed, two}},
		{"deleted", func(tx *Tx) error { return tx.DeleteFlag(two.Name) }, []Flag{changed}},
		{"deleted though it is not there", func(tx *Tx) error { return tx.DeleteFlag(two.Name) }, []Flag{changed}},
		{"all gone", func(tx *Tx) error { return tx.DeleteFlag(one.Name) }, nil},
	} {
		mustUpdate(t, s, step.change)
		var want account
		for _, f := range step.want {
			want.add([]byte(f.Name), appendFlag(nil, f))
		}
		if got := view(t, s, func(tx *Tx) account { return tx.state.account }); got != want {
			t.Errorf("%s: account = %+v, want %+v", step.what, got, want)
		}
	}
}
