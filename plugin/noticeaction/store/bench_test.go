package store

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/coredns-na/coredns-na/internal/randomname"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"

	bolt "go.etcd.io/bbolt"
)

// BenchmarkStart1M loads a set of a million flags, and beside it scans the same bucket as bbolt alone would: the
// ratio is between the two, each with the database opened anew.
func BenchmarkStart1M(b *testing.B) {
	path := filepath.Join(b.TempDir(), "na.db")
	s, err := Open(path)
	if err != nil {
		b.Fatal(err)
	}
	err = s.Update(func(tx *Tx) error {
		tx.Bulk()
		for _, name := range slices.Sorted(slices.Values(randomname.Names(1_000_000, 1))) {
			if err := tx.AddFlag(Flag{Name: name, Authority: "apd-gba", Reference: "DOS-2026-00412", Since: noon}); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(err, s.Close()); err != nil {
		b.Fatal(err)
	}
	var load, scan time.Duration
	for b.Loop() {
		scan += timed(b, func() error { return scanFlags(path) })
		load += timed(b, func() error {
			s, err := Open(path)
			if err != nil {
				return err
			}
			return errors.Join(s.View(func(tx *Tx) error { return tx.Load(redirect.NewSet(), noon) }), s.Close())
		})
	}
	b.ReportMetric(load.Seconds()*1e3/float64(b.N), "load-ms")
	b.ReportMetric(scan.Seconds()*1e3/float64(b.N), "scan-ms")
	b.ReportMetric(load.Seconds()/scan.Seconds(), "load/scan")
}

func timed(b *testing.B, do func() error) time.Duration {
	begin := time.Now()
	if err := do(); err != nil {
		b.Fatal(err)
	}
	return time.Since(begin)
}

// scanFlags reads every byte of every flag.
func scanFlags(path string) error {
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	sum := byte(0)
	err = db.View(func(tx *bolt.Tx) error {
		return tx.Bucket(flagsBucket).ForEach(func(k, v []byte) error {
			for _, part := range [][]byte{k, v} {
				for _, c := range part {
					sum ^= c
				}
			}
			return nil
		})
	})
	blackhole = sum
	return errors.Join(err, db.Close())
}

var blackhole byte
