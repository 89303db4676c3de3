package redirect

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var someEntry = rapid.Custom(func(t *rapid.T) Entry {
	return Entry{
		Name:      rapid.StringMatching(`[a-z]{1,20}\.be`).Draw(t, "name"),
		Authority: rapid.StringMatching(`[a-z]{1,9}`).Draw(t, "authority"),
		NotAfter:  rapid.Int64().Draw(t, "not after"),
	}
})

func digestOf(entries ...Entry) (d Digest) {
	for _, e := range entries {
		d.Add(e)
	}
	return d
}

func TestDigestKnowsNoOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := rapid.SliceOf(someEntry).Draw(t, "entries")
		other := rapid.Permutation(entries).Draw(t, "other order")
		if a, b := digestOf(entries...), digestOf(other...); a != b {
			t.Fatalf("%s, in another order %s", a, b)
		}
	})
}

func TestDigestRemoveUndoesAdd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kept := rapid.SliceOf(someEntry).Draw(t, "kept")
		gone := rapid.SliceOf(someEntry).Draw(t, "gone")
		d := digestOf(append(gone, kept...)...)
		for _, e := range gone {
			d.Remove(e)
		}
		if want := digestOf(kept...); d != want {
			t.Fatalf("%s, want %s", d, want)
		}
	})
}

// TestDigestVectors fixes the encoding: two machines of different versions must agree. The sums are those of
// another implementation.
func TestDigestVectors(t *testing.T) {
	a := Entry{Name: "example.be", Authority: "apd-gba", NotAfter: 1_800_000_000}
	b := Entry{Name: "xn--caf-dma.be", Authority: "fps"}
	for _, test := range []struct {
		what string
		set  []Entry
		want string
	}{
		{"empty", nil, strings.Repeat("0", 64)},
		{"one", []Entry{a}, "93174fdc306a00229540becc0f18d73e0edbb7d97c186c72db156ec954d47120"},
		{"another", []Entry{b}, "27c03a5b5cfd21cd64a94e4de82dec5df1600dfa891668258399090c99ba55de"},
		{"both", []Entry{a, b}, "bad78a378d6721eff9ea0d19f746c39c003bc5d4052ed4985eae77d5ee8ec6fe"},
	} {
		if got := digestOf(test.set...).String(); got != test.want {
			t.Errorf("%s: %s, want %s", test.what, got, test.want)
		}
	}
}

func TestDigestTellsFieldsApart(t *testing.T) {
	seen := make(map[Digest]Entry)
	for _, e := range []Entry{
		{Name: "ab", Authority: "c"},
		{Name: "a", Authority: "bc"},
		{Name: "abc"},
		{Authority: "abc"},
		{Name: "ab", Authority: "c", NotAfter: 1},
		{Name: "ab", Authority: "c", NotAfter: -1},
		{Name: "AB", Authority: "c"},
	} {
		d := digestOf(e)
		if was, ok := seen[d]; ok {
			t.Errorf("%+v and %+v have one digest", was, e)
		}
		seen[d] = e
	}
}
