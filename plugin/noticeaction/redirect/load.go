package redirect

// Loader makes a table of entries that are lent to it one after the other, in any order, when it is known how many
// there are. It is for one goroutine.
type Loader struct {
	set   *Set
	known authorities
	zones zoneCount
	fill  *filler
	len   int
	size  int // bytes of records
}

// Loader returns a loader for the set: of so many entries, with names of so many bytes in all. It is no error if there
// are more or fewer, but with more it is slow, and as many as are said take memory at once.
func (s *Set) Loader(entries, octets int) *Loader {
	l := &Loader{set: s}
	l.fill = newFiller(entries, min(octets+overhead*entries, s.limits.arena), &l.zones)
	return l
}

// Authority returns the id in the table of an authority, for entries to come. The text is that of an Entry, and so are the
// errors.
func (l *Loader) Authority(name []byte) (AuthorityID, error) { return idOf(&l.known, name) }

// Add takes in an entry, with an id that Authority gave. The name is that of an Entry, and so are the errors, after which
// the loader is of no more use. The name must stay as it is until the table is published.
func (l *Loader) Add(name []byte, authority AuthorityID) error {
	k, lower := keyOfLower(name)
	if err := checkName(name, lower); err != nil {
		return err
	}
	if l.size += recordSize(name); l.size > l.set.limits.arena {
		return errFull(l.set.limits.arena, l.len)
	}
	l.len++
	l.fill.add(&k, name, authority)
	return nil
}

// Publish publishes a table of the entries alone, as [Set.Load] does. What was applied to the set since the loader was
// made is lost, so nobody else may change the set meanwhile.
func (l *Loader) Publish(generation uint64) {
	l.set.writing.Lock()
	defer l.set.writing.Unlock()
	base := l.fill.finish() // which counts the last zones
	l.set.publish(generation, base, l.known, l.zones.zones)
}
