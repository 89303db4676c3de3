// Package casework is the desk: the single writer of the flags and the cases. It judges each order,
// commits it to the store and only then publishes it in the table that answers are made from. By the clock
// it lifts each flag at its not_after, and applies each deadline of a case: an event of a case is one commit
// with its flags, its mails and orders on their way out, its tasks for people and its lines of the journal.
//
// One goroutine writes. Orders that arrive while it commits are grouped into the next commit; each is
// judged on its own, and one that is refused does not disturb the others. An order that returns
// without error is durable and published.
//
// The package does not judge who may give an order, which is the API's, and knows neither HTTP nor
// DNS messages nor bbolt.
package casework

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/leeway"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/reach"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

// Config is what a Desk works with.
type Config struct {
	Store  *store.Store  // stays the caller's, who closes it after the Desk
	Set    *redirect.Set // where the Desk publishes; nobody else writes to it
	Policy *Policy
	Now    func() time.Time // nil: time.Now

	OnPublish    func(time.Duration) // nil, or told the time from a durable commit to its publication
	OnStoreError func(error)         // nil, or told of each failed commit

	// OnChange is nil, or told what a commit changed in the table, once it is published. It must not wait, nor keep
	// or change what it is given.
	OnChange func([]redirect.Change)

	// OnReach is nil, or told where a flagged name can be reached: of all at Open, of others before the
	// table redirects them, of changes, and with nil of those that are not flagged any more. The record is
	// not to be changed. Calls come one at a time.
	OnReach func(name string, record *reach.Record)

	// OnCases is nil, or told after each commit that changed a case, a message, a task or a notice. It must
	// not wait for the Desk to change anything.
	OnCases func()

	// OnPage is nil, or told of the page of each authority that visitors are to see: of all at Open, and of each
	// once it is durable. Calls come one at a time.
	OnPage func(store.Page)
}

// Desk is the single writer. Its methods may be called concurrently.
type Desk struct {
	store        *store.Store
	set          *redirect.Set
	now          func() time.Time
	onPublish    func(time.Duration)
	onStoreError func(error)
	onChange     func([]redirect.Change)
	onReach      func(string, *reach.Record)
	onCases      func()
	onPage       func(store.Page)
	update       func(func(*store.Tx) error) error // the store's Update; tests make it fail

	policy atomic.Pointer[Policy]

	operations chan *operation // not buffered: what it has taken, the writer answers
	stop       chan struct{}
	stopOnce   sync.Once
	cancel     context.CancelFunc                   // ends the look-ups of the background
	merge      chan struct{}                        // of size 1: the set wants to be merged
	inForce    chan struct{}                        // of size 1: the policy has changed
	outbox     map[store.OutgoingKind]chan struct{} // each of size 1: there may be something to deliver
	running    sync.WaitGroup

	w writer
}

// writer is what belongs to the writing goroutine alone.
type writer struct {
	loaded      bool // the table was published
	brake       brake
	braked      *Policy             // the policy that brake was built for
	authorities map[string]struct{} // of all flags, and of some that are gone
	lifts       lifts
	clock       clock
	refusals    refusals
}

// Open lifts what is due, publishes the flags of the store in the set, and starts the writer. The
// error is the store's, or that of a policy which does not validate.
func Open(cfg Config) (*Desk, error) {
	d := &Desk{
		store:        cfg.Store,
		set:          cfg.Set,
		now:          cfg.Now,
		onPublish:    cfg.OnPublish,
		onStoreError: cfg.OnStoreError,
		onChange:     cfg.OnChange,
		onReach:      cfg.OnReach,
		onCases:      cfg.OnCases,
		onPage:       cfg.OnPage,
		update:       cfg.Store.Update,
		operations:   make(chan *operation),
		stop:         make(chan struct{}),
		merge:        make(chan struct{}, 1),
		inForce:      make(chan struct{}, 1),
		outbox: map[store.OutgoingKind]chan struct{}{
			store.Mail: make(chan struct{}, 1), store.Order: make(chan struct{}, 1),
		},
		w: writer{authorities: make(map[string]struct{})},
	}
	if d.now == nil {
		d.now = time.Now
	}
	if d.onPublish == nil {
		d.onPublish = func(time.Duration) {}
	}
	if d.onStoreError == nil {
		d.onStoreError = func(error) {}
	}
	if d.onChange == nil {
		d.onChange = func([]redirect.Change) {}
	}
	if d.onReach == nil {
		d.onReach = func(string, *reach.Record) {}
	}
	if d.onCases == nil {
		d.onCases = func() {}
	}
	if d.onPage == nil {
		d.onPage = func(store.Page) {}
	}
	if err := cfg.Policy.Validate(); err != nil {
		return nil, fmt.Errorf("opening desk: %w", err)
	}
	d.policy.Store(cfg.Policy)
	if err := d.load(); err != nil {
		return nil, fmt.Errorf("opening desk: %w", err)
	}
	d.running.Go(d.write)
	d.running.Go(d.mergeSet)
	ctx, cancel := context.WithCancel(context.Background())
	d.cancel = cancel
	d.running.Go(func() { d.refresh(ctx) })
	return d, nil
}

// load lifts what became due while nobody watched and publishes the rest.
func (d *Desk) load() error {
	err := d.store.View(func(tx *store.Tx) error {
		d.w.lifts.next, _ = tx.NextExpiry(time.Time{})
		d.w.clock.next, _ = tx.NextCaseDeadline()
		return nil
	})
	if err != nil {
		return err
	}
	d.byTheClock()
	if err := errors.Join(d.tellAllReach(), d.tellAllPages()); err != nil {
		return err
	}
	if err := d.reload(); err != nil {
		return err
	}
	d.w.loaded = true
	t := d.set.Table()
	for id := redirect.AuthorityID(0); t.Authority(id) != ""; id++ {
		d.w.authorities[t.Authority(id)] = struct{}{}
	}
	return nil
}

// reload publishes the whole store anew.
func (d *Desk) reload() error {
	return d.store.View(func(tx *store.Tx) error { return tx.Load(d.set, d.now()) })
}

// Close stops the writer. Orders it has accepted are carried out and answered first; later ones are
// refused. It may be called more than once.
func (d *Desk) Close() error {
	d.stopOnce.Do(func() {
		close(d.stop)
		d.cancel()
	})
	d.running.Wait()
	return nil
}

// SetPolicy replaces the policy, which must validate, for all later orders, and has the deadlines applied that
// waited for one. Flags that stand remain.
func (d *Desk) SetPolicy(p *Policy) {
	d.policy.Store(p)
	wake(d.inForce)
}

// mergeSet merges the set whenever it has grown untidy.
func (d *Desk) mergeSet() {
	for {
		select {
		case <-d.merge:
			leeway.For(d.set.Merge)
		case <-d.stop:
			return
		}
	}
}

// do has the writer carry out an operation. Once the writer has accepted it, ctx no longer counts: a
// client that goes away does not undo a change.
func (d *Desk) do(ctx context.Context, op *operation) error {
	op.done = make(chan struct{})
	select {
	case d.operations <- op:
	case <-ctx.Done():
		return &Error{Kind: Unavailable, Detail: "given up before it was begun; nothing was changed", Err: context.Cause(ctx)}
	case <-d.stop:
		return &Error{Kind: Unavailable, Detail: "nothing was changed", Err: ErrClosed}
	}
	<-op.done
	return op.err
}

// unavailable is the refusal after a failure of the store.
func unavailable(err error) error {
	var refusal *Error
	if errors.As(err, &refusal) {
		return refusal
	}
	detail := "the store failed and nothing was changed"
	if errors.Is(err, store.ErrUnconfirmed) {
		detail = "the store could not confirm the change, which is not in effect"
	}
	return &Error{Kind: Unavailable, Detail: detail, Err: err}
}
