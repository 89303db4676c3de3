package replica

import (
	"context"
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// TestAllEtcdDown: for an hour of test time there is no etcd. Answers go on, a flag ends at its date, nothing that
// was committed meanwhile is lost.
func TestAllEtcdDown(t *testing.T) {
	n, d := newNetwork(t, 1), newDesk()
	ends := n.clock.now().Add(30 * time.Minute)
	d.commit(change{Record: Record{Name: "ends.be", Authority: "apd-gba", NotAfter: ends.Unix()}})
	g := d.commit(flagged("stays.be", "goes.be")...)
	p := n.publish(d)
	one, two := n.follow("one"), n.follow("two")
	one.reaches(t, g)
	two.reaches(t, g)

	n.StopAll()
	g = d.commit(append(lifted("goes.be"), flagged("comes.be")...)...)
	p.Committed()
	for range 6 { // an hour
		n.clock.add(10 * time.Minute)
		for _, f := range []*node{one, two} {
			if err := f.Tick(t.Context()); err != nil {
				t.Fatal(err)
			}
			past := !n.clock.now().Before(ends)
			if f.redirects("ends.be") == past || !f.redirects("stays.be") || !f.redirects("goes.be") {
				t.Errorf("at %s: ends.be %v, stays.be %v, goes.be %v", n.clock.now(), f.redirects("ends.be"), f.redirects("stays.be"), f.redirects("goes.be"))
			}
		}
	}
	// one is started anew meanwhile: it does not redirect again what has ended
	one.close()
	one = n.follow("one", at(one.cfg.Snapshot))
	if one.redirects("ends.be") || !one.redirects("stays.be") {
		t.Error("a start from the snapshot: expected what has ended to stay away, and the rest to be there")
	}
	n.StartAll()
	for _, f := range []*node{one, two} {
		f.reaches(t, g)
		if f.redirects("ends.be") || f.redirects("goes.be") || !f.redirects("comes.be") || !f.redirects("stays.be") {
			t.Error("after etcd came back: not what was committed")
		}
	}
}

// TestMembers: the leader is killed and comes back, again and again, while the desk works on.
func TestMembers(t *testing.T) {
	n, d := newNetwork(t, 3), newDesk()
	p := n.publish(d)
	all := []*node{n.follow("one"), n.follow("two"), n.follow("three")}
	next := 0
	work := func() uint64 {
		var g uint64
		for range 20 {
			g = d.commit(append(flagged(numbered(next, next+3)...), lifted(numbered(max(next-4, 0), max(next-3, 0))...)...)...)
			next += 3
			p.Committed()
		}
		return g
	}
	for range 2 {
		leader := n.Leader()
		n.StopMember(leader)
		g := work()
		for _, f := range all {
			f.reaches(t, g)
			f.holdsAll(t, d)
		}
		n.StartMember(leader)
		follower := (n.Leader() + 1) % 3
		n.StopMember(follower)
		g = work()
		for _, f := range all {
			f.reaches(t, g)
			f.holdsAll(t, d)
		}
		n.StartMember(follower)
	}
}

// TestCompactionWhileAway: what a follower missed is forgotten by etcd; it applies the difference, deletes too.
func TestCompactionWhileAway(t *testing.T) {
	n, d := newNetwork(t, 1), newDesk()
	g := d.commit(flagged(numbered(0, 50)...)...)
	p := n.publish(d)
	f := n.follow("one")
	f.reaches(t, g)
	f.close()
	g = d.commit(append(lifted(numbered(0, 20)...), flagged(numbered(50, 60)...)...)...)
	p.Committed()
	await(t, "publication", func() bool { return p.Status().Published.Generation == g })
	n.Compact()
	f = n.follow("one", at(f.cfg.Snapshot))
	if !f.redirects(numbered(0, 1)[0]) {
		t.Error("does not begin with its snapshot")
	}
	f.reaches(t, g)
	f.holdsAll(t, d)
}

// TestCompactionUnderTheWatch: the revision that a watch would go on from is gone.
func TestCompactionUnderTheWatch(t *testing.T) {
	n, d := newNetwork(t, 1), newDesk()
	d.commit(flagged("example.be")...)
	p := n.publish(d)
	f := n.follow("one")
	f.reaches(t, 1)
	client, err := f.cfg.dial()
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	g := d.commit(flagged("glue.be")...)
	p.Committed()
	f.reaches(t, g)
	n.Compact()
	w, _, stop := watch(t.Context(), client, keyspace{DefaultPrefix}.set(), 1)
	defer stop()
	for resp := range w.events {
		if err := w.check(resp, true); err == nil || !strings.Contains(err.Error(), "compacted") {
			t.Errorf("got %v, want that it was compacted", err)
		}
	}
}

// TestOlderBackup: the desk is restored from an older backup. Nothing goes back in silence; an order does it.
func TestOlderBackup(t *testing.T) {
	for _, tt := range []struct {
		name    string
		commits int // after the restore
	}{{"behind etcd", 0}, {"at etcd's generation with another history", 5}, {"ahead of etcd with another history", 9}} {
		t.Run(tt.name, func(t *testing.T) {
			n, d := newNetwork(t, 1), newDesk()
			d.commit(flagged(numbered(0, 20)...)...)
			p := n.publish(d)
			f := n.follow("one")
			f.reaches(t, 1)
			backup := d.copy()
			for i := range 5 {
				d.commit(append(lifted(numbered(i, i+1)...), flagged(numbered(20+i, 21+i)...)...)...)
			}
			p.Committed()
			f.reaches(t, 6)
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}

			backup.salt = "restored"
			p = n.publish(backup)
			for i := range tt.commits {
				backup.commit(flagged("restored-" + numbered(i, i+1)[0])...)
				p.Committed()
			}
			await(t, "the divergence", func() bool { return p.Status().Diverged })
			if st := p.Status(); !strings.Contains(st.Error, ErrDiverged.Error()) {
				t.Errorf("error %q", st.Error)
			}
			f.holdsAll(t, d)
			if f.Status().Head.Generation != 6 {
				t.Error("a follower went along")
			}
			await(t, "the node's report", func() bool { nodes := p.Fleet().Nodes(); return len(nodes) == 1 && nodes[0].Generation == 6 })
			if r, ok := p.Fleet().Reached(1); ok {
				t.Errorf("nodes that follow another history are said to have this one's generation %d", r.Generation)
			}
			p.Override()
			await(t, "the order", func() bool { return f.Status().Head.Override > 0 })
			f.reaches(t, uint64(1+tt.commits))
			f.holdsAll(t, backup)
			await(t, "the end of the divergence", func() bool { return !p.Status().Diverged })
			g := backup.commit(flagged("later.be")...)
			p.Committed()
			f.reaches(t, g)
			await(t, "the node", func() bool { r, ok := p.Fleet().Reached(g); return ok && r.Generation == g })
		})
	}
}

// TestEtcdLost: etcd comes back with nothing. The publisher fills it, and a node that was ahead of it takes what was
// committed meanwhile, as the journal accounts for all that is gone.
func TestEtcdLost(t *testing.T) {
	n, d := newNetwork(t, 1), newDesk()
	d.commit(flagged(numbered(0, 20)...)...)
	g := d.commit(lifted(numbered(0, 10)...)...)
	p := n.publish(d)
	f := n.follow("one")
	f.reaches(t, g)
	f.close()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	g = d.commit(lifted(numbered(10, 20)...)...)

	other := newNetwork(t, 1)
	n.cluster = other.cluster
	p = n.publish(d)
	f = n.follow("one", at(f.cfg.Snapshot))
	if !f.redirects(numbered(10, 11)[0]) {
		t.Error("does not begin with its snapshot")
	}
	f.reaches(t, g)
	f.holdsAll(t, d)
	if f.Status().Head.Removed != 20 {
		t.Errorf("the head accounts for %d names that are gone, want 20", f.Status().Head.Removed)
	}
	await(t, "the publisher", func() bool { return p.Status().Published.Generation == g })
}

// TestSnapshotDamage: a byte flipped anywhere in a snapshot sets it aside, and the node lists anew.
func TestSnapshotDamage(t *testing.T) {
	n, d := newNetwork(t, 1), newDesk()
	g := d.commit(flagged("example.be", "glue.be")...)
	p := n.publish(d)
	f := n.follow("one")
	f.reaches(t, g)
	f.close()
	whole, err := os.ReadFile(f.cfg.Snapshot)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "snapshot")
	for i := range whole {
		damaged := slices.Clone(whole)
		damaged[i] ^= 0x10
		if err := os.WriteFile(file, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := readSnapshot(file, DefaultPrefix, n.signer.Keys()); err == nil {
			t.Fatalf("byte %d flipped: taken for whole", i)
		}
	}
	for name, content := range map[string][]byte{
		"a byte flipped": append(slices.Clone(whole[:len(whole)/2]), append([]byte{whole[len(whole)/2] ^ 1}, whole[len(whole)/2+1:]...)...),
		"cut short":      whole[:len(whole)-1],
		"longer":         append(slices.Clone(whole), 0),
		"empty":          {},
		"of another key": mustSnapshot(t, testSigner(66), setOf("forged.be")),
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "snapshot")
			if err := os.WriteFile(file, content, 0o600); err != nil {
				t.Fatal(err)
			}
			var said []string
			f := n.follow("again", at(file), func(cfg *FollowerConfig) {
				cfg.Log = func(line string) { said = append(said, line) } // before NewFollower returns, in one goroutine
			})
			f.reaches(t, g)
			f.holdsAll(t, d)
			f.close()
			if aside, err := os.ReadFile(file + ".damaged"); err != nil || !slices.Equal(aside, content) {
				t.Errorf("what was set aside: %v", err)
			}
			if len(said) == 0 || !strings.Contains(said[0], "set aside as "+file+".damaged") {
				t.Errorf("said %q", said)
			}
		})
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
}

func mustSnapshot(t *testing.T, s *Signer, set *records) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "snapshot")
	head := s.head(DefaultPrefix, Head{Sequence: 1, Generation: 1, Count: uint64(set.count), Digest: set.digest, Root: set.root(), Signed: time.Unix(1, 0)})
	if err := writeSnapshot(file, head, set); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestKeyRotation: followers trust the new key beside the old one first; then the publisher changes.
func TestKeyRotation(t *testing.T) {
	n, d := newNetwork(t, 1), newDesk()
	d.commit(flagged("example.be")...)
	p := n.publish(d)
	old, next := n.signer, testSigner(2)
	both := NewKeys(old.key.Public().(ed25519.PublicKey), next.key.Public().(ed25519.PublicKey))
	early := n.follow("early", func(cfg *FollowerConfig) { cfg.Keys = both })
	late := n.follow("late")
	early.reaches(t, 1)
	late.reaches(t, 1)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	n.signer = next
	p = n.publish(d)
	await(t, "the head by the new key", func() bool {
		_, err := next.Keys().verifyHead(DefaultPrefix, n.get(keyspace{DefaultPrefix}.head()))
		return err == nil
	})
	if err := next.Keys().verifyValue(DefaultPrefix, "example.be", n.get(keyspace{DefaultPrefix}.names()+"example.be")); err != nil {
		t.Errorf("the record was not signed again: %v", err)
	}
	g := d.commit(flagged("glue.be")...)
	p.Committed()
	early.reaches(t, g)
	await(t, "refusal by who was not told", func() bool { return late.refusals(RefusedSignature) > 0 })
	if !late.redirects("example.be") || late.redirects("glue.be") {
		t.Error("who was not told of the key: expected it to stay as it was")
	}
	only := n.follow("only") // trusts the new key alone
	only.reaches(t, g)
}

// TestSourceFails: what cannot be read is published once it can be.
func TestSourceFails(t *testing.T) {
	n, d := newNetwork(t, 1), newDesk()
	d.commit(flagged("example.be")...)
	d.failing = errors.New("the disk is gone")
	p := n.publish(d)
	await(t, "failure", func() bool { return strings.Contains(p.Status().Error, "the disk is gone") })
	f := n.follow("one")
	if f.redirects("example.be") || f.Status().Held {
		t.Error("something was published")
	}
	d.mu.Lock()
	d.failing = nil
	d.mu.Unlock()
	f.reaches(t, 1)
}

// TestForget: a node that is gone keeps the fleet from having a change until it is forgotten.
func TestForget(t *testing.T) {
	n, d := newNetwork(t, 1), newDesk()
	d.commit(flagged("example.be")...)
	p := n.publish(d)
	one, two := n.follow("one"), n.follow("two")
	one.reaches(t, 1)
	two.reaches(t, 1)
	await(t, "both", func() bool { return len(p.Fleet().Nodes()) == 2 })
	two.close()
	g := d.commit(flagged("glue.be")...)
	p.Committed()
	one.reaches(t, g)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, ok := p.Fleet().Await(ctx, g); ok {
		t.Error("reached without the node that is gone")
	}
	n.clock.add(lateAfter + time.Second)
	if late := p.Fleet().Nodes()[1]; !late.Late {
		t.Error("expected the node that is gone to be late")
	}
	if err := p.Fleet().Forget(t.Context(), "two"); err != nil {
		t.Fatal(err)
	}
	if r, ok := p.Fleet().Await(t.Context(), g); !ok || r.Nodes != 1 {
		t.Errorf("got %v %v, want it reached by one node", r, ok)
	}
	if err := p.Fleet().Forget(t.Context(), "two"); !errors.Is(err, ErrNoNode) {
		t.Errorf("forgetting it again: %v", err)
	}
}

// TestUnfitRecord: what the desk has and no follower could read is not published, and does no other harm.
func TestUnfitRecord(t *testing.T) {
	n, d := newNetwork(t, 1), newDesk()
	g := d.commit(flagged("example.be")...)
	p := n.publish(d)
	f := n.follow("one")
	f.reaches(t, g)
	for _, unfit := range []Record{
		{Name: "mail.be", Authority: "apd-gba", Mail: make([]byte, maxMail+1)},
		{Name: "authority.be", Authority: strings.Repeat("a", maxAuthority+1)},
		{Name: "end.be", Authority: "apd-gba", NotAfter: -1},
	} {
		d.commit(change{Record: unfit})
		p.Committed()
		await(t, "failure", func() bool { return strings.Contains(p.Status().Error, ErrRecord.Error()) })
		p.Close()
		p = n.publish(d) // reads everything
		await(t, "failure", func() bool { return strings.Contains(p.Status().Error, ErrRecord.Error()) })
		g = d.commit(lifted(unfit.Name)...)
		p.Committed()
		f.reaches(t, g)
		f.holdsAll(t, d)
	}
}

// TestSilence: a watch that says nothing, not even when it is asked, is given up; but not because nobody had listened.
func TestSilence(t *testing.T) {
	n := newNetwork(t, 1)
	w, ctx, stop := watch(t.Context(), n.Client(), keyspace{DefaultPrefix}.set(), 1)
	defer stop()
	w.heard = time.Now().Add(-silentFor - time.Second)
	if err := w.poke(ctx); !errors.Is(err, errSilent) {
		t.Errorf("after silence: got %v", err)
	}
	w.listen()
	if err := w.poke(ctx); err != nil {
		t.Errorf("after other work: got %v", err)
	}
}

// TestWentBack: etcd that is restored from a backup would tell a watch nothing until it has come as far as it was.
func TestWentBack(t *testing.T) {
	w := &watching{revision: 9}
	for _, step := range []struct {
		revision int64
		want     error
	}{{9, nil}, {10, nil}, {10, nil}, {9, errWentBack}} {
		resp := clientv3.WatchResponse{Header: &etcdserverpb.ResponseHeader{Revision: step.revision}}
		if err := w.check(resp, true); !errors.Is(err, step.want) {
			t.Errorf("revision %d: got %v, want %v", step.revision, err, step.want)
		}
	}
}
