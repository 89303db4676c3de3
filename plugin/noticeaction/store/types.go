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
// with jq and sha256sum. It holds no personal data, as nothing can be taken out of a chain.
//
// The actions about flags are "flag", "replace", "unflag", "lift" and "import". The others are "case" (an
// event of a case), "refuse" (an attempt that was refused), "erase" (the personal data of a case is gone),
// "receive" (a notice came in), "discard" (a notice was put aside), "task" (a task was closed), "page" (a version
// of an authority's warning page was published), "reached" (all other servers had the generation) and "override"
// (they were ordered to take the flags as they are).
type Entry struct {
	Seq        uint64    `json:"seq"`
	Time       time.Time `json:"time"` // UTC, whole seconds
	Generation uint64    `json:"generation"`
	Actor      string    `json:"actor"`
	Action     string    `json:"action"` // see above
	Name       string    `json:"name"`   // of the flag; empty when the line is not about one
	Reason     string    `json:"reason,omitempty"`
	Forced     []string  `json:"forced,omitempty"`    // what the actor overrode
	Before     *Flag     `json:"before,omitempty"`    // nil: was not flagged
	After      *Flag     `json:"after,omitempty"`     // nil: is no longer flagged
	Reach      bool      `json:"reach,omitempty"`     // where the name could be reached was recorded
	Case       string    `json:"case,omitempty"`      // id of the case that the line is about
	Event      int       `json:"event,omitempty"`     // its number in the case
	Kind       string    `json:"kind,omitempty"`      // of the event
	State      string    `json:"state,omitempty"`     // of the case after the event
	Late       bool      `json:"late,omitempty"`      // the event was applied late
	Authority  string    `json:"authority,omitempty"` // whose page the line is about
	Version    uint64    `json:"version,omitempty"`   // of that page
	Record     string    `json:"record,omitempty"`    // hex SHA-256 of the event as it was stored, of the notice's message, or of the page's content
	Prev       string    `json:"prev"`
}
