package noticeaction

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coredns-na/coredns-na/internal/version"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/replica"
)

// replication is a desk's part in carrying the flags to other servers: what publishes them, or in place of store
// and casework what follows. It goes on across reloads that do not change its lines.
type replication struct {
	publisher atomic.Pointer[replica.Publisher] // nil: no line
	follower  atomic.Pointer[replica.Follower]  // likewise
	inForce   string                            // the lines, as they were given; of the one who holds desks
	reached   *reachLog                         // beside a publisher
}

// deskOf returns the open desk that cfg names, or opens it.
func deskOf(cfg *config) (*desk, error) {
	if !cfg.follows() {
		return deskFor(cfg.database)
	}
	path, err := filepath.Abs(cfg.replica.snapshot)
	if err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	for _, d := range desks.open {
		if d.path == path {
			return d, nil
		}
	}
	d := newDesk(path)
	desks.open = append(desks.open, d)
	return d, nil
}

// loaded tells whether there is a set that answers are made from. A nil desk has what its tests gave it.
func (d *desk) loaded() bool {
	if d == nil || d.store != nil {
		return true
	}
	f := d.replication.follower.Load()
	return f != nil && f.Status().Held
}

// lines are those of cfg, and what its files held.
func (r *replication) lines(cfg *config) string {
	id := ""
	if s := cfg.replicaFiles.signer; s != nil {
		id = s.ID()
	}
	return fmt.Sprintf("%+v %s %v", cfg.replica, id, cfg.replicaFiles.keys)
}

// replicate has the flags carried by the lines of cfg. Without a change of lines nothing is interrupted.
func (d *desk) replicate(cfg *config) error {
	r := &d.replication
	lines := r.lines(cfg)
	if lines == r.inForce {
		return nil
	}
	if err := r.end(); err != nil {
		log.Errorf("Ending replication: %v", err)
	}
	switch cfg.replica.role {
	case "publish":
		r.reached = newReachLog(d.work)
		p, err := replica.NewPublisher(replica.PublisherConfig{
			Cluster: cfg.cluster(), Signer: cfg.replicaFiles.signer, Source: committed{d.store}, Now: now,
			Log:     func(line string) { log.Warningf("Replica: %s", line) },
			OnReach: r.reached.note,
			OnPublish: func(_ replica.Head, took time.Duration) {
				if took > 0 {
					replicaPublishDuration.Observe(took.Seconds())
				}
			},
		})
		if err != nil {
			return err
		}
		r.publisher.Store(p)
	case "follow":
		f, err := replica.NewFollower(replica.FollowerConfig{
			Cluster: cfg.cluster(), Keys: cfg.replicaFiles.keys, Set: d.set, Snapshot: cfg.replica.snapshot,
			Node: cfg.replica.node, Version: version.String(), Limit: cfg.replica.limit, Now: now, After: r.follower.Load(),
			Log:      func(line string) { log.Warningf("Replica: %s", line) },
			OnMail:   d.takeMailbox,
			OnRefuse: func(reason replica.Refusal) { replicaRefusedTotal.WithLabelValues(string(reason)).Inc() },
			OnChange: func() {
				d.published(0)
				d.certs.changed(nil)
				lastChangeGauge.SetToCurrentTime()
			},
		})
		if err != nil {
			return err
		}
		r.follower.Store(f)
	}
	r.inForce = lines
	return nil
}

// end stops carrying flags. A follower stays, closed, for the next one to take over from.
func (r *replication) end() (err error) {
	r.inForce = ""
	if p := r.publisher.Swap(nil); p != nil {
		err = p.Close()
		r.reached.end()
	}
	if f := r.follower.Load(); f != nil {
		err = errors.Join(err, f.Close())
	}
	return err
}

// committed tells the publisher of a commit.
func (r *replication) committed() {
	if p := r.publisher.Load(); p != nil {
		p.Committed()
	}
}

// touch tells the publisher that what is known of a name may have changed.
func (r *replication) touch(name string) {
	if p := r.publisher.Load(); p != nil {
		p.Touch(name)
	}
}

// reachLog journals when all nodes had a generation: the last of what came within a second.
type reachLog struct {
	work    *casework.Desk
	last    atomic.Pointer[replica.Reach]
	woken   chan struct{} // of size 1
	stop    context.CancelFunc
	running sync.WaitGroup
}

func newReachLog(work *casework.Desk) *reachLog {
	ctx, cancel := context.WithCancel(context.Background())
	l := &reachLog{work: work, woken: make(chan struct{}, 1), stop: cancel}
	l.running.Go(func() { l.run(ctx) })
	return l
}

// note does not wait.
func (l *reachLog) note(r replica.Reach) {
	l.last.Store(&r)
	select {
	case l.woken <- struct{}{}:
	default:
	}
}

func (l *reachLog) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.woken:
		}
		r := l.last.Load()
		if err := l.work.NoteReached(ctx, r.Generation, r.At, r.Nodes); err != nil && ctx.Err() == nil {
			log.Errorf("Journaling that all nodes have generation %d: %v", r.Generation, err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
	}
}

func (l *reachLog) end() {
	l.stop()
	l.running.Wait()
}
