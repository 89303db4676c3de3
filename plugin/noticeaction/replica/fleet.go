package replica

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// Report is what a follower says of itself, as JSON under nodes/NODE.
type Report struct {
	Node       string    `json:"node"`
	Version    string    `json:"version"`
	Sequence   uint64    `json:"sequence"`           // of the head that it answers by; 0: none
	Generation uint64    `json:"generation"`         // of that head
	Digest     string    `json:"digest"`             // of the set, in hex
	Flags      int       `json:"flags"`              // in the set
	Applied    time.Time `json:"applied,omitzero"`   // when answers were first made from that head, by the follower's clock
	Confirmed  time.Time `json:"confirmed,omitzero"` // when etcd last said that there is nothing newer, by the follower's clock
	Reported   time.Time `json:"reported"`           // by the follower's clock
	Refusal    string    `json:"refusal,omitempty"`  // why it refuses the set that etcd holds
}

// NodeName checks the name of a node: 1 to 63 letters, digits, hyphens, dots and underscores, the first no dot.
func NodeName(s string) error {
	ok := s != "" && s[0] != '.' && len(s) <= 63 && !strings.ContainsFunc(s, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-._", r))
	})
	if !ok {
		return fmt.Errorf("expected a name of 1 to 63 letters, digits, hyphens, dots and underscores, the first no dot, got %.70q", s)
	}
	return nil
}

const maxReport = 4 << 10 // bytes

// decodeReport reads what a node wrote, which may be anything: it is shown to people.
func decodeReport(node string, value []byte) (Report, error) {
	var r Report
	if len(value) > maxReport {
		return r, fmt.Errorf("report of %d bytes", len(value))
	}
	if err := json.Unmarshal(value, &r); err != nil {
		return r, err
	}
	if r.Node != node || NodeName(node) != nil {
		return r, errors.New("report under another name")
	}
	for _, s := range []string{r.Version, r.Digest, r.Refusal} {
		if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
			return r, fmt.Errorf("report with %q", s)
		}
	}
	return r, nil
}

// Node is a follower as the desk sees it.
type Node struct {
	Report
	Seen time.Time // when its last report came, by this machine's clock
	Late bool      // none has come for three times as long as it may take
}

// Reach says when all nodes had a generation.
type Reach struct {
	Generation uint64
	At         time.Time // by this machine's clock
	Nodes      int
}

const (
	maxReaches = 4096
	lateAfter  = 3 * reportEvery
)

// ErrNoNode is returned when there is no node of that name.
var ErrNoNode = errors.New("no such node")

// Fleet tells what the followers have. Its methods may be called concurrently.
type Fleet struct {
	client *clientv3.Client
	keys   keyspace
	now    func() time.Time

	mu      sync.Mutex
	nodes   map[string]Node
	reaches []Reach       // oldest first, generations growing
	floor   uint64        // who has an older head than this one has nothing: it was overridden
	most    uint64        // the generation that is published: what is said of a later one is of another desk's set
	changed chan struct{} // closed and replaced when a report comes
	onReach func(Reach)
}

func newFleet(client *clientv3.Client, k keyspace, now func() time.Time, onReach func(Reach)) *Fleet {
	return &Fleet{client: client, keys: k, now: now, onReach: onReach, nodes: make(map[string]Node), changed: make(chan struct{})}
}

// Nodes returns the followers that ever reported and were not forgotten, by name.
func (f *Fleet) Nodes() []Node {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	all := make([]Node, 0, len(f.nodes))
	for _, n := range f.nodes {
		n.Late = now.Sub(n.Seen) > lateAfter
		all = append(all, n)
	}
	slices.SortFunc(all, func(a, b Node) int { return cmp.Compare(a.Node, b.Node) })
	return all
}

// Reached returns when all nodes had a generation; false: not yet, or there is no node, or it was so long ago that
// it is not known any more.
func (f *Fleet) Reached(generation uint64) (Reach, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, _ := slices.BinarySearchFunc(f.reaches, generation, func(r Reach, g uint64) int { return cmp.Compare(r.Generation, g) })
	if i == len(f.reaches) || i == 0 && len(f.reaches) == maxReaches {
		return Reach{}, false
	}
	return f.reaches[i], true
}

// Await returns once all nodes have a generation, or ctx ends.
func (f *Fleet) Await(ctx context.Context, generation uint64) (Reach, bool) {
	for {
		f.mu.Lock()
		changed := f.changed
		f.mu.Unlock()
		if r, ok := f.Reached(generation); ok {
			return r, true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Reach{}, false
		}
	}
}

// Forget takes a node that is gone for good out of the view. One that lives comes back with its next report.
func (f *Fleet) Forget(ctx context.Context, node string) error {
	if NodeName(node) != nil {
		return ErrNoNode
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	r, err := f.client.Delete(ctx, f.keys.nodes()+node)
	if err != nil {
		return fmt.Errorf("writing etcd: %w", err)
	}
	if r.Deleted == 0 {
		return ErrNoNode
	}
	return nil
}

// session lists the reports and takes in what changes until something fails.
func (f *Fleet) session(ctx context.Context, b *backoff) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	listed, err := get(ctx, f.client, f.keys.nodes(), clientv3.WithPrefix())
	if err != nil {
		return err
	}
	nodes := make(map[string]bool)
	for _, kv := range listed.Kvs {
		if name, ok := f.take(kv.Key, kv.Value, true); ok {
			nodes[name] = true
		}
	}
	f.keep(nodes)
	w, ctx, stop := watch(ctx, f.client, f.keys.nodes(), listed.Header.Revision+1)
	defer stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-w.progress.C:
			if err := w.poke(ctx); err != nil {
				return err
			}
		case resp, open := <-w.events:
			if err := w.check(resp, open); err != nil {
				return err
			}
			b.reset()
			for _, e := range resp.Events {
				if e.Type == clientv3.EventTypeDelete {
					f.forget(strings.TrimPrefix(string(e.Kv.Key), f.keys.nodes()))
					continue
				}
				f.take(e.Kv.Key, e.Kv.Value, false)
			}
			f.settle()
		}
	}
}

// take notes a report. One that was listed may be old: it counts as seen when it was written, if that is not in the
// future of this machine's clock.
func (f *Fleet) take(key, value []byte, listed bool) (string, bool) {
	name := strings.TrimPrefix(string(key), f.keys.nodes())
	r, err := decodeReport(name, value)
	if err != nil {
		return "", false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	seen := f.now()
	if old, ok := f.nodes[name]; listed && ok && old.Report == r {
		seen = old.Seen
	} else if listed && r.Reported.Before(seen) {
		seen = r.Reported
	}
	f.nodes[name] = Node{Report: r, Seen: seen}
	return name, true
}

func (f *Fleet) forget(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.nodes, name)
}

// keep forgets all nodes but those.
func (f *Fleet) keep(nodes map[string]bool) {
	f.mu.Lock()
	for name := range f.nodes {
		if !nodes[name] {
			delete(f.nodes, name)
		}
	}
	f.mu.Unlock()
	f.settle()
}

// published notes what followers should have. What was reached before a head that was published by order is
// forgotten: its generation may be lower.
func (f *Fleet) published(h Head) {
	f.mu.Lock()
	if h.Override > f.floor {
		f.floor, f.reaches = h.Override, nil
	}
	f.most = h.Generation
	f.mu.Unlock()
	f.settle()
}

// settle notes what all nodes have now.
func (f *Fleet) settle() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.changed)
	f.changed = make(chan struct{})
	if len(f.nodes) == 0 {
		return
	}
	least := f.most
	for _, n := range f.nodes {
		if n.Sequence < f.floor {
			return
		}
		least = min(least, n.Generation)
	}
	if least == 0 || len(f.reaches) > 0 && f.reaches[len(f.reaches)-1].Generation >= least {
		return
	}
	reach := Reach{Generation: least, At: f.now().UTC(), Nodes: len(f.nodes)}
	f.reaches = append(f.reaches, reach)
	if len(f.reaches) > maxReaches {
		f.reaches = slices.Delete(f.reaches, 0, 1)
	}
	f.onReach(reach)
}
