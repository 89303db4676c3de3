package redirect

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestLoaderIsAMap loads names of all lengths, some of them twice, into tables made for as many as there are, for
// fewer and for more.
func TestLoaderIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfN(rapid.OneOf(few, crowded), 0, 400).Draw(t, "names")
		saidNames := rapid.IntRange(0, 2*len(names)).Draw(t, "names said")
		saidOctets := rapid.IntRange(0, 40*len(names)).Draw(t, "octets said")
		s := NewSet()
		l := s.Loader(saidNames, saidOctets)
		model := make(map[string]string)
		for i, name := range names {
			model[name] = fmt.Sprint("authority-", i%3)
			if err := l.Add([]byte(name), []byte(model[name])); err != nil {
				t.Fatal(err)
			}
		}
		l.Publish(7)
		check(t, s.Table(), model)
		if got := s.Table().Generation(); got != 7 {
			t.Errorf("generation %d, want 7", got)
		}
	})
}

// TestLoaderLeavesTheSet until the table is published, whatever was changed meanwhile.
func TestLoaderLeavesTheSet(t *testing.T) {
	s := NewSet()
	l := s.Loader(1, 4)
	if err := l.Add([]byte("a.be"), []byte("x")); err != nil {
		t.Fatal(err)
	}
	apply(t, s, put("b.be", "y"))
	check(t, s.Table(), map[string]string{"b.be": "y"})
	l.Publish(2)
	check(t, s.Table(), map[string]string{"a.be": "x"})
	apply(t, s, put("c.be", "y"))
	check(t, s.Table(), map[string]string{"a.be": "x", "c.be": "y"})
}

// TestFirstDot sets it beside the plain search for all lengths and places.
func TestFirstDot(t *testing.T) {
	for n := 1; n <= 70; n++ {
		for _, filling := range []string{"a", "/", "-", "\xae", "\x00", "\xff"} {
			for _, places := range [][]int{{}, {0}, {n - 1}, {n / 2}, {n / 3, n / 2}, {n / 2, n - 1}} {
				name := []byte(strings.Repeat(filling, n))
				for _, at := range places {
					name[at] = '.'
				}
				k := keyOf(name)
				if got, want := firstDot(&k, name), slices.Index(name, '.'); got != want {
					t.Errorf("in %q at %d, want %d", name, got, want)
				}
			}
		}
	}
}
