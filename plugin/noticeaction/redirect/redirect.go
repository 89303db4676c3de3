// Package redirect holds the set of redirected names that DNS answers are made from.
//
// A [Table] is immutable, and readers reach it by one atomic load from a [Set]. It is a large base, a
// middle layer of what changed since and a small overlay of what changed last, all flat hash indexes: a
// look-up allocates nothing, hashes the name once whatever its case, and the collector finds no pointer
// per name. A single writer publishes a new table for each committed change; [Set.Merge] folds the
// overlay into the middle beside it, and once in a while both into a new base.
//
// The package knows names and authorities and nothing else. It does not judge whether a name is
// registrable, strip zones, unescape labels, watch the clock or keep anything on disk, it starts no
// goroutine, and it imports nothing of ours.
package redirect

import (
	"errors"
	"fmt"
	"strings"
)

const (
	maxName        = 253 // octets of a name in presentation form, RFC 1035 section 2.3.4
	maxAuthority   = 63
	maxAuthorities = 65535
)

var (
	// ErrName is returned when an entry's name is not 1..253 bytes, lower case, without a final dot.
	ErrName = errors.New("invalid name")
	// ErrAuthority is returned when an entry's authority is not 1..63 bytes.
	ErrAuthority = errors.New("invalid authority")
	// ErrAuthorities is returned when a change would make a set know more than 65535 authorities.
	ErrAuthorities = errors.New("too many authorities")
	// ErrFull is returned when a table would hold more than 4 GiB of names.
	ErrFull = errors.New("table full")
)

// Entry is one redirect as the writer gives it.
type Entry struct {
	Name      string // lowercase A-labels, no final dot ("example.be"), 1..253 bytes
	Authority string // 1..63 bytes
	NotAfter  int64  // Unix seconds; 0: none. Not kept in the table; part of the Digest.
}

// Change adds or replaces an entry, or removes it, in which case only its Name counts.
type Change struct {
	Entry
	Remove bool
}

// AuthorityID names an authority within the one table it came from.
type AuthorityID uint16

// tombstone marks a name removed since the base was built. It is no valid id: there are at most 65535.
const tombstone AuthorityID = maxAuthorities

// checkName checks a name, of which is known whether it is in lower case.
func checkName[S text](name S, lower bool) error {
	switch {
	case len(name) == 0 || len(name) > maxName:
		return fmt.Errorf("%w: expected 1 to %d bytes, got %d", ErrName, maxName, len(name))
	case !lower:
		return fmt.Errorf("%w %q: expected lower case", ErrName, name)
	case name[len(name)-1] == '.':
		return fmt.Errorf("%w %q: expected no final dot", ErrName, name)
	}
	return nil
}

// authorities numbers the authorities in order of first use. Ids are never reused, so a published
// table keeps the names it was made with while later ones are appended behind its back.
type authorities struct {
	ids   map[string]AuthorityID
	names []string
	last  AuthorityID // asked for; mostly it is asked for again
}

func idOf[S text](a *authorities, name S) (AuthorityID, error) {
	if int(a.last) < len(a.names) && a.names[a.last] == string(name) {
		return a.last, nil
	}
	if id, ok := a.ids[string(name)]; ok {
		a.last = id
		return id, nil
	}
	if len(name) == 0 || len(name) > maxAuthority {
		return 0, fmt.Errorf("%w: expected 1 to %d bytes, got %d", ErrAuthority, maxAuthority, len(name))
	}
	if len(a.names) == maxAuthorities {
		return 0, fmt.Errorf("%w: expected at most %d, %q is one more", ErrAuthorities, maxAuthorities, name)
	}
	if a.ids == nil {
		a.ids = make(map[string]AuthorityID)
	}
	id := AuthorityID(len(a.names))
	own := strings.Clone(string(name))
	a.names = append(a.names, own)
	a.ids[own] = id
	return id, nil
}

// truncate forgets all but the first n, for a change that failed half way.
func (a *authorities) truncate(n int) {
	for _, name := range a.names[n:] {
		delete(a.ids, name)
	}
	a.names = a.names[:n]
}
