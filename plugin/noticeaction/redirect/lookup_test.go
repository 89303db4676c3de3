package redirect

import (
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// asciiLower is the folding that DNS knows (RFC 4343), the slow way.
func asciiLower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

func TestLookup(t *testing.T) {
	tests := []struct{ what, stored, query string }{
		{"as stored", "example.be", "example.be"},
		{"0x20", "example.be", "eXAmPlE.bE"},
		{"upper case", "xn--caf-dma.be", "XN--CAF-DMA.BE"},
		{"one byte", "x", "X"},
		{"three bytes", "a.b", "A.b"},
		{"seven bytes", "abcd.be", "ABcd.Be"},
		{"eight bytes", "abcde.be", "ABcdE.Be"},
		{"twenty-four bytes", "abcdefghijklmnopqrstu.be", "ABCDEFGHIJKLMNOPQRSTU.BE"},
		{"twenty-five bytes", "abcdefghijklmnopqrstuv.be", "aBCDEFGHIJKLMNOPQRSTUV.BE"},
		{"longest label", strings.Repeat("l", 63) + ".be", strings.Repeat("L", 63) + ".be"},
		{"signs beside the letters", "@[`{.be", "@[`{.BE"},
		{"high bytes", "\x80\xc1\xda\xe1\xff.be", "\x80\xc1\xda\xe1\xff.be"},
	}
	for _, test := range tests {
		t.Run(test.what, func(t *testing.T) {
			s := newSet(limits{merge: 1, fold: 100, share: 4, arena: maxArena})
			for _, form := range []string{"overlay", "base"} {
				if form == "overlay" {
					apply(t, s, put(test.stored, "apd-gba"))
				} else {
					s.Merge()
				}
				id, ok := s.Table().Lookup(test.query)
				if got := s.Table().Authority(id); !ok || got != "apd-gba" {
					t.Errorf("%s: Lookup(%q) = %q, %t", form, test.query, got, ok)
				}
				if again, ok := s.Table().LookupBytes([]byte(test.query)); !ok || again != id {
					t.Errorf("%s: LookupBytes(%q) = %d, %t, want %d", form, test.query, again, ok, id)
				}
			}
		})
	}
}

func TestLookupOfAnotherName(t *testing.T) {
	table := loaded([]string{"example.be", "@[`{.be", "\xe1bcdefg.be", strings.Repeat("m", 40) + ".be"}).Table()
	for what, query := range map[string]string{
		"empty":                       "",
		"final dot":                   "example.be.",
		"below":                       "www.example.be",
		"escaped dot":                 `foo\.example.be`,
		"escaped letter":              `\101xample.be`,
		"longer at the front":         "anexample.be",
		"longer at the end":           "example.bee",
		"shorter at the front":        "xample.be",
		"shorter at the end":          "example.b",
		"zone":                        "be",
		"label":                       "example",
		"another zone":                "example.de",
		"signs 32 above":              "`{@[.be",
		"at sign folded":              "`[`{.be",
		"high byte folded":            "\xc1bcdefg.be",
		"kelvin sign":                 "e\u212aample.be",
		"other in the middle":         strings.Repeat("m", 20) + "n" + strings.Repeat("m", 19) + ".be",
		"longest":                     strings.Repeat("x", 253),
		"over-long":                   strings.Repeat("x", 254),
		"over-long by 256, to length": strings.Repeat("x", 256) + "example.be",
		"far over-long":               strings.Repeat("example.be", 10_000),
	} {
		if id, ok := table.Lookup(query); ok || id != 0 {
			t.Errorf("%s: Lookup(%q) = %d, %t, want 0, false", what, query, id, ok)
		}
	}
}

// TestLookupOfEveryLength finds each length in its case, and not with any one byte changed.
func TestLookupOfEveryLength(t *testing.T) {
	var names []string
	for n := 1; n <= maxName; n++ {
		names = append(names, strings.Repeat("abcdefghijklmnopqrstuvwxyz", 10)[:n])
	}
	table := loaded(names).Table()
	for _, name := range names {
		if _, ok := table.Lookup(strings.ToUpper(name)); !ok {
			t.Errorf("%d bytes: not found", len(name))
		}
		for i := range name {
			other := []byte(name)
			other[i] = '-'
			if _, ok := table.LookupBytes(other); ok {
				t.Errorf("%d bytes: found with byte %d changed", len(name), i)
			}
		}
	}
}

func TestLowerFoldsLettersOnly(t *testing.T) {
	for c := range 256 {
		for place := range 8 {
			in := []byte("Az@[`{\x00\xff")
			in[place] = byte(c)
			want := load64([]byte(asciiLower(string(in))), 0)
			if got := lower(load64(in, 0)); got != want {
				t.Fatalf("lower(%q) = %x, want %x", in, got, want)
			}
		}
	}
}

func TestLookupDoesNotAllocate(t *testing.T) {
	for _, size := range sizes {
		names := randomNames(size.n, 1)
		for form, set := range map[string]*Set{"base": loaded(names), "base and overlay": overlaid(names)} {
			table := set.Table()
			for what, query := range map[string]string{
				"hit":            names[len(names)/2],
				"hit mixed case": mixedCase(names[:1])[0],
				"miss":           missing(1)[0],
				"long miss":      strings.Repeat("Long", 60) + ".be",
			} {
				raw, want := []byte(query), strings.HasPrefix(what, "hit")
				allocs := testing.AllocsPerRun(100, func() {
					_, a := table.Lookup(query)
					_, b := table.LookupBytes(raw)
					if a != want || b != want {
						t.Fatalf("%s names, %s, %s: found %t and %t, want %t", size.name, form, what, a, b, want)
					}
				})
				if allocs != 0 {
					t.Errorf("%s names, %s, %s: %v allocations, want none", size.name, form, what, allocs)
				}
			}
		}
	}
}

// TestBytesPerName weighs a million names on the heap with all layers as full as they get, of which names
// that were replaced take the most, and has Bytes tell the same.
func TestBytesPerName(t *testing.T) {
	const n, most = million, 28
	names := randomNames(n, 1)
	before := heap()
	set := loaded(names)
	replaceSome(t, set, names, n/defaultLimits.share)
	set.Merge()
	replaceSome(t, set, names, defaultLimits.merge-1)
	if table := set.Table(); table.middle.names() != n/defaultLimits.share || table.overlay.names() != defaultLimits.merge-1 {
		t.Errorf("%d names in the middle, %d in the overlay", table.middle.names(), table.overlay.names())
	}
	held := heap() - before
	if per := float64(held) / n; per > most {
		t.Errorf("%.1f bytes a name, want at most %d", per, most)
	}
	if got := float64(set.Table().Bytes()) / float64(held); got < 0.98 || got > 1.02 {
		t.Errorf("Bytes() is %.3f of what the heap holds, want 0.98 to 1.02", got)
	}
	runtime.KeepAlive(names)
}

// replaceSome gives the first n names another authority.
func replaceSome(t *testing.T, set *Set, names []string, n int) {
	t.Helper()
	var changes []Change
	for _, name := range names[:n] {
		changes = append(changes, put(name, "fps"))
	}
	apply(t, set, changes...)
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestIndexHasNoPointers allows an index its slices, and nothing in them for the collector to follow.
func TestIndexHasNoPointers(t *testing.T) {
	for _, part := range []reflect.Type{reflect.TypeFor[index](), reflect.TypeFor[rest]()} {
		for field := range part.Fields() {
			typ := field.Type
			if typ.Kind() == reflect.Slice {
				typ = typ.Elem()
			}
			if typ != reflect.TypeFor[rest]() && hasPointers(typ) {
				t.Errorf("%s of %s: %s has pointers", field.Name, part, typ)
			}
		}
	}
}

func hasPointers(typ reflect.Type) bool {
	switch kind := typ.Kind(); kind {
	case reflect.Array:
		return hasPointers(typ.Elem())
	case reflect.Struct:
		for field := range typ.Fields() {
			if hasPointers(field.Type) {
				return true
			}
		}
		return false
	default:
		return kind < reflect.Bool || kind > reflect.Complex128
	}
}

// FuzzLookup has the table agree with a map on which of a name and a query are one.
func FuzzLookup(f *testing.F) {
	for _, seed := range [][2]string{
		{"example.be", "eXample.BE"},
		{"example.be", `foo\.example.be`},
		{"@[`{.be", "`{@[.be"},
		{"\xc1\xda.be", "\xe1\xfa.be"},
		{strings.Repeat("a", 253), strings.Repeat("A", 253)},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, name, query string) {
		s := NewSet()
		change := put(asciiLower(name), "apd-gba")
		model, k := map[string]bool{change.Name: true}, keyOf(change.Name)
		if err := s.Apply(1, []Change{change}); (err == nil) != (checkName(change.Name, isLower(&k, change.Name)) == nil) {
			t.Fatalf("Apply(%q): %v", change.Name, err)
		} else if err != nil {
			delete(model, change.Name)
		}
		for _, q := range []string{name, query, name + query, strings.ToUpper(query)} {
			want := model[asciiLower(q)]
			if _, got := s.Table().Lookup(q); got != want {
				t.Errorf("%q in the table: Lookup(%q) = %t, want %t", change.Name, q, got, want)
			}
			if _, got := s.Table().LookupBytes([]byte(q)); got != want {
				t.Errorf("%q in the table: LookupBytes(%q) = %t, want %t", change.Name, q, got, want)
			}
		}
	})
}
