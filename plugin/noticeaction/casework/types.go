package casework

import (
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

// Force names a safeguard that an order overrides. The journal keeps it.
type Force string

const (
	ForceBrake         Force = "brake"          // flag more names than the brake allows; such flags do not count towards it
	ForcePrivateSuffix Force = "private-suffix" // flag a name under which others register names of their own

	ForceNotDelegated     Force = "not-delegated"      // flag a name that the zone does not delegate
	ForceHostsNameServers Force = "hosts-name-servers" // flag a name whose hosts are name servers of other names
	ForceZoneUnknown      Force = "zone-unknown"       // flag a name of a zone that could not be asked
)

// Forces returns all there are.
func Forces() []Force {
	return []Force{ForceBrake, ForcePrivateSuffix, ForceNotDelegated, ForceHostsNameServers, ForceZoneUnknown}
}

// Order says who asks for a change, and how.
type Order struct {
	Actor  string  // as the journal will show it, 1..200 characters
	Force  []Force // safeguards to override
	DryRun bool    // do everything but keep nothing; the result shows what would be

	// Authority is the one on whose behalf its own access asks, which sees and changes its own cases only;
	// empty for who acts for the registry.
	Authority string
}

// Match makes a change depend on what is there now (RFC 9110 section 13).
type Match struct {
	Generation *uint64 // If-Match: the flag exists and its Changed equals this
	Absent     bool    // If-None-Match: *: the name is not flagged
}

// FlagRequest asks that a name be flagged, or its flag be replaced.
type FlagRequest struct {
	Name      string    // U-labels or A-labels, any case, final dot or not
	Authority string    // 1..63 lowercase letters, digits and hyphens
	Reference string    // 1..200 characters
	NotAfter  time.Time // zero: none; else in the future; cut to whole seconds
	Note      string    // 0..2000 characters
	Match     Match
}

// Warning is something the one who flags should know; it does not stop the change.
type Warning struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// Result says what Flag or Unflag did.
type Result struct {
	Flag       store.Flag // as it is now; for Unflag, as it was
	Created    bool       // the name was not flagged before
	Changed    bool       // false: the same flag stood already and nothing was written
	Generation uint64     // the one that holds the change; for a dry run, the one that would
	Warnings   []Warning
}

// ImportError is one refused line of an import.
type ImportError struct {
	Line   int    `json:"line"` // from 1
	Name   string `json:"name,omitempty"`
	Detail string `json:"detail"`
}

// ImportReport says what an import did. When any line is refused, nothing is imported
// and only Lines, Errors and MoreErrors are set.
type ImportReport struct {
	Lines      int           `json:"lines"` // without blank ones
	Created    int           `json:"created"`
	Replaced   int           `json:"replaced"`
	Unchanged  int           `json:"unchanged"`
	Lapsed     int           `json:"lapsed"` // lines of an export left out, as their not_after has passed
	Generation uint64        `json:"generation"`
	Errors     []ImportError `json:"errors,omitempty"` // the first 100, by line
	MoreErrors int           `json:"more_errors,omitempty"`

	Replayed bool      `json:"-"` // it was imported before under the same key; nothing was done now
	First    time.Time `json:"-"` // when it was, if Replayed

	Warnings     []ImportError `json:"warnings,omitempty"` // the first 100 about new names
	MoreWarnings int           `json:"more_warnings,omitempty"`
}

// ListQuery selects flags.
type ListQuery struct {
	Zone      string // only names directly below it; empty: all
	Authority string // empty: all
	After     string // only names that sort after it; empty: from the start
	Limit     int    // 1..1000
}

// Preview says what flagging a name would meet.
type Preview struct {
	Name     string // A-labels
	Unicode  string // U-labels
	Flagged  bool
	Flag     *store.Flag // when Flagged
	Allowed  bool
	Refusal  string // why not, when not Allowed
	Warnings []Warning

	Surroundings *Surroundings // nil when the desk has no view of the zone, or the name itself is refused
}

// AuditQuery selects lines of the journal.
type AuditQuery struct {
	After uint64 // only lines with a higher sequence number
	Name  string // empty: all
	Limit int    // 1..1000
}

// Status describes the desk as of one generation.
type Status struct {
	Generation    uint64
	Digest        string // of the redirect set, hex
	Flags         int
	Zones         map[string]int // flags by zone, as in the published table
	TableBytes    int
	DatabaseBytes int64
	Schema        int
	LastCommit    time.Time // zero: never
	JournalLength uint64
	JournalHead   string // hex SHA-256 of the last line; 64 zeros when there is none
}
