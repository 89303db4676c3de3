package store

import (
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"
)

// Flag is one standing order: the name is redirected until the flag is lifted.
type Flag struct {
	Name      string    `json:"name"`               // A-label form, no final dot
	Authority string    `json:"authority"`          // who ordered it
	Reference string    `json:"reference"`          // the authority's own, 1..200 characters
	Case      string    `json:"case,omitempty"`     // id of the case that holds it; empty: none
	Note      string    `json:"note,omitempty"`     // 0..2000 characters
	Since     time.Time `json:"since"`              // first flagged, UTC, whole seconds
	NotAfter  time.Time `json:"not_after,omitzero"` // zero: none; UTC, whole seconds
	Changed   uint64    `json:"changed"`            // generation of its last change; its ETag
}

// Entry is the flag as the table has it.
func (f Flag) Entry() redirect.Entry {
	return redirect.Entry{Name: f.Name, Authority: f.Authority, NotAfter: unix(f.NotAfter)}
}

// Entry is one line of the journal.
//
// It is stored as one line of compact JSON, and Prev is the hex SHA-256 of the whole
// stored line before it (64 zeros for the first), so that anyone can check the chain
// with jq and sha256sum.
type Entry struct {
	Seq        uint64    `json:"seq"`
	Time       time.Time `json:"time"` // UTC, whole seconds
	Generation uint64    `json:"generation"`
	Actor      string    `json:"actor"`
	Action     string    `json:"action"` // "flag", "replace", "unflag", "lift" or "import"
	Name       string    `json:"name"`
	Reason     string    `json:"reason,omitempty"`
	Forced     []string  `json:"forced,omitempty"` // what the actor overrode
	Before     *Flag     `json:"before,omitempty"` // nil: was not flagged
	After      *Flag     `json:"after,omitempty"`  // nil: is no longer flagged
	Reach      bool      `json:"reach,omitempty"`  // where the name could be reached was recorded
	Prev       string    `json:"prev"`
}
