package main

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"
)

func tableOf(tb testing.TB, names []string) *redirect.Table {
	tb.Helper()
	set := redirect.NewSet()
	err := set.Load(1, func(yield func(redirect.Entry) bool) {
		for _, name := range names {
			if !yield(redirect.Entry{Name: name, Authority: "apd-gba"}) {
				return
			}
		}
	})
	if err != nil {
		tb.Fatal(err)
	}
	return set.Table()
}

// walk is what servers do that keep names label by label.
type walk struct{ below map[string]*walk }

func (w *walk) add(name string) {
	for name != "" {
		dot := strings.LastIndexByte(name, '.')
		label := strings.Clone(name[dot+1:])
		if w.below == nil {
			w.below = make(map[string]*walk)
		}
		if w.below[label] == nil {
			w.below[label] = new(walk)
		}
		w, name = w.below[label], name[:max(dot, 0)]
	}
}

func (w *walk) has(name string) bool {
	name = strings.ToLower(name)
	for w != nil && name != "" {
		dot := strings.LastIndexByte(name, '.')
		w, name = w.below[name[dot+1:]], name[:max(dot, 0)]
	}
	return w != nil
}

// inOrderOfUse copies names so that they lie in memory as they are asked for:
// a server has just read the query.
func inOrderOfUse(names []string, change func(string) string) []string {
	out := make([]string, len(names))
	for i, j := range rand.New(rand.NewPCG(3, 3)).Perm(len(names)) {
		out[i] = strings.Clone(change(names[j]))
	}
	return out
}

func upperHalf(name string) string { return strings.ToUpper(name[:len(name)/2]) + name[len(name)/2:] }

// BenchmarkBeside sets a look-up among a million beside structures that hold
// the same names.
func BenchmarkBeside(b *testing.B) {
	names := randomNames(1_000_000)
	table, root := tableOf(b, names), new(walk)
	var concurrent sync.Map
	for _, name := range names {
		concurrent.Store(strings.Clone(name), true)
		root.add(name)
	}
	looks := []struct {
		name string
		look func(string) bool
	}{
		{"loop", func(name string) bool { return name[0] == 'a' }},
		{"table", func(name string) bool { _, ok := table.Lookup(name); return ok }},
		{"sync.Map", func(name string) bool { _, ok := concurrent.Load(strings.ToLower(name)); return ok }},
		{"walk", root.has},
	}
	for _, q := range []struct {
		name   string
		change func(string) string
	}{
		{"hit", strings.Clone},
		{"miss", func(name string) string { return "0" + name[1:] }},
		{"mixed case", upperHalf},
	} {
		queries := inOrderOfUse(names, q.change)
		for _, l := range looks {
			b.Run(q.name+"/"+l.name, func(b *testing.B) {
				for i := 0; b.Loop(); i++ {
					l.look(queries[i%len(queries)])
				}
			})
		}
	}
}

// BenchmarkGrowth is the table as it grows in names and in zones.
func BenchmarkGrowth(b *testing.B) {
	for _, n := range growth {
		for _, zones := range []int{1, 16} {
			if n < zones {
				continue
			}
			names := randomNames(n)
			for i := range names {
				if zone := i % zones; zone > 0 {
					names[i] = fmt.Sprintf("%sz%d", strings.TrimSuffix(names[i], "be"), zone)
				}
			}
			table := tableOf(b, names)
			queries := inOrderOfUse(names, strings.Clone)
			b.Run(fmt.Sprintf("%d names/%d zones", n, zones), func(b *testing.B) {
				for i := 0; b.Loop(); i++ {
					if _, ok := table.Lookup(queries[i%len(queries)]); !ok {
						b.Fatal("a name is missing")
					}
				}
				b.ReportMetric(float64(table.Bytes())/float64(n), "bytes/name")
			})
		}
	}
}

// BenchmarkCollect is a whole collection while a million names are held, and
// what they are held in takes.
func BenchmarkCollect(b *testing.B) {
	const n = 1_000_000
	live := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for _, held := range []struct {
		name string
		hold func([]string) any
	}{
		{"nothing", func([]string) any { return nil }},
		{"table", func(names []string) any { return tableOf(b, names) }},
		{"map", func(names []string) any {
			m := make(map[string]uint16)
			for _, name := range names {
				m[strings.Clone(name)] = 0
			}
			return m
		}},
	} {
		b.Run(held.name, func(b *testing.B) {
			before := live()
			kept := held.hold(randomNames(n))
			size := float64(live()) - float64(before)
			var from, to runtime.MemStats
			runtime.ReadMemStats(&from)
			b.ResetTimer()
			for range b.N {
				runtime.GC()
			}
			runtime.ReadMemStats(&to)
			b.ReportMetric(float64(to.PauseTotalNs-from.PauseTotalNs)/float64(b.N), "pause-ns/op")
			b.ReportMetric(size/n, "bytes/name")
			runtime.KeepAlive(kept)
		})
	}
}
