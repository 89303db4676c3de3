package redirect

import (
	"bytes"
	"iter"
	"reflect"
	"slices"
)

// Table is an immutable set of redirects. All its methods may be called concurrently.
type Table struct {
	base        *index
	middle      *index // what changed since base was built, with tombstones; nil if nothing did
	overlay     *index // what changed since middle was built, likewise
	authorities []string
	zones       []zone // sorted by name, none empty
	len         int
	generation  uint64
}

type zone struct {
	name  string
	flags int
}

// Lookup returns the authority that ordered the redirect of name, if there is one. It wants the
// whole registrable name in presentation form without the final dot, in any case, as the query has
// it ("Example.BE"). Anything else is simply not in the table.
func (t *Table) Lookup(name string) (AuthorityID, bool) { return lookup(t, name) }

// LookupBytes is Lookup for callers that hold bytes. It does not keep or change them.
func (t *Table) LookupBytes(name []byte) (AuthorityID, bool) { return lookup(t, name) }

func lookup[S text](t *Table, name S) (AuthorityID, bool) {
	if len(name) > maxName {
		return 0, false
	}
	k := keyOf(name)
	var record []byte
	if t.overlay != nil && t.overlay.mayHold(k.hash) {
		record = inLines(t.overlay, &k, name)
	}
	if record == nil && t.middle != nil && t.middle.mayHold(k.hash) {
		record = inLines(t.middle, &k, name)
	}
	if record == nil && t.base.mayHold(k.hash) {
		record = inLines(t.base, &k, name)
	}
	if record == nil {
		return 0, false
	}
	if id := authorityOf(record); id != tombstone {
		return id, true
	}
	return 0, false
}

// Authority returns the authority behind an id of this table, and "" for an id that it never gave.
func (t *Table) Authority(id AuthorityID) string {
	if int(id) >= len(t.authorities) {
		return ""
	}
	return t.authorities[id]
}

// Generation is the number of the last change in the table; 0 before the first.
func (t *Table) Generation() uint64 { return t.generation }

// Len is the number of names redirected.
func (t *Table) Len() int { return t.len }

// Names yields the names redirected, in no order that means something.
func (t *Table) Names() iter.Seq[string] {
	return func(yield func(string) bool) {
		layers := [...]*index{t.overlay, t.middle, t.base} // the newest first
		for i, layer := range layers {
			if layer == nil {
				continue
			}
			for name, id := range layer.all() {
				if id != tombstone && !covered(layers[:i], name) && !yield(string(name)) {
					return
				}
			}
		}
	}
}

// covered reports whether one of the layers says something of name.
func covered(layers []*index, name []byte) bool {
	k := keyOf(name)
	return slices.ContainsFunc(layers, func(layer *index) bool {
		if layer == nil || !layer.mayHold(k.hash) {
			return false
		}
		_, ok := find(layer, &k, name)
		return ok
	})
}

// Zones yields the zones that have flags, in byte order, with the number of flags in each. A name's
// zone is what follows its first dot: "be" for "example.be", "" for a name of one label.
func (t *Table) Zones() iter.Seq2[string, int] {
	return func(yield func(string, int) bool) {
		for _, z := range t.zones {
			if !yield(z.name, z.flags) {
				return
			}
		}
	}
}

// Bytes is the memory the table holds, in bytes.
func (t *Table) Bytes() int {
	n := sizeOf[Table]() + t.base.bytes() + t.middle.bytes() + t.overlay.bytes()
	n += cap(t.authorities)*sizeOf[string]() + cap(t.zones)*sizeOf[zone]()
	for _, a := range t.authorities {
		n += len(a)
	}
	for _, z := range t.zones {
		n += len(z.name)
	}
	return n
}

func sizeOf[T any]() int { return int(reflect.TypeFor[T]().Size()) }

// counted returns the zones and the number of names of t once the changes are laid over it.
func (t *Table) counted(changes *index) (zones []zone, n int) {
	zones, n = slices.Clone(t.zones), t.len
	for name, id := range changes.all() {
		_, was := t.LookupBytes(name)
		switch is := id != tombstone; {
		case is && !was:
			zones = countZone(zones, name, 1)
			n++
		case was && !is:
			zones = countZone(zones, name, -1)
			n--
		}
	}
	return zones, n
}

// countZone adds delta to the zone of name. Zones are few, names many.
func countZone(zones []zone, name []byte, delta int) []zone {
	_, apex, _ := bytes.Cut(name, []byte{'.'})
	i := slices.IndexFunc(zones, func(z zone) bool { return z.name == string(apex) })
	if i < 0 {
		i = slices.IndexFunc(zones, func(z zone) bool { return z.name > string(apex) })
		if i < 0 {
			i = len(zones)
		}
		zones = slices.Insert(zones, i, zone{name: string(apex)})
	}
	zones[i].flags += delta
	if zones[i].flags == 0 {
		zones = slices.Delete(zones, i, i+1)
	}
	return zones
}
