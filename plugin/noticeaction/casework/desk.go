// Package casework is the desk: the single writer of the flags.
package casework

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

// Config is what a Desk works with.
type Config struct {
	Store  *store.Store  // stays the caller's: close it after the Desk
	Set    *redirect.Set // what answers are made from; the Desk is its only writer
	Policy *Policy
	Now    func() time.Time // nil: time.Now

	OnPublish    func(time.Duration) // nil or: time from a durable commit to its publication
	OnStoreError func(error)         // nil or: a commit failed
}

// Desk is the single writer. Its methods may be called concurrently.
type Desk struct{}

// Open loads the set from the store and starts the writer.
func Open(cfg Config) (*Desk, error) { return nil, nil }

// Close stops the writer.
func (d *Desk) Close() error { return nil }

// SetPolicy replaces the policy.
func (d *Desk) SetPolicy(p *Policy) {}

// Flag flags a name or replaces its flag.
func (d *Desk) Flag(ctx context.Context, o Order, r FlagRequest) (Result, error) {
	return Result{}, nil
}

// Unflag lifts a flag by hand.
func (d *Desk) Unflag(ctx context.Context, o Order, name, reason string, m Match) (Result, error) {
	return Result{}, nil
}

// Import flags many names.
func (d *Desk) Import(ctx context.Context, o Order, key string, body io.Reader) (ImportReport, error) {
	return ImportReport{}, nil
}

// Lookup returns the flag of a name.
func (d *Desk) Lookup(name string) (store.Flag, error) { return store.Flag{}, nil }

// List returns a page of flags in name order.
func (d *Desk) List(q ListQuery) (flags []store.Flag, next string, err error) { return nil, "", nil }

// Export streams the flags of one generation.
func (d *Desk) Export(ctx context.Context, q ListQuery, begin func(generation uint64, count int) error, each func(store.Flag) error) error {
	return nil
}

// Preview says what flagging a name would meet.
func (d *Desk) Preview(name string) (Preview, error) { return Preview{}, nil }

// Audit returns lines of the journal as they are stored.
func (d *Desk) Audit(q AuditQuery) (lines []json.RawMessage, next uint64, err error) {
	return nil, 0, nil
}

// Status describes the desk.
func (d *Desk) Status() (Status, error) { return Status{}, nil }

// Backup streams a consistent copy of the database.
func (d *Desk) Backup(ctx context.Context, begin func(size int64) error, w io.Writer) error {
	return nil
}
