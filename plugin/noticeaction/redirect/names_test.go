package redirect

import (
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"

	"github.com/coredns-na/coredns-na/internal/randomname"
)

// sizes are the numbers of names that speed and memory are measured at.
var sizes = []struct {
	name string
	n    int
}{{"1", 1}, {"1k", 1_000}, {"1M", million}}

// randomNames returns n different names in "be", of labels of 4 to 18 letters, the same for the same
// seed. They lie in memory in the order they are returned in.
func randomNames(n int, seed uint64) []string {
	if n == million && seed == 1 {
		return millionNames()
	}
	return inARow(randomname.Names(n, seed))
}

const million = 1_000_000

var millionNames = sync.OnceValue(func() []string { return inARow(randomname.Names(million, 1)) })

// inARow copies names into one piece of memory, so that walking over them costs next to nothing.
func inARow(names []string) []string {
	all := strings.Join(names, "")
	row := make([]string, len(names))
	for i, name := range names {
		row[i], all = all[:len(name)], all[len(name):]
	}
	return row
}

// shuffled returns names in a random order that has nothing to do with the one they were stored in.
func shuffled(names []string) []string {
	order := rand.New(rand.NewPCG(7, 7)).Perm(len(names))
	out := make([]string, len(names))
	for i, j := range order {
		out[i] = names[j]
	}
	return inARow(out)
}

// mixedCase returns names with about half their letters in upper case, as a resolver that sends 0x20 queries has them.
func mixedCase(names []string) []string {
	r := rand.New(rand.NewPCG(20, 20))
	out := make([]string, len(names))
	for i, name := range names {
		b := []byte(name)
		for j, c := range b {
			if 'a' <= c && c <= 'z' && r.IntN(2) == 0 {
				b[j] = c - 'a' + 'A'
			}
		}
		out[i] = string(b)
	}
	return inARow(out)
}

func entries(names []string) iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for _, name := range names {
			if !yield(Entry{Name: name, Authority: "apd-gba"}) {
				return
			}
		}
	}
}

func loaded(names []string) *Set {
	s := NewSet()
	if err := s.Load(1, entries(names)); err != nil {
		panic(err)
	}
	return s
}

// missing returns n names like those of randomNames, that it never returns: they begin with a digit.
func missing(n int) []string {
	names := slices.Clone(randomNames(n, 2))
	for i, name := range names {
		names[i] = "0" + name[1:]
	}
	return inARow(names)
}

// overlaid returns a set of names under an overlay of others, as full as it gets before a merge is due.
func overlaid(names []string) *Set { return overlay(loaded(names)) }

func overlay(s *Set) *Set {
	var changes []Change
	for _, name := range randomNames(defaultLimits.merge-1, 3) {
		changes = append(changes, put(strings.TrimSuffix(name, "be")+"eu", "fps"))
	}
	if err := s.Apply(2, changes); err != nil {
		panic(err)
	}
	return s
}

func put(name, authority string) Change {
	return Change{Entry: Entry{Name: name, Authority: authority}}
}

func drop(name string) Change {
	return Change{Entry: Entry{Name: name}, Remove: true}
}
