package redirect

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/coredns-na/coredns-na/internal/randomname"
)

// held is what an index says.
func held(x *index) map[string]AuthorityID {
	all := make(map[string]AuthorityID)
	for name, id := range x.all() {
		all[string(name)] = id
	}
	return all
}

// A layer grows by copies, made anew when it is full. Names of all lengths are in it, and those that were there
// change; whoever reads the layer before sees it as it was.
func TestExtendLeavesTheLayersAsTheyWere(t *testing.T) {
	now, want := newIndex(0, 0), make(map[string]AuthorityID)
	copied := 0
	for i := range 400 {
		newest := newIndex(2, 600)
		for _, change := range []struct {
			name string
			id   AuthorityID
		}{
			{fmt.Sprintf("%s%d.be", strings.Repeat("n", i%200), i), AuthorityID(i)},
			{fmt.Sprintf("%s%d.be", strings.Repeat("n", i/2%200), i/2), tombstone},
		} {
			lay(newest, []byte(change.name), change.id)
			want[change.name] = change.id
		}
		before := held(now)
		next, err := extend(maxArena, now, newest)
		if err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(held(now), before) {
			t.Fatalf("step %d changed the layer that it began with", i)
		}
		if got := held(next); !maps.Equal(got, want) {
			t.Fatalf("step %d: got %v, want %v", i, got, want)
		}
		if next.len != len(want) {
			t.Fatalf("step %d: it counts %d names, want %d", i, next.len, len(want))
		}
		if len(next.lines) == len(now.lines) {
			copied++
		}
		now = next
	}
	if copied < 300 {
		t.Errorf("the layer was copied in %d of 400 steps, want nearly all", copied)
	}
}

// A layer that grows by copies has lines for its names: most lie there, also when the later ones are longer.
func TestExtendMakesLinesForItsNames(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 0))
	now := newIndex(0, 0)
	for i := range 200 {
		newest := newIndex(100, 4800)
		for range 100 {
			lay(newest, randomname.Label(r, 5+i/40*5), 1)
		}
		next, err := extend(maxArena, now, newest)
		if err != nil {
			t.Fatal(err)
		}
		now = next
		if share := float64(now.rest.len) / float64(now.len); share > 0.08 {
			t.Fatalf("%.2f of %d names lie in the rest, want at most 0.08", share, now.len)
		}
	}
}
