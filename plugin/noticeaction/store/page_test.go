package store

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/page"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"

	bolt "go.etcd.io/bbolt"
)

func pageOf(authority, title string) Page {
	text := "# " + title + "\n\nText."
	return Page{
		Authority: authority, Published: noon, By: "uid:0",
		Content: page.Content{Texts: page.Texts{NL: text, FR: text, DE: text, EN: text}, Contact: "contact@authority.example"},
	}
}

func addPage(t *testing.T, s *Store, p Page) (added Page) {
	t.Helper()
	mustUpdate(t, s, func(tx *Tx) (err error) { added, err = tx.AddPage(p); return err })
	return added
}

func TestPagesSurviveClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "na.db")
	s := openTest(t, path)
	var want []Page
	for i := range 3 {
		want = append(want, addPage(t, s, pageOf("b", fmt.Sprint("Title ", i))))
	}
	// ids that begin like another one's
	first, other := addPage(t, s, pageOf("a", "First")), addPage(t, s, pageOf("b-2", "Other"))
	s.Close()
	s = openTest(t, path)
	err := s.View(func(tx *Tx) error {
		for i, p := range want {
			if got, ok, err := tx.Page("b", uint64(i+1)); !ok || err != nil || got != p || p.Version != uint64(i+1) || p.SHA256 != p.Content.Sum() {
				t.Errorf("version %d = %+v, %v, %v; want %+v", i+1, got, ok, err, p)
			}
		}
		for authority, p := range map[string]Page{"a": first, "b": want[2], "b-2": other} {
			if got, ok, err := tx.LatestPage(authority); !ok || err != nil || got != p {
				t.Errorf("latest of %s = %+v, %v, %v; want %+v", authority, got, ok, err, p)
			}
		}
		for _, none := range []string{"", "b-", "c"} {
			if got, ok, err := tx.LatestPage(none); ok || err != nil {
				t.Errorf("latest of %q = %+v, %v, %v; want none", none, got, ok, err)
			}
		}
		if got, err := collect(tx.Pages("b", 1)); err != nil || !slices.Equal(got, want[1:]) {
			t.Errorf("after 1: %+v, %v; want %+v", got, err, want[1:])
		}
		if got, err := collect(tx.LatestPages()); err != nil || !slices.Equal(got, []Page{first, want[2], other}) {
			t.Errorf("latest: %+v, %v", got, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAPageNeedsAnID(t *testing.T) {
	s := testStore(t)
	for _, id := range []string{"", "a\x00b", strings.Repeat("a", 101)} {
		if err := s.Update(func(tx *Tx) error { _, err := tx.AddPage(pageOf(id, "T")); return err }); err == nil {
			t.Errorf("%q was taken", id)
		}
	}
}

// A page that was changed in the file is not shown to anybody.
func TestChangedPages(t *testing.T) {
	path := filepath.Join(t.TempDir(), "na.db")
	s := openTest(t, path)
	addPage(t, s, pageOf("a", "Whole"))
	key := pageKey("a", 1)
	whole := view(t, s, func(tx *Tx) []byte { return bytes.Clone(tx.bucket(pagesBucket).Get(key)) })
	s.Close()
	for name, junk := range map[string][]byte{
		"nothing":          {},
		"cut short":        whole[:len(whole)-1],
		"another text":     bytes.Replace(whole, []byte("Whole"), []byte("Other"), 1),
		"another version":  bytes.Replace(whole, []byte(`"version":1`), []byte(`"version":2`), 1),
		"an unknown field": append([]byte(`{"more":1,`), whole[1:]...),
	} {
		t.Run(name, func(t *testing.T) {
			edit(t, path, func(tx *bolt.Tx) error { return tx.Bucket(pagesBucket).Put(key, junk) })
			s := openTest(t, path)
			defer s.Close()
			for reader, read := range map[string]func(*Tx) error{
				"Page":        func(tx *Tx) error { _, _, err := tx.Page("a", 1); return err },
				"LatestPage":  func(tx *Tx) error { _, _, err := tx.LatestPage("a"); return err },
				"Pages":       func(tx *Tx) error { _, err := collect(tx.Pages("a", 0)); return err },
				"LatestPages": func(tx *Tx) error { _, err := collect(tx.LatestPages()); return err },
				"AddPage":     func(tx *Tx) error { _, err := tx.AddPage(pageOf("a", "Next")); return err },
			} {
				if err := s.Try(read); err == nil || !strings.Contains(err.Error(), "version 1 of the page of a cannot be read") {
					t.Errorf("%s: got %v", reader, err)
				}
			}
		})
	}
}

// A database as the third version made it is brought forward with its flags, and takes pages.
func TestMigrationFromSchema3(t *testing.T) {
	path := filepath.Join(t.TempDir(), "na.db")
	func() {
		defer func(all []func(*bolt.Tx) error) { migrations = all }(migrations)
		migrations = migrations[:3]
		if err := create(path); err != nil {
			t.Fatal(err)
		}
	}()
	old := flagOf("example.be", noon)
	before := state{generation: 1, flags: 1}
	before.digest.Add(old.Entry())
	before.account.add([]byte(old.Name), appendFlag(nil, old))
	edit(t, path, func(tx *bolt.Tx) error {
		if tx.Bucket(pagesBucket) != nil {
			t.Error("schema 3 has pages")
		}
		return errors.Join(
			tx.Bucket(metaBucket).Put(schemaKey, []byte{0, 0, 0, 3}),
			tx.Bucket(metaBucket).Put(stateKey, encodeState(before)[:stateSizeOld]),
			tx.Bucket(flagsBucket).Put([]byte(old.Name), appendFlag(nil, old)),
			tx.Bucket(expiryBucket).Put(expiryKey(noon.Unix(), old.Name), nil),
		)
	})
	for version := range uint64(2) { // once migrated, and once opened again
		s := openTest(t, path)
		err := s.View(func(tx *Tx) error {
			if f, ok, err := tx.Flag(old.Name); tx.state != before || f != old || !ok || err != nil {
				t.Errorf("state = %+v, flag = %+v, %v, %v; want %+v and %+v", tx.state, f, ok, err, before, old)
			}
			return tx.Load(redirect.NewSet(), noon.Add(-time.Hour))
		})
		if err != nil {
			t.Fatal(err)
		}
		if p := addPage(t, s, pageOf("a", fmt.Sprint(version))); p.Version != version+1 {
			t.Errorf("version = %d, want %d", p.Version, version+1)
		}
		s.Close()
	}
}

func FuzzDecodePage(f *testing.F) {
	p := pageOf("a", "Title")
	p.Version, p.SHA256, p.Repeats = 2, p.Content.Sum(), 1
	fuzzRecord(f, func(b []byte) (Page, error) { return decodePage("a", 2, b) }, p)
}
