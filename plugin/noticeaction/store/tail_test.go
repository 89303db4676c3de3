package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
	"pgregory.net/rapid"
)

// note is a line of the journal of about so many bytes.
func note(size int) Entry {
	return Entry{Time: noon, Actor: "test", Action: "note", Reason: strings.Repeat("x", size)}
}

// checkJournal checks that the journal is these lines in every way it is read, and chained.
func checkJournal(t rapid.TB, tx *Tx, want []string) {
	t.Helper()
	if tx.JournalLength() != uint64(len(want)) {
		t.Fatalf("%d lines, want %d", tx.JournalLength(), len(want))
	}
	prev := strings.Repeat("0", 64)
	for i, w := range want {
		line := tx.Line(uint64(i + 1))
		e, err := DecodeEntry(line)
		if err != nil || e.Reason != w || e.Seq != uint64(i+1) || e.Prev != prev {
			t.Fatalf("line %d = %.120s, %v; want one of %d bytes after %s", i+1, line, err, len(w), prev)
		}
		sum := sha256.Sum256(line)
		prev = hex.EncodeToString(sum[:])
	}
	if tx.JournalHead() != prev {
		t.Fatalf("head = %s, want %s", tx.JournalHead(), prev)
	}
	for after := range uint64(len(want) + 2) {
		next := after
		for seq, line := range tx.Journal(after) {
			if next++; seq != next || !bytes.Equal(line, tx.Line(seq)) {
				t.Fatalf("line %d after %d = %.120s, want line %d", seq, after, line, next)
			}
		}
		if next != max(after, uint64(len(want))) {
			t.Fatalf("the last line after %d is %d, want %d", after, next, len(want))
		}
	}
	for _, seq := range []uint64{0, uint64(len(want)) + 1, math.MaxUint64} {
		if tx.Line(seq) != nil {
			t.Fatalf("there is a line %d", seq)
		}
	}
}

// Wherever its lines lie, the journal is one: while they are written, after the commit, and after it is opened again.
func TestTailAndBulkAreOneJournal(t *testing.T) {
	dir, n := t.TempDir(), 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		path := filepath.Join(dir, fmt.Sprint(n))
		s := openTest(t, path)
		var want []string
		for range rapid.IntRange(1, 6).Draw(rt, "transactions") {
			size := rapid.OneOf(rapid.IntRange(0, 400), rapid.IntRange(0, 2*maxTail))
			sizes := rapid.SliceOfN(size, 1, 12).Draw(rt, "sizes")
			write, keep := s.Try, rapid.IntRange(0, 3).Draw(rt, "keep") > 0
			if keep {
				write = s.Update
			}
			after := slices.Clone(want)
			err := write(func(tx *Tx) error {
				for _, size := range sizes {
					e := note(size)
					if err := tx.Append(e); err != nil {
						return err
					}
					after = append(after, e.Reason)
				}
				checkJournal(rt, tx, after)
				return nil
			})
			if err != nil {
				rt.Fatal(err)
			}
			if keep {
				want = after
			}
			if rapid.IntRange(0, 3).Draw(rt, "reopen") == 0 {
				s.Close()
				s = openTest(t, path)
			}
			view(t, s, func(tx *Tx) any { checkJournal(rt, tx, want); return nil })
		}
		view(t, s, func(tx *Tx) any {
			for err := range tx.tx.Check() { // of all pages
				rt.Error(err)
			}
			return nil
		})
		s.Close()
	})
}

// pagesOf returns how many pages a commit writes, the list of the free ones and a meta page among them.
func pagesOf(t *testing.T, write func(commit func(*bolt.Tx) error) error) (n int64) {
	t.Helper()
	err := write(func(tx *bolt.Tx) error {
		err := tx.Commit()
		stats := tx.Stats()
		n = stats.GetPageCount() + 1
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A flag and its line in the journal take one page more than a bare record: the one with state and tail. At most every
// eighth time, when the tail is full, the journal's tree is written too, which here is of two levels.
func TestPagesOfAFlag(t *testing.T) {
	const flags, calls = 20_000, 40
	s := openTest(t, filepath.Join(t.TempDir(), "na.db"))
	bare, err := bolt.Open(filepath.Join(t.TempDir(), "bare.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer bare.Close()
	var many []Flag
	for i := range flags {
		many = append(many, flagOf(fmt.Sprintf("name-%06d.be", i), time.Time{}))
	}
	record := appendFlag(nil, many[0])
	mustUpdate(t, s, put(many...))
	err = bare.Update(func(tx *bolt.Tx) error {
		b, err := tx.CreateBucket(flagsBucket)
		for i := 0; i < flags && err == nil; i++ {
			err = b.Put([]byte(many[i].Name), record)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	moves := 0
	for i := range calls {
		name := fmt.Sprintf("name-%06dx.be", i*flags/calls)
		ours := pagesOf(t, func(commit func(*bolt.Tx) error) error {
			s.commit = commit
			return s.Update(put(flagOf(name, time.Time{})))
		})
		theirs := pagesOf(t, func(commit func(*bolt.Tx) error) error {
			tx, err := bare.Begin(true)
			if err != nil {
				return err
			}
			return errors.Join(tx.Bucket(flagsBucket).Put([]byte(name), record), commit(tx))
		})
		switch more := ours - theirs; {
		case more <= 1:
		case more <= 4:
			moves++
		default:
			t.Errorf("flag %d takes %d pages, a bare record %d", i, ours, theirs)
		}
	}
	if most := calls / 8; moves == 0 || moves > most {
		t.Errorf("the tail was moved %d times, want 1..%d", moves, most)
	}
}

func TestDamagedTail(t *testing.T) {
	for _, tc := range []struct {
		name, tail string
	}{
		{"a line cut short", "\x05line"},
		{"no length", "\x80"},
		{"an endless length", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"},
		{"more lines than the journal has", "\x01a\x01b\x01c"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := written(t, 2)
			edit(t, path, func(tx *bolt.Tx) error { return tx.Bucket(metaBucket).Put(tailKey, []byte(tc.tail)) })
			if s, err := Open(path); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "tail of the journal") {
				if err == nil {
					s.Close()
				}
				t.Errorf("error = %v, want %v that names the tail", err, ErrDamaged)
			}
		})
	}
}

// A tail that is whole but not that of the journal is not taken for it: its lines would have other numbers.
func TestTailOfAnotherJournal(t *testing.T) {
	const lines = 5
	tailOf := func(tx *bolt.Tx, from, to int) (text []byte) {
		r := reader{b: tx.Bucket(metaBucket).Get(tailKey)}
		for i := range lines {
			if line := r.bytes(); from <= i && i < to {
				text = append(binary.AppendUvarint(text, uint64(len(line))), line...)
			}
		}
		return text
	}
	for _, tc := range []struct {
		name   string
		damage func(tx *bolt.Tx) error
	}{
		{"no tail", func(tx *bolt.Tx) error { return tx.Bucket(metaBucket).Delete(tailKey) }},
		{"without its first line", func(tx *bolt.Tx) error { return tx.Bucket(metaBucket).Put(tailKey, tailOf(tx, 1, lines)) }},
		{"without its last line", func(tx *bolt.Tx) error { return tx.Bucket(metaBucket).Put(tailKey, tailOf(tx, 0, lines-1)) }},
		{"with another last line", func(tx *bolt.Tx) error {
			return tx.Bucket(metaBucket).Put(tailKey, append(tailOf(tx, 0, lines-1), "\x02{}"...))
		}},
		{"also where lines stay", func(tx *bolt.Tx) error { return tx.Bucket(journalBucket).Put(seqKey(1), []byte("{}")) }},
		{"lines beyond it", func(tx *bolt.Tx) error { return tx.Bucket(journalBucket).Put(seqKey(lines+1), []byte("{}")) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "na.db")
			s := openTest(t, path)
			for range lines {
				mustUpdate(t, s, func(tx *Tx) error { return tx.Append(note(10)) })
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			edit(t, path, tc.damage)
			if s, err := Open(path); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "line 5") {
				if err == nil {
					s.Close()
				}
				t.Errorf("error = %v, want %v that names the last line", err, ErrDamaged)
			}
		})
	}
}

// A line is lent: what its reader appends to it goes elsewhere.
func TestLentLinesHaveNoRoom(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "na.db"))
	mustUpdate(t, s, func(tx *Tx) error { return errors.Join(tx.Append(note(10)), tx.Append(note(10))) })
	mustUpdate(t, s, func(tx *Tx) error {
		for seq, line := range tx.Journal(0) {
			if cap(line) != len(line) || cap(tx.Line(seq)) != len(line) {
				t.Errorf("line %d has room for %d bytes more, want none", seq, cap(line)-len(line))
			}
		}
		return nil
	})
}

func FuzzTail(f *testing.F) {
	f.Add([]byte(nil), uint64(0))
	f.Add([]byte("\x03one\x00\x05three"), uint64(7))
	f.Add([]byte("\x80\x01"), uint64(1))
	f.Fuzz(func(t *testing.T, b []byte, lines uint64) {
		decoded, err := decodeTail(b, lines)
		if err != nil {
			return
		}
		tx := &Tx{tail: decoded, state: state{lines: lines}}
		var again tail
		for seq, line := range tx.inTail(0) {
			again.add(line)
			if seq != lines-decoded.lines+again.lines {
				t.Fatalf("line %d of %d is number %d", again.lines, decoded.lines, seq)
			}
		}
		if again.lines != decoded.lines {
			t.Errorf("%d lines, want %d", again.lines, decoded.lines)
		}
	})
}

// Schema 5 had all lines where they stay. The first one after it goes into the tail.
func TestMigrationFromSchema5(t *testing.T) {
	path := filepath.Join(t.TempDir(), "na.db")
	var before state
	s := openTest(t, path)
	err := s.Update(func(tx *Tx) error {
		for _, e := range []Entry{note(1), note(2)} {
			if err := tx.Append(e); err != nil {
				return err
			}
		}
		before = tx.state
		return tx.moveTail()
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	edit(t, path, func(tx *bolt.Tx) error {
		meta := tx.Bucket(metaBucket)
		return errors.Join(meta.Delete(tailKey), meta.Put(schemaKey, []byte{0, 0, 0, 5}))
	})
	s = openTest(t, path)
	if got := view(t, s, func(tx *Tx) state { return tx.state }); got != before {
		t.Errorf("state = %+v, want %+v", got, before)
	}
	mustUpdate(t, s, func(tx *Tx) error { return tx.Append(note(3)) })
	view(t, s, func(tx *Tx) any { checkJournal(t, tx, []string{"x", "xx", "xxx"}); return nil })
	s.Close()
	if schema, err := inspect(path); schema != 6 || err != nil {
		t.Errorf("schema = %d, %v; want 6", schema, err)
	}
}
