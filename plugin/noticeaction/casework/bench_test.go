package casework

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"

	bolt "go.etcd.io/bbolt"
)

var benchOrder = Order{Actor: "uid:0"}

func benchDesk(b *testing.B) *Desk {
	b.Helper()
	s, err := store.Open(filepath.Join(b.TempDir(), "na.db"))
	if err != nil {
		b.Fatal(err)
	}
	d, err := Open(Config{Store: s, Set: redirect.NewSet(), Policy: &Policy{Zones: []string{"be."}}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := errors.Join(d.Close(), s.Close()); err != nil {
			b.Error(err)
		}
	})
	return d
}

func benchRequest(n int) FlagRequest {
	return FlagRequest{Name: fmt.Sprintf("name%07d.be", n), Authority: "apd-gba", Reference: "DOS-2026-00412"}
}

// One call of the desk beside one bare commit of bbolt, and what many callers at once make of it.
func BenchmarkFlag(b *testing.B) {
	b.Run("bare", func(b *testing.B) {
		db, err := bolt.Open(filepath.Join(b.TempDir(), "bare.db"), 0o600, nil)
		if err != nil {
			b.Fatal(err)
		}
		defer db.Close()
		value := make([]byte, 64)
		for n := 0; b.Loop(); n++ {
			err := db.Update(func(tx *bolt.Tx) error {
				bucket, err := tx.CreateBucketIfNotExists([]byte("flags"))
				if err != nil {
					return err
				}
				return bucket.Put(fmt.Appendf(nil, "name%07d.be", n), value)
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			d := benchDesk(b)
			numbers := make(chan int)
			var all sync.WaitGroup
			for range callers {
				all.Go(func() {
					for n := range numbers {
						if _, err := d.Flag(b.Context(), benchOrder, benchRequest(n)); err != nil {
							b.Error(err)
						}
					}
				})
			}
			b.ResetTimer()
			for n := range b.N {
				numbers <- n
			}
			close(numbers)
			all.Wait()
		})
	}
}

const million = 1_000_000

func importBody(n int) []byte {
	var body bytes.Buffer
	for i := range n {
		fmt.Fprintf(&body, `{"name":"name%07d.be","authority":"apd-gba","reference":"DOS-2026-00412"}`+"\n", i*7919%n)
	}
	return body.Bytes()
}

// An import beside a bare put of records of the same size in one transaction, and a start with them
// beside a bare scan. Run with -benchtime=1x.
func BenchmarkMillion(b *testing.B) {
	names := make([][]byte, million)
	for i := range names {
		names[i] = fmt.Appendf(nil, "name%07d.be", i)
	}
	db, err := bolt.Open(filepath.Join(b.TempDir(), "bare.db"), 0o600, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	b.Run("bare put", func(b *testing.B) {
		for b.Loop() {
			err := db.Update(func(tx *bolt.Tx) error {
				bucket, err := tx.CreateBucketIfNotExists([]byte("flags"))
				if err != nil {
					return err
				}
				for _, name := range names {
					if err := bucket.Put(slices.Clone(name), make([]byte, 35)); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
	d := benchDesk(b)
	body := importBody(million)
	b.Run("import", func(b *testing.B) {
		for b.Loop() {
			if r, err := d.Import(b.Context(), benchOrder, "", bytes.NewReader(body)); err != nil {
				b.Fatal(err, r.Errors)
			}
		}
	})
	b.Run("bare scan", func(b *testing.B) {
		for b.Loop() {
			err := db.View(func(tx *bolt.Tx) error {
				n := 0
				c := tx.Bucket([]byte("flags")).Cursor()
				for k, v := c.First(); k != nil; k, v = c.Next() {
					n += len(v)
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("load", func(b *testing.B) {
		for b.Loop() {
			set := redirect.NewSet()
			err := d.store.View(func(tx *store.Tx) error { return tx.Load(set, time.Now()) })
			if err != nil || set.Table().Len() != million {
				b.Fatal(err, set.Table().Len())
			}
		}
	})
}
