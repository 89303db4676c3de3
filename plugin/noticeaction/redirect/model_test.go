package redirect

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// few names make their histories meet; lengths on both sides of each path through the hash.
var few = rapid.OneOf(
	rapid.StringMatching(`[ab]{1,2}\.(be|gent)`),
	rapid.SampledFrom([]string{"x", strings.Repeat("long", 10) + ".be", strings.Repeat("z", 253)}),
)

var someChange = rapid.Custom(func(t *rapid.T) Change {
	c := put(few.Draw(t, "name"), rapid.StringMatching(`[pq]`).Draw(t, "authority"))
	c.Remove = rapid.Bool().Draw(t, "remove")
	return c
})

var someLimits = rapid.Custom(func(t *rapid.T) limits {
	merge := rapid.IntRange(1, 6).Draw(t, "merge")
	return limits{
		merge: merge, fold: merge + rapid.IntRange(0, 12).Draw(t, "room"),
		share: rapid.IntRange(1, 4).Draw(t, "share"), arena: maxArena,
	}
})

func applyTo(model map[string]string, changes []Change) {
	for _, c := range changes {
		if c.Remove {
			delete(model, c.Name)
		} else {
			model[c.Name] = c.Authority
		}
	}
}

func TestSetIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSet(someLimits.Draw(t, "limits"))
		model := make(map[string]string)
		generation := uint64(0)
		t.Repeat(map[string]func(*rapid.T){
			"apply": func(t *rapid.T) {
				changes := rapid.SliceOfN(someChange, 0, 8).Draw(t, "changes")
				generation++
				if err := s.Apply(generation, changes); err != nil {
					t.Fatal(err)
				}
				applyTo(model, changes)
			},
			"load": func(t *rapid.T) {
				generation++
				model = rapid.MapOfN(few, rapid.StringMatching(`[pq]`), 0, 20).Draw(t, "entries")
				err := s.Load(generation, func(yield func(Entry) bool) {
					for name, authority := range model {
						if !yield(Entry{Name: name, Authority: authority}) {
							return
						}
					}
				})
				if err != nil {
					t.Fatal(err)
				}
				model = maps.Clone(model)
			},
			"merge": func(*rapid.T) { s.Merge() },
			"look up": func(t *rapid.T) {
				name := few.Draw(t, "name")
				want, is := model[name]
				if id, ok := s.Table().Lookup(strings.ToUpper(name)); ok != is || ok && s.Table().Authority(id) != want {
					t.Fatalf("Lookup(%q) = %q, %t, want %q, %t", name, s.Table().Authority(id), ok, want, is)
				}
			},
			"": func(t *rapid.T) {
				check(t, s.Table(), model)
				if got := s.Table().Generation(); got != generation {
					t.Fatalf("generation %d, want %d", got, generation)
				}
			},
		})
	})
}

// TestMergeBesideWriters lets merges, a writer and readers run at once. Each generation changes two
// names together, so a reader can tell a table that is half one generation and half another.
func TestMergeBesideWriters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSet(someLimits.Draw(t, "limits"))
		steps := rapid.SliceOfN(rapid.SliceOfN(someChange, 0, 6), 1, 30).Draw(t, "steps")
		reloadAt := rapid.IntRange(-1, len(steps)-1).Draw(t, "reload at")
		model := make(map[string]string)
		done := make(chan struct{})
		var others sync.WaitGroup
		for range 2 {
			others.Go(func() {
				for open := true; open; open = isOpen(done) {
					s.Merge()
				}
			})
		}
		var torn error
		others.Go(func() {
			for open := true; open && torn == nil; open = isOpen(done) {
				torn = checkPair(s.Table())
			}
		})
		for i, changes := range steps {
			generation := uint64(i + 1)
			if i == reloadAt {
				clear(model)
				if err := s.Load(generation, slices.Values([]Entry(nil))); err != nil {
					t.Fatal(err)
				}
				continue
			}
			stamp := fmt.Sprint(generation)
			changes = append(slices.Clip(changes), put("left.eu", stamp), put("right.eu", stamp))
			if err := s.Apply(generation, changes); err != nil {
				t.Fatal(err)
			}
			applyTo(model, changes)
		}
		close(done)
		others.Wait()
		if torn != nil {
			t.Fatal(torn)
		}
		check(t, s.Table(), model)
		s.Merge()
		check(t, s.Table(), model)
		if got := s.Table().Generation(); got != uint64(len(steps)) {
			t.Fatalf("generation %d, want %d", got, len(steps))
		}
	})
}

func isOpen(done <-chan struct{}) bool {
	select {
	case <-done:
		return false
	default:
		return true
	}
}

// checkPair has both names of a generation's pair say that generation.
func checkPair(table *Table) error {
	for _, name := range []string{"left.eu", "right.eu"} {
		id, ok := table.Lookup(name)
		if !ok && table.Len() == 0 {
			continue
		}
		if got, want := table.Authority(id), fmt.Sprint(table.Generation()); got != want {
			return fmt.Errorf("generation %s: %s is of generation %q", want, name, got)
		}
	}
	return nil
}
