package redirect

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// crowded draws names on both sides of what a line holds, some alike but for a byte.
var crowded = rapid.Custom(func(t *rapid.T) string {
	n := rapid.IntRange(1, 70).Draw(t, "length")
	return strings.Repeat("n", n-1) + rapid.StringMatching(`[a-z0-9]`).Draw(t, "last")
})

// TestIndexIsAMap fills indexes that were made for the names, and for far fewer, so that lines, groups and
// the rest are all in use.
func TestIndexIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		model := rapid.MapOfN(crowded, rapid.Uint16Range(0, uint16(tombstone)), 0, 200).Draw(t, "names")
		madeFor := rapid.IntRange(0, len(model)).Draw(t, "made for")
		x := newIndex(madeFor, 20*madeFor)
		for name, id := range model {
			k := keyOf(name)
			insert(x, &k, name, AuthorityID(id))
		}
		for form, x := range map[string]*index{"as filled": x, "fitted": x.fitted()} {
			checkIndex(t, form, x, model)
			other := crowded.Draw(t, "other")
			k := keyOf(other)
			want, is := model[other]
			if id, ok := find(x, &k, other); ok != is || ok && id != AuthorityID(want) {
				t.Fatalf("%s: %q is %d, %t, want %d, %t", form, other, id, ok, want, is)
			}
		}
	})
}

// checkIndex has the index find each name of the model, and yield each once.
func checkIndex(t *rapid.T, form string, x *index, model map[string]uint16) {
	size, seen := 0, 0
	for name, want := range model {
		k := keyOf(name)
		if id, ok := find(x, &k, name); !ok || id != AuthorityID(want) {
			t.Fatalf("%s: %q is %d, %t, want %d", form, name, id, ok, want)
		}
		size += recordSize(name)
	}
	for name, id := range x.all() {
		if want, ok := model[string(name)]; !ok || id != AuthorityID(want) {
			t.Fatalf("%s: yields %q of %d, want %d, %t", form, name, id, want, ok)
		}
		seen++
	}
	if seen != len(model) || x.len != len(model) || x.size != size {
		t.Fatalf("%s: yields %d names, says %d of %d bytes; want %d of %d", form, seen, x.len, x.size, len(model), size)
	}
}

// TestMostNamesLieInTheirLine holds what the speed of a hit comes from.
func TestMostNamesLieInTheirLine(t *testing.T) {
	const n = 100_000
	x := loaded(randomNames(n, 1)).Table().base
	home := 0
	for i := range x.lines {
		x.lines[i].all(func(name []byte, _ AuthorityID) bool {
			if scale(keyOf(name).hash, len(x.lines)) == i {
				home++
			}
			return true
		})
	}
	if share := float64(home) / n; share < 0.78 {
		t.Errorf("%.3f of the names lie in their line, want 0.78", share)
	}
	if share := float64(x.rest.len) / n; share > 0.05 {
		t.Errorf("%.3f of the names lie in the rest, want at most 0.05", share)
	}
}

// TestShortNamesLieInLines has an index of names of which lines could hold more than they have tags for.
func TestShortNamesLieInLines(t *testing.T) {
	const n = 100_000
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("%05d", i))
	}
	x := loaded(names).Table().base
	if share := float64(x.rest.len) / n; share > 0.05 {
		t.Errorf("%.3f of the names lie in the rest, want at most 0.05", share)
	}
}

// TestEmptyNameIsNowhere has no hash make a record of the place where none is.
func TestEmptyNameIsNowhere(t *testing.T) {
	x := newIndex(10, 200)
	for _, name := range randomNames(200, 1) {
		k := keyOf(name)
		insert(x, &k, name, 1)
	}
	for hash := uint64(0); hash < 1<<20; hash += 1 << 16 {
		for shift := range 44 {
			if record := inLines(x, &key{hash: hash << shift}, ""); record != nil {
				t.Fatalf("hash %x: found %q", hash<<shift, record)
			}
		}
	}
}

// TestFilterStopsMisses has nearly every miss end before memory is touched.
func TestFilterStopsMisses(t *testing.T) {
	x := loaded(randomNames(100_000, 1)).Table().base
	passed, names := 0, missing(100_000)
	for _, name := range names {
		if x.mayHold(keyOf(name).hash) {
			passed++
		}
	}
	if share := float64(passed) / float64(len(names)); share > 0.03 {
		t.Errorf("%.3f of the misses pass the filter, want at most 0.03", share)
	}
}

// TestLayers follows a large set through merges: into the middle layer while that is small beside the
// base, and then into a base.
func TestLayers(t *testing.T) {
	const names = 1000
	s := newSet(limits{merge: 10, fold: 30, share: 20, arena: maxArena})
	model := make(map[string]string)
	change := func(n int, authority string, remove bool) (changes []Change) {
		for i := range n {
			c := put(fmt.Sprintf("n%d.be", i*names/n), authority)
			c.Remove = remove
			changes = append(changes, c)
		}
		return changes
	}
	for _, step := range []struct {
		what                  string
		changes               []Change
		merge                 bool
		base, middle, overlay int // names in the layers afterwards
	}{
		{"a thousand names", change(names, "first", false), false, 1000, 0, 0},
		{"some changed", change(20, "second", false), false, 1000, 0, 20},
		{"merged into the middle", nil, true, 1000, 20, 0},
		{"others lifted", change(25, "", true), false, 1000, 20, 25},
		{"merged into the middle again", nil, true, 1000, 40, 0},
		{"lifted names come back", change(20, "third", false), false, 1000, 40, 20},
		{"more than the middle may hold", nil, true, 980, 0, 0},
		{"more than the overlay may hold", change(40, "fourth", false), false, 980, 40, 0},
		{"more than either may hold", change(250, "fifth", false), false, 1000, 0, 0},
		{"all lifted at once", change(1000, "", true), false, 0, 0, 0},
	} {
		if step.merge {
			s.Merge()
		} else {
			apply(t, s, step.changes...)
			applyTo(model, step.changes)
		}
		check(t, s.Table(), model)
		table := s.Table()
		if got := [...]int{table.base.names(), table.middle.names(), table.overlay.names()}; got != [...]int{step.base, step.middle, step.overlay} {
			t.Errorf("%s: base, middle and overlay of %d names, want %d, %d, %d", step.what, got, step.base, step.middle, step.overlay)
		}
		for _, name := range []string{"n1.be", "n999.be", "other.be"} {
			if _, ok := table.Lookup(name); ok != (model[name] != "") {
				t.Errorf("%s: Lookup(%q) = %t", step.what, name, ok)
			}
		}
	}
}
