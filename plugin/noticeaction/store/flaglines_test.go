package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
	"pgregory.net/rapid"
)

// TestFlagLines wants the lines that encoding/json makes of the flags, whatever their order of times, and whole ones.
func TestFlagLines(t *testing.T) {
	text := rapid.SampledFrom([]string{"DOS-1", "a<b>&c", "\"\\", "\u2028", "\x7f", "é", "12345678&"})
	seconds := rapid.OneOf(
		rapid.Int64Range(noon.Unix(), noon.Unix()+3),
		rapid.Int64Range(noon.Unix()-200_000, noon.Unix()+200_000),
		rapid.Int64Range(-62135596799, 253402300799),
	)
	at := rapid.Map(seconds, fromUnix)
	rapid.Check(t, func(rt *rapid.T) {
		s := testStore(t)
		defer s.Close()
		var want bytes.Buffer
		count := rapid.IntRange(0, 8).Draw(rt, "flags")
		mustUpdate(t, s, func(tx *Tx) error {
			var f Flag
			for i := range count {
				if i == 0 || !rapid.Bool().Draw(rt, "of one order with the flag before") {
					f = Flag{
						Authority: "apd-gba", Reference: text.Draw(rt, "reference"),
						Since: at.Draw(rt, "since"), Changed: rapid.Uint64().Draw(rt, "changed"),
					}
					if rapid.Bool().Draw(rt, "ends") {
						f.NotAfter = at.Draw(rt, "not_after")
					}
					if rapid.Bool().Draw(rt, "held") {
						f.Case, f.Note = text.Draw(rt, "case"), text.Draw(rt, "note")
					}
				}
				f.Name = fmt.Sprintf("name-%d.be", i)
				if err := errors.Join(json.NewEncoder(&want).Encode(f), tx.PutFlag(f)); err != nil {
					return err
				}
			}
			return nil
		})
		size := rapid.IntRange(1, 1000).Draw(rt, "size")
		var got []byte
		err := s.View(func(tx *Tx) error {
			for lines, err := range tx.FlagLines(Query{}, size) {
				if err != nil {
					return err
				}
				if len(lines) == 0 || lines[len(lines)-1] != '\n' {
					rt.Errorf("got %q, want whole lines", lines)
				}
				got = append(got, lines...)
			}
			return nil
		})
		if err != nil || string(got) != want.String() {
			rt.Fatalf("%v, got\n%s\nwant\n%s", err, got, want.Bytes())
		}
	})
}

func TestFlagLinesSelect(t *testing.T) {
	s := testStore(t)
	other := flagOf("b.be", time.Time{})
	other.Authority = "fps-economy"
	mustUpdate(t, s, put(flagOf("a.be", noon), other, flagOf("c.vlaanderen", noon)))
	for _, q := range []Query{{}, {Zone: "be"}, {Authority: "apd-gba"}, {After: "a.be"}, {Zone: "be", Authority: "fps-economy", After: "a.be"}, {Zone: "brussels"}} {
		var got, want []string
		err := s.View(func(tx *Tx) error {
			for lines, err := range tx.FlagLines(q, 1) {
				var f Flag
				if err = errors.Join(err, json.Unmarshal(lines, &f)); err != nil {
					return err
				}
				got = append(got, f.Name)
			}
			for f, err := range tx.Flags(q) {
				if err != nil {
					return err
				}
				want = append(want, f.Name)
			}
			return nil
		})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%+v: got %q, %v; want %q", q, got, err, want)
		}
	}
}

// A record that cannot be read ends all that reads flags, also what selects by what is within it.
func TestFlagLinesOfDamage(t *testing.T) {
	path := written(t, 3)
	edit(t, path, func(tx *bolt.Tx) error {
		return tx.Bucket([]byte("flags")).Put([]byte("name-1a.be"), []byte{flagVersion})
	})
	s := openTest(t, path)
	for _, q := range []Query{{}, {Authority: "apd-gba"}, {Authority: "fps-economy"}} {
		err := s.View(func(tx *Tx) error {
			for _, err := range tx.FlagLines(q, 1<<20) {
				if err != nil {
					return err
				}
			}
			return nil
		})
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("%+v: %v, want %v", q, err, ErrDamaged)
		}
	}
}
