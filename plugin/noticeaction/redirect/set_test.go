package redirect

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// apply publishes changes as the next generation.
func apply(t *testing.T, s *Set, changes ...Change) {
	t.Helper()
	if err := s.Apply(s.Table().Generation()+1, changes); err != nil {
		t.Fatal(err)
	}
}

func TestEmptySet(t *testing.T) {
	table := NewSet().Table()
	if _, ok := table.Lookup("example.be"); ok {
		t.Error("an empty table has example.be")
	}
	if n, g := table.Len(), table.Generation(); n != 0 || g != 0 {
		t.Errorf("%d names, generation %d, want none of either", n, g)
	}
	for zone := range table.Zones() {
		t.Errorf("zone %q in an empty table", zone)
	}
	if got := table.Authority(0); got != "" {
		t.Errorf("Authority(0) = %q, want none", got)
	}
}

func TestApplyAndLoad(t *testing.T) {
	tests := []struct {
		what  string
		steps func(s *Set) error
		want  map[string]string
		zones map[string]int
	}{
		{
			"two zones",
			func(s *Set) error {
				return s.Apply(9, []Change{put("a.be", "apd-gba"), put("b.be", "fps"), put("a.gent", "fps")})
			},
			map[string]string{"a.be": "apd-gba", "b.be": "fps", "a.gent": "fps"},
			map[string]int{"be": 2, "gent": 1},
		},
		{
			"the last change of a name wins",
			func(s *Set) error {
				return s.Apply(9, []Change{put("a.be", "fps"), drop("b.be"), put("b.be", "fps"), put("a.be", "apd-gba"), put("c.be", "fps"), drop("c.be")})
			},
			map[string]string{"a.be": "apd-gba", "b.be": "fps"},
			map[string]int{"be": 2},
		},
		{
			"removing what is not there",
			func(s *Set) error { return s.Apply(9, []Change{drop("a.be")}) },
			map[string]string{},
			map[string]int{},
		},
		{
			"nothing but a generation",
			func(s *Set) error { return s.Apply(9, nil) },
			map[string]string{},
			map[string]int{},
		},
		{
			"a loader replaces all",
			func(s *Set) error {
				if err := s.Apply(3, []Change{put("old.be", "fps")}); err != nil {
					return err
				}
				return loadBytes(s, 9, []Entry{{Name: "a.be", Authority: "x"}, {Name: "x", Authority: "x"}, {Name: "be", Authority: "x"}, {Name: "a.be", Authority: "y"}})
			},
			map[string]string{"a.be": "y", "x": "x", "be": "x"},
			map[string]int{"be": 1, "": 2},
		},
		{
			"load replaces all",
			func(s *Set) error {
				if err := s.Apply(3, []Change{put("old.be", "fps")}); err != nil {
					return err
				}
				return s.Load(9, slices.Values([]Entry{{Name: "a.be", Authority: "x"}, {Name: "x", Authority: "x"}, {Name: "a.be", Authority: "y"}}))
			},
			map[string]string{"a.be": "y", "x": "x"},
			map[string]int{"be": 1, "": 1},
		},
	}
	for _, test := range tests {
		for form, l := range map[string]limits{
			"overlay": {merge: 0, fold: 100, share: 4, arena: maxArena},
			"base":    {merge: 100, fold: 100, share: 4, arena: maxArena},
		} {
			t.Run(test.what+"/"+form, func(t *testing.T) {
				s := newSet(l)
				if err := test.steps(s); err != nil {
					t.Fatal(err)
				}
				check(t, s.Table(), test.want)
				if got := maps.Collect(s.Table().Zones()); !maps.Equal(got, test.zones) {
					t.Errorf("zones %v, want %v", got, test.zones)
				}
				if got := s.Table().Generation(); got != 9 {
					t.Errorf("generation %d, want 9", got)
				}
			})
		}
	}
}

// loadBytes publishes entries through a Loader, which publishes nothing when one of them is refused.
func loadBytes(s *Set, generation uint64, entries []Entry) error {
	octets := 0
	for _, e := range entries {
		octets += len(e.Name)
	}
	l := s.Loader(len(entries), octets)
	for _, e := range entries {
		if err := addTo(l, e.Name, e.Authority); err != nil {
			return err
		}
	}
	l.Publish(generation)
	return nil
}

func addTo(l *Loader, name, authority string) error {
	id, err := l.Authority([]byte(authority))
	if err != nil {
		return err
	}
	return l.Add([]byte(name), id)
}

// check has the table hold the names of want and no more.
func check(t interface{ Errorf(string, ...any) }, table *Table, want map[string]string) {
	if table.Len() != len(want) {
		t.Errorf("%d names, want %d", table.Len(), len(want))
	}
	for name, authority := range want {
		if id, ok := table.Lookup(name); !ok || table.Authority(id) != authority {
			t.Errorf("Lookup(%q) = %q, %t, want %q", name, table.Authority(id), ok, authority)
		}
	}
	names := slices.Sorted(table.Names())
	if !slices.Equal(names, slices.Sorted(maps.Keys(want))) {
		t.Errorf("names %q, want those of %v", names, want)
	}
	zones := make(map[string]int)
	for name := range want {
		_, apex, _ := strings.Cut(name, ".")
		zones[apex]++
	}
	if got := maps.Collect(table.Zones()); !maps.Equal(got, zones) {
		t.Errorf("zones %v, want %v", got, zones)
	}
	var order []string
	for apex := range table.Zones() {
		order = append(order, apex)
	}
	if !slices.IsSorted(order) {
		t.Errorf("zones in the order %q, want them sorted", order)
	}
}

func TestErrorsPublishNothing(t *testing.T) {
	tests := []struct {
		what  string
		entry Entry
		want  error
		says  string
	}{
		{"no name", Entry{Authority: "x"}, ErrName, "expected 1 to 253 bytes, got 0"},
		{"over-long name", Entry{Name: strings.Repeat("x", 254), Authority: "x"}, ErrName, "got 254"},
		{"upper case", Entry{Name: "Example.be", Authority: "x"}, ErrName, "expected lower case"},
		{"final dot", Entry{Name: "example.be.", Authority: "x"}, ErrName, "expected no final dot"},
		{"no authority", Entry{Name: "example.be"}, ErrAuthority, "expected 1 to 63 bytes, got 0"},
		{"over-long authority", Entry{Name: "example.be", Authority: strings.Repeat("x", 64)}, ErrAuthority, "got 64"},
		{"full", Entry{Name: strings.Repeat("x", 253), Authority: "x"}, ErrFull, "expected at most 200 bytes"},
	}
	for _, test := range tests {
		t.Run(test.what, func(t *testing.T) {
			s := newSet(limits{merge: 1, fold: 100, share: 4, arena: 200})
			apply(t, s, put("kept.be", "apd-gba"))
			before := s.Table()
			good := Entry{Name: "good.be", Authority: "other"}
			errApply := s.Apply(2, []Change{{Entry: good}, {Entry: test.entry}})
			errLoad := s.Load(2, slices.Values([]Entry{good, test.entry}))
			errBytes := loadBytes(s, 2, []Entry{good, test.entry})
			for _, err := range []error{errApply, errLoad, errBytes} {
				if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) {
					t.Errorf("error %v, want %v that says %q", err, test.want, test.says)
				}
			}
			if s.Table() != before {
				t.Error("a table was published")
			}
			apply(t, s, put("next.be", "next"))
			check(t, s.Table(), map[string]string{"kept.be": "apd-gba", "next.be": "next"})
		})
	}
}

func TestMostAuthorities(t *testing.T) {
	s := newSet(limits{merge: 1, fold: 10, share: 4, arena: maxArena})
	var all []Entry
	for i := range maxAuthorities {
		all = append(all, Entry{Name: fmt.Sprintf("n%d.be", i), Authority: fmt.Sprintf("a%d", i)})
	}
	last := all[len(all)-1]
	if err := s.Load(1, slices.Values(all[:len(all)-1])); err != nil {
		t.Fatal(err)
	}
	if err := s.Apply(2, []Change{put("lost.be", "lost"), put("", "x")}); !errors.Is(err, ErrName) {
		t.Errorf("a change without a name: %v, want %v", err, ErrName)
	}
	if err := s.Apply(2, []Change{{Entry: last}}); err != nil {
		t.Fatalf("the last authority, after another in a change that failed: %v", err)
	}
	if err := s.Apply(3, []Change{put("more.be", "one-more")}); !errors.Is(err, ErrAuthorities) {
		t.Errorf("one authority more: %v, want %v", err, ErrAuthorities)
	}
	if id, ok := s.Table().Lookup(last.Name); !ok || s.Table().Authority(id) != last.Authority {
		t.Errorf("the last authority is %q, %t", s.Table().Authority(id), ok)
	}
	apply(t, s, drop(last.Name), put("more.be", last.Authority))
	if _, ok := s.Table().Lookup(last.Name); ok {
		t.Error("a name lifted while all ids are taken is still there")
	}
	if _, ok := s.Table().Lookup("more.be"); !ok {
		t.Error("a name of the last authority is not there")
	}
}

// TestOverlayStaysSmall follows the overlay from its first name to where Apply builds a base itself.
func TestOverlayStaysSmall(t *testing.T) {
	s := newSet(limits{merge: 4, fold: 8, share: 4, arena: maxArena})
	names := randomNames(13, 1)
	var overlay []int
	var needs []bool
	for _, name := range names {
		apply(t, s, put(name, "x"))
		n := 0
		if o := s.Table().overlay; o != nil {
			n = o.len
		}
		overlay = append(overlay, n)
		needs = append(needs, s.NeedsMerge())
	}
	if want := []int{0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1}; !slices.Equal(overlay, want) {
		t.Errorf("overlay %v, want %v", overlay, want)
	}
	for i, n := range overlay {
		if needs[i] != (n >= 4) {
			t.Errorf("NeedsMerge() = %t with %d names in the overlay", needs[i], n)
		}
	}
	s.Merge()
	if s.NeedsMerge() || s.Table().overlay != nil || s.Table().Len() != len(names) {
		t.Error("Merge left an overlay or lost a name")
	}
}

// TestEmptyOverlay has a change of nothing cost readers nothing.
func TestEmptyOverlay(t *testing.T) {
	s := newSet(limits{merge: 1, fold: 8, share: 4, arena: maxArena})
	apply(t, s, put("a.be", "x"), put("b.be", "x"))
	s.Merge()
	apply(t, s)
	if s.Table().overlay != nil || s.NeedsMerge() {
		t.Error("an empty overlay was published")
	}
}

// TestReadersKeepTheirTable holds a table while others are published.
func TestReadersKeepTheirTable(t *testing.T) {
	s := newSet(limits{merge: 1, fold: 100, share: 4, arena: maxArena})
	apply(t, s, put("a.be", "first"))
	held := s.Table()
	apply(t, s, put("a.be", "second"), put("b.be", "third"))
	s.Merge()
	apply(t, s, drop("a.be"))
	check(t, held, map[string]string{"a.be": "first"})
	if held.Generation() != 1 {
		t.Errorf("generation %d, want 1", held.Generation())
	}
	check(t, s.Table(), map[string]string{"b.be": "third"})
}
