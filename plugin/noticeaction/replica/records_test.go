package replica

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"
)

func drawRecord(t *rapid.T) Record {
	r := Record{
		Name:      rapid.SampledFrom(numbered(0, 40)).Draw(t, "name"),
		Authority: rapid.SampledFrom([]string{"apd-gba", "fps-economy"}).Draw(t, "authority"),
		NotAfter:  rapid.SampledFrom([]int64{0, 1, 1 << 31, 1 << 40}).Draw(t, "not after"),
		Changed:   rapid.Uint64().Draw(t, "changed"),
	}
	if rapid.Bool().Draw(t, "has mail") {
		r.Mail = rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "mail")
	}
	return r
}

// TestRecordsAreAMap: whatever changes a set went through, it holds what a map would, and its hashes depend on
// that alone.
func TestRecordsAreAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		model, set := make(map[string]Record), new(records)
		for range rapid.IntRange(0, 6).Draw(t, "generations") {
			before, was := set, maps.Clone(model)
			var changes []change
			for range rapid.IntRange(0, 20).Draw(t, "changes") {
				c := change{Record: drawRecord(t), remove: rapid.Bool().Draw(t, "remove")}
				changes = append(changes, c)
				delete(model, c.Name)
				if !c.remove {
					model[c.Name] = c.Record
				}
			}
			set = set.with(changes)
			same(t, set, model)
			same(t, before, was)
			// the difference leads from one to the other
			again := before.with(slices.Collect(set.since(before)))
			if again.root() != set.root() || again.digest != set.digest || again.count != set.count {
				t.Fatal("the difference does not lead to the set")
			}
		}
	})
}

func same(t *rapid.T, set *records, model map[string]Record) {
	t.Helper()
	var b builder
	var digest redirect.Digest
	for _, name := range slices.Sorted(maps.Keys(model)) {
		digest.Add(model[name].Entry())
		if err := b.add(model[name]); err != nil {
			t.Fatal(err)
		}
		if got, ok := set.get(name); !ok || !got.equal(model[name]) {
			t.Fatalf("%s: got %v %v, want %v", name, got, ok, model[name])
		}
	}
	built := b.records()
	if set.count != len(model) || set.digest != digest || set.root() != built.root() || built.digest != digest {
		t.Fatalf("got %d records of digest %s, want %d of %s", set.count, set.digest, len(model), digest)
	}
	for i, bucket := range set.buckets {
		if bucket.firstAfter(0) != built.buckets[i].firstAfter(0) || bucket.firstAfter(5) != built.buckets[i].firstAfter(5) {
			t.Fatal("the first date is not that of the records")
		}
	}
	for r := range set.all() {
		if !r.equal(model[r.Name]) {
			t.Fatalf("%s: got %v, want %v", r.Name, r, model[r.Name])
		}
	}
}

// TestRootSeesWhatTheDigestDoesNot: the digest is of what the table has, the root of all that is in a record.
func TestRootSeesWhatTheDigestDoesNot(t *testing.T) {
	a := new(records).with([]change{{Record: Record{Name: "example.be", Authority: "a", Changed: 1}}})
	b := new(records).with([]change{{Record: Record{Name: "example.be", Authority: "a", Changed: 2}}})
	c := new(records).with([]change{{Record: Record{Name: "example.be", Authority: "a", Changed: 1, Mail: []byte("[]")}}})
	if a.digest != b.digest || a.digest != c.digest {
		t.Error("the digest is of more than the desk's status shows")
	}
	if a.root() == b.root() || a.root() == c.root() {
		t.Error("the root does not cover all of a record")
	}
}

func TestBadRecords(t *testing.T) {
	good := appendBody(nil, Record{Name: "example.be", Authority: "apd-gba", NotAfter: 300, Changed: 300})
	tests := []struct {
		name   string
		record string
		body   []byte
	}{
		{"empty", "example.be", nil},
		{"another version", "example.be", append([]byte{2}, good[1:]...)},
		{"cut short", "example.be", good[:len(good)-1]},
		{"longer", "example.be", append(slices.Clone(good), 0)},
		{"a number longer than it must be", "example.be", slices.Concat([]byte{1, 0, 0x81, 0x00}, []byte{1, 'a', 0})},
		{"a negative date", "example.be", []byte{1, 1, 0, 1, 'a', 0}},
		{"no authority", "example.be", []byte{1, 0, 0, 0, 0}},
		{"too long an authority", "example.be", slices.Concat([]byte{1, 0, 0, 64}, bytes.Repeat([]byte{'a'}, 64), []byte{0})},
		{"no name", "", good},
		{"too long a name", strings.Repeat("a", 254), good},
		{"upper case", "Example.be", good},
		{"a final dot", "example.be.", good},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if r, err := decodeBody(tt.record, tt.body); !errors.Is(err, ErrRecord) {
				t.Errorf("got %v %v, want ErrRecord", r, err)
			}
		})
	}
}

func TestBuilderWantsOrder(t *testing.T) {
	var b builder
	if err := b.add(Record{Name: "example.be", Authority: "a"}); err != nil {
		t.Fatal(err)
	}
	if err := b.add(Record{Name: "example.be", Authority: "a"}); !errors.Is(err, ErrRecord) {
		t.Errorf("the same name twice: %v", err)
	}
}

func TestCleanPrefix(t *testing.T) {
	for in, want := range map[string]string{
		"na": "/na/", "/na": "/na/", "/na/be/": "/na/be/", "//na//be": "/na/be/",
		"": "", "/": "", "a b": "", "é": "", strings.Repeat("x", 201): "",
	} {
		got, err := CleanPrefix(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q %v, want %q", in, got, err, want)
		}
	}
}
