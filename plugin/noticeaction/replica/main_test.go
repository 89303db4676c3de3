package replica

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/goleak"

	"github.com/coredns-na/coredns-na/internal/etcdtest"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"
)

func TestMain(m *testing.M) {
	// etcd's own: who asks a member for its version at the moment when it stops may wait for a lock for ever
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("go.etcd.io/etcd/server/v3/etcdserver/api/etcdhttp.newPeerHandler.versionHandler.func1"))
}

const patience = 5 * time.Minute

// await asks until the answer is yes.
func await(tb testing.TB, what string, done func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(patience); !done(); <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("%s: did not come within %s", what, patience)
		}
	}
}

// clock is a time that tests set.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Now().UTC().Truncate(time.Second)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// desk is a source in memory, with a journal of its own.
type desk struct {
	mu         sync.Mutex
	generation uint64
	digest     redirect.Digest
	flags      map[string]Record
	journal    []Step
	hashes     [][32]byte
	salt       string // tells journals apart
	failing    error
}

func newDesk() *desk { return &desk{flags: make(map[string]Record)} }

// copy is a backup.
func (d *desk) copy() *desk {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := newDesk()
	c.generation, c.digest, c.salt = d.generation, d.digest, d.salt
	c.journal, c.hashes = slices.Clone(d.journal), slices.Clone(d.hashes)
	for name, r := range d.flags {
		c.flags[name] = r
	}
	return c
}

// commit is one generation of changes.
func (d *desk) commit(changes ...change) uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.generation++
	for _, c := range changes {
		if old, ok := d.flags[c.Name]; ok {
			d.digest.Remove(old.Entry())
			delete(d.flags, c.Name)
		}
		if !c.remove {
			c.Changed = d.generation
			d.flags[c.Name] = c.Record
			d.digest.Add(c.Entry())
		}
		d.journal = append(d.journal, Step{Name: c.Name, Lifted: c.remove})
		var last [32]byte
		if n := len(d.hashes); n > 0 {
			last = d.hashes[n-1]
		}
		line := fmt.Appendf(last[:], "%s %s %v %d", d.salt, c.Name, c.remove, c.NotAfter)
		d.hashes = append(d.hashes, sha256.Sum256(line))
	}
	return d.generation
}

func flagged(names ...string) (all []change) {
	for _, name := range names {
		all = append(all, change{Record: Record{Name: name, Authority: "apd-gba"}})
	}
	return all
}

func lifted(names ...string) (all []change) {
	for _, name := range names {
		all = append(all, change{Record: Record{Name: name}, remove: true})
	}
	return all
}

func numbered(from, to int) (names []string) {
	for i := from; i < to; i++ {
		names = append(names, fmt.Sprintf("name-%07d.be", i))
	}
	return names
}

func (d *desk) Read(read func(State) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failing != nil {
		return d.failing
	}
	return read((*state)(d))
}

type state desk

func (s *state) Generation() uint64      { return s.generation }
func (s *state) Digest() redirect.Digest { return s.digest }
func (s *state) Count() int              { return len(s.flags) }

func (s *state) Records() iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		names := make([]string, 0, len(s.flags))
		for name := range s.flags {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			if !yield(s.flags[name], nil) {
				return
			}
		}
	}
}

func (s *state) Record(name string) (Record, bool, error) {
	r, ok := s.flags[name]
	return r, ok, nil
}

func (s *state) Journal() (uint64, [32]byte) {
	hash, _ := s.JournalHash(uint64(len(s.hashes)))
	return uint64(len(s.hashes)), hash
}

func (s *state) JournalHash(line uint64) ([32]byte, bool) {
	if line == 0 || line > uint64(len(s.hashes)) {
		return [32]byte{}, false
	}
	return s.hashes[line-1], true
}

func (s *state) Changes(after uint64) iter.Seq2[Step, error] {
	return func(yield func(Step, error) bool) {
		for _, step := range s.journal[min(after, uint64(len(s.journal))):] {
			if !yield(step, nil) {
				return
			}
		}
	}
}

// testSigner has a fixed key.
func testSigner(seed byte) *Signer {
	return NewSigner(ed25519.NewKeyFromSeed(slices.Repeat([]byte{seed}, ed25519.SeedSize)))
}

// net is a cluster with what publishes to it and follows it.
type network struct {
	testing.TB
	*etcdtest.Cluster
	cluster Cluster
	signer  *Signer
	clock   *clock
}

// newNetwork starts a cluster of so many members.
func newNetwork(tb testing.TB, members int) *network {
	tb.Helper()
	c := etcdtest.Start(tb, members)
	return &network{TB: tb, Cluster: c, cluster: Cluster{Endpoints: c.Endpoints(), Prefix: DefaultPrefix}, signer: testSigner(1), clock: newClock()}
}

// logged sends lines to the test's log for as long as it runs.
func (n *network) logged(who string) func(string) {
	var over sync.Once
	ended := make(chan struct{})
	n.Cleanup(func() { over.Do(func() { close(ended) }) })
	return func(line string) {
		select {
		case <-ended:
		default:
			n.Logf("%s: %s", who, line)
		}
	}
}

func (n *network) publish(d *desk, more ...func(*PublisherConfig)) *Publisher {
	n.Helper()
	cfg := PublisherConfig{Cluster: n.cluster, Signer: n.signer, Source: d, Now: n.clock.now, Log: n.logged("publisher")}
	for _, set := range more {
		set(&cfg)
	}
	p, err := NewPublisher(cfg)
	if err != nil {
		n.Fatal(err)
	}
	n.Cleanup(func() { p.Close() })
	return p
}

// node is a follower with its table.
type node struct {
	*Follower
	set *redirect.Set

	mu       sync.Mutex
	refused  map[Refusal]int
	closeOne sync.Once
}

func (n *network) follow(name string, more ...func(*FollowerConfig)) *node {
	n.Helper()
	f := &node{set: redirect.NewSet(), refused: make(map[Refusal]int)}
	cfg := FollowerConfig{
		Cluster: n.cluster, Keys: n.signer.Keys(), Set: f.set, Node: name, Version: "test", Limit: 10,
		Snapshot: filepath.Join(n.TempDir(), "snapshot"), Now: n.clock.now, Log: n.logged(name),
		OnRefuse: func(r Refusal) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.refused[r]++
		},
	}
	for _, set := range more {
		set(&cfg)
	}
	var err error
	if f.Follower, err = NewFollower(cfg); err != nil {
		n.Fatal(err)
	}
	n.Cleanup(f.close)
	return f
}

func (f *node) close() { f.closeOne.Do(func() { f.Follower.Close() }) }

func (f *node) refusals(r Refusal) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.refused[r]
}

// at is a configuration with another snapshot.
func at(file string) func(*FollowerConfig) {
	return func(cfg *FollowerConfig) { cfg.Snapshot = file }
}

func (f *node) redirects(name string) bool {
	_, ok := f.set.Table().Lookup(name)
	return ok
}

// reaches waits until the follower answers by a generation.
func (f *node) reaches(tb testing.TB, generation uint64) {
	tb.Helper()
	await(tb, fmt.Sprintf("generation %d at %s", generation, f.cfg.Node), func() bool {
		return f.set.Table().Generation() == generation && f.Status().Head.Generation == generation
	})
}

// holds checks that the follower has exactly what the desk has.
func (f *node) holdsAll(tb testing.TB, d *desk) {
	tb.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if st := f.Status(); st.Head.Digest != d.digest || f.set.Table().Len() != len(d.flags) {
		tb.Errorf("%s: holds %d names of digest %s, the desk %d of %s", f.cfg.Node, f.set.Table().Len(), st.Head.Digest, len(d.flags), d.digest)
	}
	for name := range d.flags {
		if !f.redirects(name) {
			tb.Errorf("%s: does not redirect %s", f.cfg.Node, name)
		}
	}
}

// put writes to etcd behind the publisher's back.
func (n *network) put(key string, value []byte) {
	n.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := n.Client().Put(ctx, key, string(value)); err != nil {
		n.Fatal(err)
	}
}

func (n *network) delete(key string, opts ...clientv3.OpOption) {
	n.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := n.Client().Delete(ctx, key, opts...); err != nil {
		n.Fatal(err)
	}
}

func (n *network) get(key string) []byte {
	n.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := n.Client().Get(ctx, key)
	if err != nil {
		n.Fatal(err)
	}
	if len(r.Kvs) == 0 {
		return nil
	}
	return r.Kvs[0].Value
}

// version is how often a key was written.
func (n *network) version(key string) int64 {
	n.Helper()
	r, err := n.Client().Get(n.Context(), key)
	if err != nil || len(r.Kvs) != 1 {
		n.Fatalf("reading %s: %v", key, err)
	}
	return r.Kvs[0].Version
}

func (n *network) head() Head {
	n.Helper()
	h, err := n.signer.Keys().verifyHead(DefaultPrefix, n.get(keyspace{DefaultPrefix}.head()))
	if err != nil {
		n.Fatal(err)
	}
	return h
}

// setOf makes a set of the names.
func setOf(names ...string) *records {
	slices.Sort(names)
	var b builder
	for _, name := range slices.Compact(names) {
		if err := b.add(Record{Name: name, Authority: "apd-gba", Changed: uint64(binary.BigEndian.Uint16([]byte(name)))}); err != nil {
			panic(strings.TrimSpace(err.Error()))
		}
	}
	return b.records()
}
