package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"

	bolt "go.etcd.io/bbolt"
)

// written returns the path of a closed database with n flags.
func written(t testing.TB, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "na.db")
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	var flags []Flag
	for i := range n {
		flags = append(flags, flagOf(fmt.Sprintf("name-%06d.be", i), noon))
	}
	mustUpdate(t, s, put(flags...))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOpenMakesADatabase(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "na.db")
	s := openTest(t, path)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode = %v, %v; want 0600", info.Mode(), err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Errorf("files = %v, %v; want the database alone", files, err)
	}
	if got := view(t, s, (*Tx).Generation); got != 0 {
		t.Errorf("generation = %d, want 0", got)
	}
}

// edit changes a closed database behind the store's back.
func edit(t testing.TB, path string, change func(*bolt.Tx) error) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(change), db.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	write := func(content string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	change := func(change func(*bolt.Tx) error) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			openTest(t, path).Close()
			edit(t, path, change)
		}
	}
	for _, tt := range []struct {
		name   string
		before func(t *testing.T, path string)
		want   error
		text   string
	}{
		{"an empty file", write(""), ErrForeign, "empty"},
		{"a text file", write(strings.Repeat("example.be\n", 5000)), ErrForeign, "expected a bbolt database"},
		{"a directory", func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, ErrForeign, "regular file"},
		{"a bbolt database without our mark", func(t *testing.T, path string) {
			edit(t, path, func(tx *bolt.Tx) error { _, err := tx.CreateBucket([]byte("theirs")); return err })
		}, ErrForeign, "another program"},
		{"a bbolt database with another mark", change(func(tx *bolt.Tx) error {
			return tx.Bucket(metaBucket).Put(applicationKey, []byte("another"))
		}), ErrForeign, "another program"},
		{"a newer schema", change(func(tx *bolt.Tx) error {
			return tx.Bucket(metaBucket).Put(schemaKey, binary.BigEndian.AppendUint32(nil, 99))
		}), ErrNewer, "schema 99, expected at most 6"},
		{"a schema version of the wrong size", change(func(tx *bolt.Tx) error {
			return tx.Bucket(metaBucket).Put(schemaKey, []byte{1})
		}), ErrDamaged, "expected 4"},
		{"a bucket is missing", change(func(tx *bolt.Tx) error { return tx.DeleteBucket(reachBucket) }), ErrDamaged, "bucket reach is missing"},
		{"a database in use", func(t *testing.T, path string) { openTest(t, path) }, ErrLocked, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "na.db")
			tt.before(t, path)
			before, _ := os.ReadFile(path)
			start := time.Now()
			s, err := Open(path)
			if err == nil {
				s.Close()
			}
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error = %v, want %v naming %s and %q", err, tt.want, path, tt.text)
			}
			if d := time.Since(start); d > 5*time.Second {
				t.Errorf("it took %s to find out", d)
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
				t.Error("the file was changed")
			}
		})
	}
}

func TestOpenWithoutDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "missing", "na.db")
	if _, err := Open(path); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "expected a directory") {
		t.Errorf("error = %v, want one that asks for the directory", err)
	}
}

func TestOpenTruncated(t *testing.T) {
	path := written(t, 2000)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var size int64
	s := openTest(t, path)
	size = view(t, s, (*Tx).Size)
	s.Close()
	for _, n := range []int64{28, 100, 4096, 8191, 8192, 12288, size / 2, size - 4096, size - 1} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			short := filepath.Join(t.TempDir(), "na.db")
			if err := os.WriteFile(short, whole[:n], 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := Open(short)
			if err == nil {
				s.Close()
			}
			if !errors.Is(err, ErrTruncated) {
				t.Errorf("error = %v, want %v", err, ErrTruncated)
			}
			if after, _ := os.ReadFile(short); !bytes.Equal(after, whole[:n]) {
				t.Error("the file was changed")
			}
		})
	}
	t.Run("what no page uses may be missing", func(t *testing.T) {
		exact := filepath.Join(t.TempDir(), "na.db")
		if err := os.WriteFile(exact, whole[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		if got := len(names(t, openTest(t, exact))); got != 2000 {
			t.Errorf("%d flags, want 2000", got)
		}
	})
}

// Whatever page is overwritten, opening and reading either work or end in an error.
func TestDamagedPages(t *testing.T) {
	path := written(t, 500)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := openTest(t, path)
	size := int(view(t, s, (*Tx).Size))
	s.Close()
	page, refused := os.Getpagesize(), 0
	for _, junk := range []byte{0x00, 0xff, 0x5a} {
		for at := 0; at < size; at += page {
			damaged := slices.Clone(whole[:size])
			for i := at; i < at+page; i++ {
				damaged[i] = junk
			}
			path := filepath.Join(t.TempDir(), "na.db")
			if err := os.WriteFile(path, damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := readAll(path); err != nil {
				refused++
			}
		}
	}
	if refused == 0 {
		t.Error("no damage was noticed")
	}
}

func readAll(path string) error {
	s, err := Open(path)
	if err != nil {
		return err
	}
	defer s.Close()
	return s.View(func(tx *Tx) error {
		for _, err := range tx.Flags(Query{}) {
			if err != nil {
				return err
			}
		}
		for seq := range tx.Journal(0) {
			if _, err := tx.Entry(seq); err != nil {
				return err
			}
		}
		return nil
	})
}

// A file that is cut while it is open must not take the server down.
func TestTruncatedWhileOpen(t *testing.T) {
	path := written(t, 5000)
	s := openTest(t, path)
	if err := os.Truncate(path, 8192); err != nil {
		t.Fatal(err)
	}
	err := s.View(func(tx *Tx) error {
		for _, err := range tx.Flags(Query{}) {
			if err != nil {
				return err
			}
		}
		return nil
	})
	if !errors.Is(err, ErrDamaged) {
		t.Errorf("error = %v, want %v", err, ErrDamaged)
	}
}

func TestMigrations(t *testing.T) {
	path := written(t, 3)
	defer func(all []func(*bolt.Tx) error) { migrations = all }(migrations)
	fresh := []byte("fresh")
	failure := errors.New("no")
	ours := len(migrations)
	migrations = append(slices.Clone(migrations),
		func(tx *bolt.Tx) error { _, err := tx.CreateBucket(fresh); return err },
		func(*bolt.Tx) error { return failure },
	)
	if _, err := Open(path); !errors.Is(err, failure) || !strings.Contains(err.Error(), fmt.Sprint("from schema ", ours+1)) {
		t.Fatalf("error = %v, want %v from schema %d", err, failure, ours+1)
	}
	migrations = migrations[:ours+1] // a migration that fails leaves none of the others behind
	if got := len(names(t, openTest(t, path))); got != 3 {
		t.Errorf("%d flags after the migration, want 3", got)
	}
}

// A database as the first version made it is brought forward with all that it holds.
func TestMigrationFromSchema1(t *testing.T) {
	path := filepath.Join(t.TempDir(), "na.db")
	old := flagOf("example.be", noon)
	before := state{generation: 1, flags: 1}
	before.digest.Add(old.Entry())
	edit(t, path, func(tx *bolt.Tx) error {
		buckets := make(map[string]*bolt.Bucket)
		for _, name := range []string{"meta", "flags", "expiry", "journal", "receipts"} {
			b, err := tx.CreateBucket([]byte(name))
			if err != nil {
				return err
			}
			buckets[name] = b
		}
		return errors.Join(
			buckets["meta"].Put([]byte("application"), []byte("coredns-na noticeaction")),
			buckets["meta"].Put([]byte("schema"), []byte{0, 0, 0, 1}),
			buckets["meta"].Put([]byte("state"), encodeState(before)[:stateSizeOld]),
			buckets["flags"].Put([]byte(old.Name), appendFlag(nil, old)),
		)
	})
	for range 2 {
		s := openTest(t, path)
		if got := names(t, s); !slices.Equal(got, []string{old.Name}) {
			t.Errorf("flags = %q, want %q", got, old.Name)
		}
		mustUpdate(t, s, func(tx *Tx) error { return tx.PutReach(old.Name, Reach{Tried: noon}) })
		if r, ok, err := reachOf(t, s, old.Name); !ok || err != nil || r.Tried != noon {
			t.Errorf("reach = %+v, %v, %v", r, ok, err)
		}
		s.Close()
	}
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.View(func(tx *bolt.Tx) error {
		schema, err := identify(tx)
		if schema != Schema() {
			t.Errorf("schema = %d, want %d", schema, Schema())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A database as the second version made it is brought forward with its flags and its journal, and takes cases.
func TestMigrationFromSchema2(t *testing.T) {
	path := filepath.Join(t.TempDir(), "na.db")
	func() {
		defer func(all []func(*bolt.Tx) error) { migrations = all }(migrations)
		migrations = migrations[:2]
		if err := create(path); err != nil {
			t.Fatal(err)
		}
	}()
	old := flagOf("example.be", noon)
	before := state{generation: 1, flags: 1, lines: 1, last: noon.Unix()}
	before.digest.Add(old.Entry())
	before.account.add([]byte(old.Name), appendFlag(nil, old))
	line := []byte(`{"seq":1,"time":"2026-05-12T12:00:00Z","generation":1,"actor":"uid:0","action":"flag","name":"example.be",` +
		`"after":{"name":"example.be","authority":"apd-gba","reference":"DOS-1","since":"2026-05-12T12:00:00Z","not_after":"2026-05-12T12:00:00Z","changed":1},` +
		`"reach":true,"prev":"` + strings.Repeat("0", 64) + `"}`)
	before.head = sha256.Sum256(line)
	edit(t, path, func(tx *bolt.Tx) error {
		if tx.Bucket(casesBucket) != nil {
			t.Error("schema 2 has cases")
		}
		return errors.Join(
			tx.Bucket(metaBucket).Put(schemaKey, []byte{0, 0, 0, 2}),
			tx.Bucket(metaBucket).Put(stateKey, encodeState(before)[:stateSizeOld]),
			tx.Bucket(flagsBucket).Put([]byte(old.Name), appendFlag(nil, old)),
			tx.Bucket(expiryBucket).Put(expiryKey(noon.Unix(), old.Name), nil),
			tx.Bucket(journalBucket).Put(seqKey(1), line),
			tx.Bucket(reachBucket).Put([]byte(old.Name), appendReach(nil, Reach{Tried: noon})),
		)
	})
	for _, id := range []string{"2026-00001", "2026-00002"} { // once migrated, and once opened again
		s := openTest(t, path)
		err := s.View(func(tx *Tx) error {
			if tx.state != before || !bytes.Equal(tx.Line(1), line) {
				t.Errorf("state = %+v and line = %s, want %+v and %s", tx.state, tx.Line(1), before, line)
			}
			if f, ok, err := tx.Flag(old.Name); err != nil || !ok || f != old {
				t.Errorf("flag = %+v, %v, %v; want %+v", f, ok, err, old)
			}
			if r, ok, err := tx.Reach(old.Name); err != nil || !ok || r.Tried != noon {
				t.Errorf("reach = %+v, %v, %v; want it tried at %s", r, ok, err, noon)
			}
			if got := slices.Collect(tx.Due(noon)); !slices.Equal(got, []string{old.Name}) {
				t.Errorf("due = %q, want %q", got, old.Name)
			}
			if next := tx.NextCaseID(2026); next != id {
				t.Errorf("next case = %s, want %s", next, id)
			}
			return tx.Load(redirect.NewSet(), noon.Add(-time.Hour))
		})
		if err != nil {
			t.Fatal(err)
		}
		record(t, s, procedure.Case{}, opening(id, id+".be"), noon)
		s.Close()
	}
}

func TestSame(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(path string) error
		same   bool
	}{
		{"untouched", func(string) error { return nil }, true},
		{"moved", func(path string) error { return os.Rename(path, path+".old") }, false},
		{"deleted", os.Remove, false},
		{"replaced", func(path string) error {
			return errors.Join(os.Rename(path, path+".old"), os.WriteFile(path, nil, 0o600))
		}, false},
		{"behind a link now", func(path string) error {
			return errors.Join(os.Rename(path, path+".old"), os.Symlink(path+".old", path))
		}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "na.db")
			s, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if err := tc.change(path); err != nil {
				t.Fatal(err)
			}
			if got := s.Same(); got != tc.same {
				t.Errorf("same = %v, want %v", got, tc.same)
			}
		})
	}
}

// Where the address space is limited the map is smaller, and where even that is too much the error says so.
func TestLittleAddressSpace(t *testing.T) {
	defer func(size, least int) { mapSize, leastMap = size, least }(mapSize, leastMap)
	path := written(t, 3)
	mapSize = 1 << 47 // all there is
	s := openTest(t, path)
	mustUpdate(t, s, put(flagOf("more.be", noon)))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	leastMap = mapSize
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "134217728 MiB of address space") || !strings.Contains(err.Error(), "ulimit -v") {
		t.Errorf("error = %v, want one that names the limit", err)
	}
}
