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
			if err := addTo(l, name, model[name]); err != nil {
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
	if err := addTo(l, "a.be", "x"); err != nil {
		t.Fatal(err)
	}
	apply(t, s, put("b.be", "y"))
	check(t, s.Table(), map[string]string{"b.be": "y"})
	l.Publish(2)
	check(t, s.Table(), map[string]string{"a.be": "x"})
	apply(t, s, put("c.be", "y"))
	check(t, s.Table(), map[string]string{"a.be": "x", "c.be": "y"})
}

// TestZoneCountAgain sets it beside a plain comparison: names of all lengths, below the zone counted last and others, with
// dots at all places and with what resembles a dot.
func TestZoneCountAgain(t *testing.T) {
	for _, apex := range []string{"be", "b", "co.be", "seven77", "eight888", "vlaanderen", ""} {
		for n := 1; n <= 40; n++ {
			for _, filling := range []string{"a", "/", "-", "\xae", "\x00", "\xff"} {
				for _, end := range []string{"." + apex, "/" + apex, "x" + apex, ".bf", "."} {
					for dot := -1; dot < n; dot++ {
						label := []byte(strings.Repeat(filling, n))
						if dot >= 0 {
							label[dot] = '.'
						}
						name := append(label, end...)
						var c zoneCount
						count(&c, "example."+apex)
						count(&c, string(name))
						want := countZone(countZone(nil, []byte("example."+apex), 1), name, 1)
						if !slices.Equal(c.zones, want) {
							t.Fatalf("after example.%s and %q: %v, want %v", apex, name, c.zones, want)
						}
					}
				}
			}
		}
	}
}

func count(c *zoneCount, name string) {
	k := keyOf(name)
	c.add(&k, []byte(name))
}

// TestKeyOfLower sets it beside keyOf: names of all lengths, with a letter in upper case at each place or none.
func TestKeyOfLower(t *testing.T) {
	for n := 1; n <= maxName; n++ {
		name := []byte(strings.Repeat("abcdefghijklmnopqrstuvwxyz", 10)[:n])
		if k, ok := keyOfLower(name); !ok || k != keyOf(name) {
			t.Errorf("%d bytes in lower case: %t, want a key as keyOf's", n, ok)
		}
		for i := range name {
			name[i] -= 'a' - 'A'
			if _, ok := keyOfLower(name); ok {
				t.Errorf("%d bytes, upper case at %d: taken as lower case", n, i)
			}
			name[i] += 'a' - 'A'
		}
	}
}
