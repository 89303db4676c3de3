package casework

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/reach"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"

	"go.uber.org/goleak"
)

// The environment variables that turn the test binary into a helper of a test.
const (
	killEnv = "NOTICEACTION_TEST_KILL"
	fullEnv = "NOTICEACTION_TEST_FULL_DISK"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(killEnv); path != "" {
		writeUntilKilled(path)
	}
	goleak.VerifyTestMain(m)
}

var noon = time.Date(2026, 5, 12, 12, 0, 0, 0, time.UTC)

var clerk = Order{Actor: "uid:1000"}

// desk is a Desk under test with its store and a clock of its own.
type desk struct {
	*Desk
	t       testing.TB
	path    string
	store   *store.Store
	set     *redirect.Set
	now     atomic.Pointer[time.Time] // what the desk takes for now; the zero time: the real clock
	shift   time.Duration             // of the real clock
	changed func([]redirect.Change)   // OnChange

	errs []error // what OnStoreError was told

	telling sync.Mutex
	reached map[string]*reach.Record // what OnReach was told and still holds
	pages   map[string]store.Page    // what OnPage was told last, by authority
	early   []string                 // names of which OnReach was told while they were not in the table
}

func testPolicy() *Policy { return &Policy{Zones: []string{"be.", "vlaanderen.", "brussels."}} }

func newDesk(t testing.TB, p *Policy) *desk {
	t.Helper()
	d := &desk{t: t, path: filepath.Join(t.TempDir(), "na.db")}
	d.setTime(noon)
	d.open(p)
	t.Cleanup(func() { d.close() })
	return d
}

func (d *desk) open(p *Policy) {
	d.t.Helper()
	s, err := store.Open(d.path)
	if err != nil {
		d.t.Fatal(err)
	}
	d.store, d.set, d.reached = s, redirect.NewSet(), make(map[string]*reach.Record)
	d.pages = make(map[string]store.Page)
	d.Desk, err = Open(Config{
		Store: s, Set: d.set, Policy: p, Now: d.clock, OnReach: d.onReach, OnPage: d.onPage, OnChange: d.changed,
		OnStoreError: func(err error) { d.errs = append(d.errs, err) },
	})
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) onReach(name string, r *reach.Record) {
	d.telling.Lock()
	defer d.telling.Unlock()
	if !d.redirected(name) {
		d.early = append(d.early, name)
	}
	if d.reached[name] = r; r == nil {
		delete(d.reached, name)
	}
}

// told returns the names of which OnReach was told and whose record still holds, and those of which it
// was told while they were not in the table.
func (d *desk) told() (names, early []string) {
	d.telling.Lock()
	defer d.telling.Unlock()
	return slices.Sorted(maps.Keys(d.reached)), slices.Clone(d.early)
}

func (d *desk) setTime(t time.Time) { d.now.Store(&t) }

func (d *desk) clock() time.Time {
	if t := d.now.Load(); !t.IsZero() {
		return *t
	}
	return time.Now().Add(d.shift)
}

func (d *desk) close() {
	d.t.Helper()
	if err := errors.Join(d.Desk.Close(), d.store.Close()); err != nil {
		d.t.Error(err)
	}
}

func (d *desk) reopen() {
	d.t.Helper()
	p := d.policy.Load()
	d.close()
	d.open(p)
}

func request(name string) FlagRequest {
	return FlagRequest{Name: name, Authority: "apd-gba", Reference: "DOS-2026-00412"}
}

func (d *desk) flag(name string) Result {
	d.t.Helper()
	r, err := d.Flag(context.Background(), clerk, request(name))
	if err != nil {
		d.t.Fatalf("flag %s: %v", name, err)
	}
	return r
}

// redirected reports whether the table has a name.
func (d *desk) redirected(name string) bool {
	_, ok := d.set.Table().Lookup(name)
	return ok
}

func (d *desk) generation() uint64 {
	d.t.Helper()
	s, err := d.Status()
	if err != nil {
		d.t.Fatal(err)
	}
	return s.Generation
}

// entries returns the journal, decoded.
func (d *desk) entries() (all []store.Entry) {
	d.t.Helper()
	lines, _, err := d.Audit(AuditQuery{Limit: maxPage})
	if err != nil {
		d.t.Fatal(err)
	}
	for _, line := range lines {
		e, err := store.DecodeEntry(line)
		if err != nil {
			d.t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// wantKind fails unless err is an *Error of the kind that says something of what was expected.
func wantKind(t testing.TB, err error, kind Kind) {
	t.Helper()
	_ = refusalOf(t, err, kind)
}

// refusalOf returns err as the *Error that wantKind wants it to be.
func refusalOf(t testing.TB, err error, kind Kind) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Kind != kind || e.Detail == "" {
		t.Fatalf("error = %v (%+v), want one of kind %s", err, e, kind)
	}
	return e
}
