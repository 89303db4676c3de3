package replica

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"
)

// FollowerConfig is what a Follower works with. Now and the functions may be nil.
type FollowerConfig struct {
	Cluster
	Keys     Keys
	Set      *redirect.Set // where the Follower publishes; nobody else writes to it
	Snapshot string        // file
	Node     string        // under which it reports
	Version  string        // of the program, for the report
	Limit    int           // percent of the names that may be gone at once without the desk accounting for it
	Now      func() time.Time

	// After was closed, and had the same Set: what it answered by is held on to, whoever signed it, in place of the
	// snapshot; nil: there was none.
	After *Follower

	Log func(line string) // told, seldom, of what goes wrong and when it is over

	// OnMail is told the Mail of a record, before the table redirects its name and when it changes, and with nil
	// when the name is not redirected any more. Calls come one at a time.
	OnMail func(name string, mail []byte)

	OnChange func()               // told when the table has changed
	OnRefuse func(reason Refusal) // told each time that something in etcd is not believed
}

// Refusal is why a set is not believed.
type Refusal string

// What a follower refuses.
const (
	RefusedSignature Refusal = "signature" // a record or the head is not signed by a key that is trusted, or cannot be read
	RefusedReplay    Refusal = "replay"    // the head is older than the one that is held
	RefusedOlder     Refusal = "older"     // the generation is lower than the one that is held
	RefusedEmpty     Refusal = "empty"     // there is nothing any more
	RefusedShrunk    Refusal = "shrunk"    // more names are gone than the desk accounts for
	RefusedMismatch  Refusal = "mismatch"  // the records are not those that the head is of
	RefusedTable     Refusal = "table"     // the table cannot hold it
)

// Refusals are all that there are.
var Refusals = []Refusal{RefusedSignature, RefusedReplay, RefusedOlder, RefusedEmpty, RefusedShrunk, RefusedMismatch, RefusedTable}

// Status says what a follower has.
type Status struct {
	Held      bool      // there is a set that answers are made from
	Head      Head      // its head
	Applied   time.Time // when answers were first made from it; zero: not since the start
	Connected bool      // etcd is being watched
	Confirmed time.Time // when etcd last said that there is nothing newer; zero: not since the start
	Refusal   Refusal   // why what etcd holds is refused; empty: it is not
	Detail    string    // the same, for people
	Error     string    // why etcd is not being watched; empty: it is
	Snapshot  time.Time // when the last snapshot was written; zero: not since the start
}

// Follower makes a table of what etcd holds. Its methods may be called concurrently.
type Follower struct {
	cfg    FollowerConfig
	client *clientv3.Client
	cancel context.CancelFunc
	done   sync.WaitGroup
	tick   chan chan struct{} // asks the clock to do what is due
	again  chan struct{}      // of size 1: something else may be due
	report chan struct{}      // of size 1: there is something to report
	store  chan struct{}      // of size 1: there is something to keep

	mu     sync.Mutex // held while the table changes
	held   *records   // what was believed last; nil: nothing yet
	value  []byte     // its head as etcd had it
	status Status
	lifted int64 // Unix seconds up to which flags that ended have left the table
	kept   Head  // of the last snapshot
}

// NewFollower publishes what the snapshot holds, before it returns, and begins to follow. A snapshot that is of no use
// is set aside, and is no error.
func NewFollower(cfg FollowerConfig) (*Follower, error) {
	client, err := cfg.dial()
	if err != nil {
		return nil, err
	}
	cfg.complete()
	f := &Follower{
		cfg: cfg, client: client,
		tick: make(chan chan struct{}), again: make(chan struct{}, 1), report: make(chan struct{}, 1), store: make(chan struct{}, 1),
	}
	if !f.takeOver() {
		f.restore()
	}
	ctx, cancel := context.WithCancel(context.Background())
	f.cancel = cancel
	f.done.Go(func() { again(ctx, f.session, f.failed) })
	f.done.Go(func() { f.clock(ctx) })
	f.done.Go(func() { f.reports(ctx) })
	f.done.Go(func() { f.snapshots(ctx) })
	return f, nil
}

func (cfg *FollowerConfig) complete() {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = func(string) {}
	}
	if cfg.OnMail == nil {
		cfg.OnMail = func(string, []byte) {}
	}
	if cfg.OnChange == nil {
		cfg.OnChange = func() {}
	}
	if cfg.OnRefuse == nil {
		cfg.OnRefuse = func(Refusal) {}
	}
}

// Close stops following and writes a last snapshot. The table stays as it is.
func (f *Follower) Close() error {
	f.cancel()
	f.done.Wait()
	err := f.keep()
	if closed := f.client.Close(); closed != nil && !errors.Is(closed, context.Canceled) {
		err = errors.Join(err, fmt.Errorf("closing etcd: %w", closed))
	}
	return err
}

// Status says what the follower has.
func (f *Follower) Status() Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.status
}

// takeOver goes on with what the follower before had; false: nothing.
func (f *Follower) takeOver() bool {
	before := f.cfg.After
	f.cfg.After = nil
	if before == nil {
		return false
	}
	before.mu.Lock()
	defer before.mu.Unlock()
	if before.held == nil {
		return false
	}
	f.held, f.value, f.lifted, f.kept = before.held, before.value, before.lifted, before.kept
	was := before.status
	f.status = Status{Held: true, Head: was.Head, Applied: was.Applied, Confirmed: was.Confirmed, Snapshot: was.Snapshot}
	if _, err := f.cfg.Keys.verifyHead(f.cfg.Prefix, f.value); err != nil {
		f.cfg.Log("what is held is not signed by a key that is trusted now; answers go on from it until there is something better")
	}
	return true
}

// restore publishes the last snapshot. Without one that is of use the follower begins with nothing: zones are served
// whatever became of it.
func (f *Follower) restore() {
	value, set, err := readSnapshot(f.cfg.Snapshot, f.cfg.Prefix, f.cfg.Keys)
	if errors.Is(err, fs.ErrNotExist) {
		f.cfg.Log("there is no snapshot; names are redirected once etcd is read")
		return
	}
	var head Head
	if err == nil {
		head, err = decodeHead(value)
	}
	if err == nil {
		err = f.accept(head, value, set)
	}
	if err == nil {
		f.kept, f.status.Applied = head, time.Time{}
		return
	}
	outcome := "it was set aside as " + f.cfg.Snapshot + damaged
	if failed := setAside(f.cfg.Snapshot); failed != nil {
		outcome = failed.Error()
	}
	f.cfg.Log(fmt.Sprintf("%v; %s, and names are redirected once etcd is read", err, outcome))
}

func (f *Follower) failed(err error) {
	f.mu.Lock()
	was := f.status.Error
	f.status.Connected, f.status.Error = false, err.Error()
	f.mu.Unlock()
	if was != err.Error() {
		f.cfg.Log("following: " + err.Error() + "; answers go on from what is held")
	}
}

// confirm notes that etcd has nothing that was not looked at.
func (f *Follower) confirm() {
	f.mu.Lock()
	was := f.status.Error
	f.status.Connected, f.status.Error, f.status.Confirmed = true, "", f.cfg.Now()
	f.mu.Unlock()
	if was != "" {
		f.cfg.Log("following: etcd is read again")
	}
}
