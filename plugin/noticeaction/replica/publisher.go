package replica

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// PublisherConfig is what a Publisher works with. Now and the functions may be nil.
type PublisherConfig struct {
	Cluster
	Signer *Signer
	Source Source
	Now    func() time.Time // nil: time.Now
	Renew  time.Duration    // how often the head is signed again when nothing changes; 0: each minute

	Log func(line string) // told, seldom, of what goes wrong and when it is over

	// OnPublish is told of each head that is in etcd now, and how long ago what it shows was committed.
	OnPublish func(h Head, took time.Duration)

	// OnReach is told when all nodes have come to have a generation. It must not call the Fleet.
	OnReach func(Reach)
}

// Publisher makes etcd hold what the source has committed. Its methods may be called concurrently; none waits
// for etcd.
type Publisher struct {
	cfg    PublisherConfig
	client *clientv3.Client
	fleet  *Fleet
	wake   chan struct{} // of size 1: something was committed or ordered
	cancel context.CancelFunc
	done   sync.WaitGroup

	suspect map[string]bool // names that somebody else changed; of the publishing goroutine

	mu       sync.Mutex
	touched  map[string]bool // names whose records may have changed without a line of the journal
	override bool            // the next head is to be believed whatever it says
	status   PublisherStatus
}

// PublisherStatus says how far a publisher is.
type PublisherStatus struct {
	Connected bool      // etcd answers, and holds what is Published
	Published Head      // zero: none was seen yet
	Behind    time.Time // when the first commit was made that etcd does not have; zero: it has all
	Diverged  bool      // etcd holds a set that the journal does not lead to, and an order is awaited
	Error     string    // why nothing can be published now; empty: it can
}

// NewPublisher begins to publish.
func NewPublisher(cfg PublisherConfig) (*Publisher, error) {
	client, err := cfg.dial()
	if err != nil {
		return nil, err
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Renew == 0 {
		cfg.Renew = headEvery
	}
	if cfg.Log == nil {
		cfg.Log = func(string) {}
	}
	if cfg.OnPublish == nil {
		cfg.OnPublish = func(Head, time.Duration) {}
	}
	if cfg.OnReach == nil {
		cfg.OnReach = func(Reach) {}
	}
	p := &Publisher{cfg: cfg, client: client, wake: make(chan struct{}, 1), touched: make(map[string]bool)}
	p.fleet = newFleet(client, keyspace{cfg.Prefix}, cfg.Now, cfg.OnReach)
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	p.Committed()
	p.done.Go(func() { again(ctx, p.session, p.failed) })
	p.done.Go(func() { again(ctx, p.fleet.session, func(error) {}) })
	return p, nil
}

// Close stops publishing. What was committed and is not in etcd yet will be at the next start.
func (p *Publisher) Close() error {
	p.cancel()
	p.done.Wait()
	if err := p.client.Close(); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("closing etcd: %w", err)
	}
	return nil
}

// Committed says that something was committed. It does not wait.
func (p *Publisher) Committed() {
	p.mu.Lock()
	if p.status.Behind.IsZero() {
		p.status.Behind = p.cfg.Now()
	}
	p.mu.Unlock()
	p.awake()
}

// Touch says that the record of a name may have changed although the journal does not say so. It does not wait.
func (p *Publisher) Touch(name string) {
	p.mu.Lock()
	p.touched[name] = true
	p.mu.Unlock()
	p.awake()
}

// Override has followers believe the set of the desk as it is, even if it is older, empty or much smaller, or is not
// what etcd's set led to. It does not wait.
func (p *Publisher) Override() {
	p.mu.Lock()
	p.override = true
	p.mu.Unlock()
	p.Committed()
}

func (p *Publisher) awake() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Status says how far the publisher is.
func (p *Publisher) Status() PublisherStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.status
}

// Fleet tells who has what.
func (p *Publisher) Fleet() *Fleet { return p.fleet }

func (p *Publisher) failed(err error) {
	p.mu.Lock()
	was := p.status.Error
	p.status.Connected, p.status.Error = false, err.Error()
	p.mu.Unlock()
	if was != err.Error() {
		p.cfg.Log("publishing: " + err.Error())
	}
}

// remote is what etcd holds, as this publisher has listed and since written it.
type remote struct {
	*listing
	known *Head          // what the head says; nil: there is none that can be read
	own   map[int64]bool // revisions that this publisher made and has not seen in the watch yet
}

// session lists what etcd holds, makes it what is committed, and goes on until something fails.
func (p *Publisher) session(ctx context.Context, b *backoff) error {
	k := keyspace{p.cfg.Prefix}
	l, err := list(ctx, p.client, k, func(name string, value []byte) bool {
		return p.cfg.Signer.sealed(value) && !p.suspect[name]
	})
	if err != nil {
		return err
	}
	r := &remote{listing: l, own: make(map[int64]bool)}
	if h, err := decodeHead(l.head); err == nil {
		r.known = &h
	}
	w, ctx, stop := watch(ctx, p.client, k.set(), l.revision+1)
	defer stop()
	renewal := time.NewTicker(p.cfg.Renew)
	defer renewal.Stop()
	how := mode{full: true, renew: !p.cfg.Signer.sealed(l.head) || len(p.suspect) > 0}
	for {
		if err := p.publish(ctx, r, how); err != nil && !errors.Is(err, ErrDiverged) {
			return err
		} else if err == nil {
			p.suspect = nil
		}
		b.reset()
		if how, err = p.await(ctx, r, w, renewal.C); err != nil {
			return err
		}
	}
}

// await returns when something is to be published, or what became of etcd.
func (p *Publisher) await(ctx context.Context, r *remote, w *watching, renewal <-chan time.Time) (mode, error) {
	for {
		var err error
		select {
		case <-ctx.Done():
			return mode{}, ctx.Err()
		case <-p.wake:
			return mode{}, nil
		case <-renewal:
			return mode{renew: true}, nil
		case <-w.progress.C:
			err = w.poke(ctx)
		case resp, open := <-w.events:
			if err = w.check(resp, open); err == nil {
				err = p.mine(r, resp)
			}
		}
		if err != nil {
			return mode{}, err
		}
	}
}

// mode says how to publish.
type mode struct {
	full     bool // compare everything
	renew    bool // sign the head again even if nothing changed
	override bool // by order: whatever etcd holds
}

var errForeign = errors.New("somebody else changed the set in etcd; it is put right")

// mine fails if a change in etcd is not this publisher's. What was changed is written again.
func (p *Publisher) mine(r *remote, resp clientv3.WatchResponse) error {
	foreign := make(map[string]bool)
	for _, e := range resp.Events {
		if !r.own[e.Kv.ModRevision] {
			foreign[strings.TrimPrefix(string(e.Kv.Key), keyspace{p.cfg.Prefix}.names())] = true
		}
	}
	maps.DeleteFunc(r.own, func(revision int64, _ bool) bool { return revision <= resp.Header.Revision })
	if len(foreign) > 0 {
		maps.Copy(foreign, p.suspect)
		p.suspect = foreign
		return errForeign
	}
	return nil
}

// plan is what has to be written.
type plan struct {
	head    Head
	changes []change
	set     *records // what etcd holds then
}

// publish brings etcd from what it holds to what is committed.
func (p *Publisher) publish(ctx context.Context, r *remote, how mode) error {
	p.mu.Lock()
	since, touched := p.status.Behind, p.touched
	how.override = p.override
	p.touched, p.status.Behind = make(map[string]bool), time.Time{}
	p.mu.Unlock()

	var todo *plan
	err := p.cfg.Source.Read(func(s State) (err error) {
		todo, err = r.plan(s, how, touched)
		return err
	})
	if err == nil && todo != nil {
		err = p.write(ctx, r, todo, how.override)
	}
	p.settle(r, err, since, touched, how.override)
	if err == nil && todo != nil {
		took := time.Duration(0)
		if !since.IsZero() {
			took = p.cfg.Now().Sub(since)
		}
		p.cfg.OnPublish(*r.known, took)
	}
	return err
}

// settle notes how publishing went. What failed is owed still.
func (p *Publisher) settle(r *remote, err error, since time.Time, touched map[string]bool, override bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := &p.status
	if err != nil {
		maps.Copy(p.touched, touched)
		if !since.IsZero() {
			s.Behind = since
		}
		diverged := errors.Is(err, ErrDiverged)
		if diverged && !s.Diverged {
			p.cfg.Log(fmt.Sprintf("publishing: %v; nothing is published until it is ordered", err))
		}
		s.Diverged, s.Error = diverged, err.Error()
		s.Connected = diverged
		return
	}
	if override {
		p.override = false
	}
	if s.Error != "" {
		p.cfg.Log("publishing: etcd holds what is committed")
	}
	s.Connected, s.Diverged, s.Error = true, false, ""
	if r.known != nil {
		s.Published = *r.known
		p.fleet.overridden(r.known.Override)
	}
}

// plan says what has to be written so that etcd holds the state; nil: nothing.
func (r *remote) plan(s State, how mode, touched map[string]bool) (*plan, error) {
	lineage, err := r.lineage(s, how.override)
	if err != nil {
		return nil, err
	}
	todo := &plan{head: Head{Generation: s.Generation(), Count: uint64(s.Count()), Digest: s.Digest()}}
	todo.head.Journal, todo.head.JournalHash = s.Journal()
	after := uint64(0)
	if lineage {
		after, todo.head.Removed, todo.head.Override = r.known.Journal, r.known.Removed, r.known.Override
	}
	const most = 20_000 // lines of the journal; beyond that reading everything is faster
	names, full := maps.Clone(touched), how.full || how.override
	for step, err := range s.Changes(after) {
		if err != nil {
			return nil, err
		}
		if step.Lifted {
			todo.head.Removed++
		}
		if full = full || len(names) > most; !full {
			names[step.Name] = true
		}
	}
	if !full {
		if err := todo.incremental(s, r.set, names); err != nil {
			return nil, err
		}
		full = todo.wrong()
	}
	if full {
		if err := todo.complete(s, r.set); err != nil {
			return nil, err
		}
	}
	for name := range r.bad {
		if _, ok := todo.set.get(name); !ok {
			todo.changes = append(todo.changes, change{Record: Record{Name: name}, remove: true})
		}
	}
	same := r.known != nil && len(todo.changes) == 0 && r.known.Generation == todo.head.Generation && r.known.Root == todo.set.root()
	if same && !how.renew && !how.override {
		return nil, nil
	}
	return todo, nil
}

// lineage tells whether the journal goes on from what etcd holds. If it does not and nobody ordered otherwise,
// nothing may be written: what the set of etcd says was committed once, and would be lost in silence.
func (r *remote) lineage(s State, override bool) (bool, error) {
	if r.known == nil {
		return false, nil
	}
	if r.known.Journal == 0 {
		return true, nil
	}
	if hash, ok := s.JournalHash(r.known.Journal); ok && hash == r.known.JournalHash {
		return true, nil
	}
	if override {
		return false, nil
	}
	return false, fmt.Errorf("%w: it is of generation %d, after %d lines of a journal that is not the desk's; the desk is at generation %d",
		ErrDiverged, r.known.Generation, r.known.Journal, s.Generation())
}

// incremental plans for the names that may have changed.
func (t *plan) incremental(s State, now *records, names map[string]bool) error {
	for name := range names {
		record, ok, err := s.Record(name)
		if err != nil {
			return err
		}
		was, had := now.get(name)
		switch {
		case !ok && had:
			t.changes = append(t.changes, change{Record: Record{Name: name}, remove: true})
		case ok && (!had || !was.equal(record)):
			t.changes = append(t.changes, change{Record: record})
		}
	}
	t.set = now.with(t.changes)
	return nil
}

// complete plans by comparing everything.
func (t *plan) complete(s State, now *records) error {
	var b builder
	for record, err := range s.Records() {
		if err == nil {
			err = b.add(record)
		}
		if err != nil {
			return err
		}
	}
	t.set = b.records()
	t.changes = slices.Collect(t.set.since(now))
	if t.wrong() {
		return fmt.Errorf("the store holds %d flags of digest %s, but its own account says %d of %s", t.set.count, t.set.digest, t.head.Count, t.head.Digest)
	}
	return nil
}

// wrong tells whether the set is not the one that the desk says it has.
func (t *plan) wrong() bool {
	return t.set.digest != t.head.Digest || uint64(t.set.count) != t.head.Count
}

// Bounds of one transaction; etcd's own are 128 and 1.5 MiB unless it is told otherwise.
const (
	maxOps   = 100
	maxBytes = 512 << 10
)

// write writes the changes, in as many transactions as it takes, and then the head.
func (p *Publisher) write(ctx context.Context, r *remote, todo *plan, override bool) error {
	k := keyspace{p.cfg.Prefix}
	var ops []clientv3.Op
	size := 0
	for _, c := range todo.changes {
		if c.remove {
			ops = append(ops, clientv3.OpDelete(k.names()+c.Name))
			size += len(c.Name)
		} else {
			value := p.cfg.Signer.value(k.prefix, c.Record)
			ops = append(ops, clientv3.OpPut(k.names()+c.Name, string(value)))
			size += len(c.Name) + len(value)
		}
		if len(ops) == maxOps || size > maxBytes {
			if _, err := p.commit(ctx, r, ops); err != nil {
				return err
			}
			ops, size = nil, 0
		}
	}
	h := todo.head
	h.Root, h.Signed = todo.set.root(), p.cfg.Now().UTC().Truncate(time.Millisecond)
	h.Sequence = p.nextSequence(r, h.Signed)
	if override {
		h.Override = h.Sequence
	}
	value := p.cfg.Signer.head(k.prefix, h)
	revision, err := p.commit(ctx, r, append(ops, clientv3.OpPut(k.head(), string(value))))
	if err != nil {
		return err
	}
	r.head, r.headRevision, r.known, r.set, r.bad = value, revision, &h, todo.set, nil
	return nil
}

// nextSequence is greater than any before: of the head in etcd, if a key of ours vouches for it, and of this
// process. A clock that runs on makes it so also when etcd has lost its data.
func (p *Publisher) nextSequence(r *remote, now time.Time) uint64 {
	next := max(uint64(max(now.UnixMilli(), 1)), p.Status().Published.Sequence+1)
	if h, err := p.cfg.Signer.Keys().verifyHead(p.cfg.Prefix, r.head); err == nil {
		next = max(next, h.Sequence+1)
	}
	return next
}

var errFenced = errors.New("writing etcd: the head is not the one that was read; another publisher may be at work")

// commit makes one transaction, unless the head has changed since it was read.
func (p *Publisher) commit(ctx context.Context, r *remote, ops []clientv3.Op) (revision int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	fence := clientv3.Compare(clientv3.ModRevision(keyspace{p.cfg.Prefix}.head()), "=", r.headRevision)
	resp, err := p.client.Txn(ctx).If(fence).Then(ops...).Commit()
	if err != nil {
		return 0, fmt.Errorf("writing etcd: %w", err)
	}
	if !resp.Succeeded {
		return 0, errFenced
	}
	r.own[resp.Header.Revision] = true
	return resp.Header.Revision, nil
}
