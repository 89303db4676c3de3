package casework

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"

	"golang.org/x/net/publicsuffix"

	"pgregory.net/rapid"
)

// A large import in no order, with names that begin alike: the journal has them in the order of their names.
func TestImportSorts(t *testing.T) {
	d := newDesk(t, testPolicy())
	d.flag("name-00007.be")
	var names []string
	for i := range 3*blockSize + 1 {
		names = append(names, fmt.Sprintf("name-%05d.be", i*1009%(3*blockSize+1)), fmt.Sprintf("n%d.vlaanderen", i))
	}
	names = append(names, "name.be", "name-0.be", "n.be")
	var body strings.Builder
	for _, name := range names {
		body.WriteString(importLine(name))
	}
	r, err := d.importText("", body.String())
	if err != nil || r.Created != len(names)-1 || r.Replaced != 1 {
		t.Fatalf("report = %+v, %v; want %d created and 1 replaced", r, err, len(names)-1)
	}
	var got []string
	err = d.store.View(func(tx *store.Tx) error {
		for _, line := range tx.Journal(1) {
			e, err := store.DecodeEntry(line)
			if err != nil {
				return err
			}
			got = append(got, e.Name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if slices.Sort(names); !slices.Equal(got, names) {
		t.Errorf("the journal has %d names, want the %d of the import in their order", len(got), len(names))
	}
	replay(t, d.store)
}

func TestPlaceOrdersAsNamesAndLines(t *testing.T) {
	label := rapid.StringMatching(`[a-z0-9-]{0,10}`)
	rapid.Check(t, func(t *rapid.T) {
		in := &importer{}
		defer in.forget()
		for i := range rapid.IntRange(0, 40).Draw(t, "items") {
			in.add(i, store.Flag{Name: rapid.SampledFrom([]string{"", "same", "longer-than-8"}).Draw(t, "begin") + label.Draw(t, "label")})
		}
		want := slices.Concat(in.blocks...)
		slices.SortFunc(want, func(a, b item) int {
			return cmp.Or(strings.Compare(a.name, b.name), a.line-b.line)
		})
		in.sort()
		for i, it := range in.items {
			if it.name != want[i].name || it.line != want[i].line {
				t.Fatalf("item %d is %q of line %d, want %q of line %d", i, it.name, it.line, want[i].name, want[i].line)
			}
		}
	})
}

func TestTextsStay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var kept texts
		var got, want []string
		for range rapid.IntRange(0, 50).Draw(t, "texts") {
			s := strings.Repeat(rapid.StringMatching(`[a-z]{0,3}`).Draw(t, "text"), rapid.SampledFrom([]int{1, 5000, 30000}).Draw(t, "times"))
			buf := []byte(s)
			want = append(want, s, s, s)
			got = append(got, kept.add(buf), kept.copy(s), kept.once(buf))
			for i := range buf {
				buf[i] = '!'
			}
		}
		if !slices.Equal(got, want) {
			t.Error("a text is not what it was")
		}
	})
}

// suffixOf asks once about most names; it must say what asking twice says.
func TestSuffixOf(t *testing.T) {
	for _, name := range []string{
		"example.be", "ac.be", "blogspot.be", "transurl.be", "x.transurl.be", "cloudns.be", "ck", "www.ck", "x.ck", "kawasaki.jp", "city.kawasaki.jp",
		"x.kawasaki.jp", "be", "vlaanderen", "unlisted", "x.unlisted", "co.uk", "github.io", "compute.amazonaws.com", "platform.sh", "eu.platform.sh",
	} {
		want := none
		for _, probe := range []string{name, "*." + name} {
			if suffix, byICANN := publicsuffix.PublicSuffix(probe); suffix == probe && want == none {
				want = private
				if byICANN {
					want = icann
				}
			}
		}
		if got := suffixOf(name); got != want {
			t.Errorf("%s is of kind %d, want %d", name, got, want)
		}
	}
}
