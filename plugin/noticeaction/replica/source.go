package replica

import (
	"iter"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"
)

// Source is where the publisher reads what is committed.
type Source interface {
	// Read calls read with one committed state, valid until it returns.
	Read(read func(State) error) error
}

// State is what was committed at one moment.
type State interface {
	Generation() uint64
	Digest() redirect.Digest // of all flags
	Count() int              // of flags

	Records() iter.Seq2[Record, error]           // all flags in the order of their names, until the first error
	Record(name string) (Record, bool, error)    // the flag of a name, if there is one
	Journal() (lines uint64, hash [32]byte)      // its length, and the SHA-256 of its last line; zeros when there is none
	JournalHash(line uint64) ([32]byte, bool)    // the SHA-256 of a line counted from 1, if there is that line
	Changes(after uint64) iter.Seq2[Step, error] // what the journal's lines after one say of flags, until the first error
}

// Step is a line of the journal that put or lifted a flag.
type Step struct {
	Name   string
	Lifted bool
}
