package replica

import (
	"context"
	"errors"
	"fmt"
	"maps"
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

	// OnReach is told when all nodes have come to have a generation that is published. It must not call the Fleet.
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
	known *Head // what the head says; nil: there is none that can be read
	own   bool  // this publisher's key has signed it

	writing sync.Mutex     // held to note a revision; several are written at once
	made    map[int64]bool // revisions that this publisher made and has not seen in the watch yet
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
	r := &remote{listing: l, made: make(map[int64]bool)}
	if h, err := decodeHead(l.head); err == nil {
		_, err = p.cfg.Signer.Keys().verifyHead(p.cfg.Prefix, l.head)
		r.known, r.own = &h, err == nil
	}
	w, ctx, stop := watch(ctx, p.client, k.set(), l.revision+1)
	defer stop()
	renewal := time.NewTicker(p.cfg.Renew)
	defer renewal.Stop()
	how := mode{full: true, renew: !r.own || len(p.suspect) > 0}
	for {
		if err := p.publish(ctx, r, how); err != nil && !errors.Is(err, ErrDiverged) {
			return err
		} else if err == nil {
			p.suspect = nil
		}
		b.reset()
		w.listen()
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
	if err == nil && r.known != nil {
		p.fleet.published(*r.known)
	}
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
	}
}
