package casework

import (
	"slices"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

// item is one line that may become a flag. There may be millions, mostly with the same to say.
type item struct {
	line   int
	name   string
	terms  *store.Flag // all but the name
	old    *store.Flag // all but the name of what it replaces; nil: nothing
	same   bool        // it would change nothing
	around *around     // counts if the name is not flagged yet; never nil, and not to be changed
}

// flag returns terms that hold for the item's name.
func (it *item) flag(terms *store.Flag) store.Flag {
	f := *terms
	f.Name = it.name
	return f
}

// around is what was found out about an item, or about many alike, before the writer was bothered.
type around struct {
	objection error
	found     *store.Reach
	warnings  []Warning
}

var nothing = &around{}

// saw adds to what was found out.
func (it *item) saw(found *store.Reach, warnings ...Warning) {
	it.around = &around{it.around.objection, found, slices.Concat(it.around.warnings, warnings)}
}

// alike keeps one copy of terms that follow one another and are equal. The zero value is ready.
type alike struct{ last *store.Flag }

func (a *alike) terms(f store.Flag) *store.Flag {
	f.Name = ""
	if a.last == nil || *a.last != f {
		a.last = new(f)
	}
	return a.last
}
