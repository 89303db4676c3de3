package redirect

import (
	"slices"
	"strings"
	"testing"
)

// BenchmarkLookup sets a look-up beside a Go map's of the same names. "loop" is what both pay to come
// by the query; subtract it. The names of a hit are asked for in an order of their own, so that at 1M
// nearly each is cold; "chained" has each query wait for the answer to the one before, as in a server
// that does much else between two.
func BenchmarkLookup(b *testing.B) {
	for _, size := range sizes {
		names := randomNames(size.n, 1)
		hits := shuffled(names)
		set := loaded(names)
		table, overlaid := set.Table(), overlay(set).Table()
		peer := make(map[string]AuthorityID, len(names))
		for _, name := range names {
			peer[strings.Clone(name)] = 0
		}
		looks := []struct {
			name string
			look func(string) (AuthorityID, bool)
		}{
			{"loop", func(name string) (AuthorityID, bool) { return 0, name[0] == 'a' }},
			{"table", table.Lookup},
			{"table-overlaid", overlaid.Lookup},
			{"map", func(name string) (AuthorityID, bool) { id, ok := peer[strings.ToLower(name)]; return id, ok }},
		}
		for _, q := range []struct {
			name  string
			names []string
		}{
			{"hit", hits},
			{"miss", missing(max(size.n, 1000))},
			{"hit-mixed-case", mixedCase(hits)},
		} {
			for _, l := range looks {
				b.Run(size.name+"/"+q.name+"/"+l.name, func(b *testing.B) {
					b.ReportAllocs()
					for i := 0; b.Loop(); {
						l.look(q.names[i])
						if i++; i >= len(q.names) {
							i = 0
						}
					}
				})
				b.Run(size.name+"/"+q.name+"/"+l.name+"-chained", func(b *testing.B) {
					for i := 0; b.Loop(); {
						id, _ := l.look(q.names[i])
						if i += 1 + int(id); i >= len(q.names) {
							i = 0
						}
					}
				})
			}
		}
	}
}

// BenchmarkApply flags and lifts one name at a million, under an overlay that stays as full as it was.
func BenchmarkApply(b *testing.B) {
	names := randomNames(million, 1)
	for _, overlay := range []struct {
		name string
		set  *Set
	}{{"empty", loaded(names)}, {"full", overlaid(names)}} {
		b.Run(overlay.name, func(b *testing.B) {
			b.ReportAllocs()
			changes := []Change{put("one-more.be", "apd-gba")}
			for generation := uint64(3); b.Loop(); generation++ {
				changes[0].Remove = !changes[0].Remove
				if err := overlay.set.Apply(generation, changes); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkLoad1M(b *testing.B) {
	names := randomNames(million, 1)
	s := NewSet()
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Load(1, entries(names)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkImport1M is one Apply of a million names to an empty table.
func BenchmarkImport1M(b *testing.B) {
	var changes []Change
	for _, name := range randomNames(million, 1) {
		changes = append(changes, put(name, "apd-gba"))
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := NewSet().Apply(1, changes); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMerge1M folds a full overlay into the layer below, which it does mostly, and into a base.
func BenchmarkMerge1M(b *testing.B) {
	for _, into := range []struct {
		name  string
		share int
	}{{"middle", defaultLimits.share}, {"base", million}} {
		b.Run(into.name, func(b *testing.B) {
			s := overlaid(randomNames(million, 1))
			s.limits.share = into.share
			before := s.Table()
			b.ReportAllocs()
			for b.Loop() {
				s.current.Store(before)
				s.Merge()
			}
		})
	}
}

func BenchmarkDigest(b *testing.B) {
	var d Digest
	e := Entry{Name: "example.be", Authority: "apd-gba", NotAfter: 1_800_000_000}
	b.ReportAllocs()
	for b.Loop() {
		d.Add(e)
	}
	if slices.Equal(d[:], make([]byte, len(d))) {
		b.Fatal("nothing was added")
	}
}

// BenchmarkLoader1M takes names in their order, as a store holds them.
func BenchmarkLoader1M(b *testing.B) {
	var names [][]byte
	octets := 0
	for _, name := range inARow(slices.Sorted(slices.Values(randomNames(million, 1)))) {
		names = append(names, []byte(name))
		octets += len(name)
	}
	s := NewSet()
	b.ReportAllocs()
	for b.Loop() {
		l := s.Loader(len(names), octets)
		authority, err := l.Authority([]byte("apd-gba"))
		if err != nil {
			b.Fatal(err)
		}
		for _, name := range names {
			if err := l.Add(name, authority); err != nil {
				b.Fatal(err)
			}
		}
		l.Publish(1)
	}
}
