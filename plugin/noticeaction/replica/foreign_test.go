package replica

import (
	"slices"
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// TestForeignHands: whoever can write to etcd can make no change, and the publisher puts it right.
func TestForeignHands(t *testing.T) {
	k := keyspace{DefaultPrefix}
	mallory := testSigner(66)
	flip := func(b []byte, i int) []byte {
		b = slices.Clone(b)
		b[i] ^= 1
		return b
	}
	forged := Record{Name: "forged.be", Authority: "mallory"}
	tests := []struct {
		name   string
		hands  func(n *network)
		reason Refusal
	}{
		{"a byte flipped in a record's body", func(n *network) { n.put(k.names()+"example.be", flip(n.get(k.names()+"example.be"), 3)) }, RefusedSignature},
		{"a byte flipped in a record's signature", func(n *network) { n.put(k.names()+"example.be", flip(n.get(k.names()+"example.be"), 40)) }, RefusedSignature},
		{"no record at all", func(n *network) { n.put(k.names()+"example.be", nil) }, RefusedSignature},
		{"a record signed by another", func(n *network) { n.put(k.names()+forged.Name, mallory.value(DefaultPrefix, forged)) }, RefusedSignature},
		{"a record of another prefix", func(n *network) { n.put(k.names()+forged.Name, n.signer.value("/other/", forged)) }, RefusedSignature},
		{"a record under another name", func(n *network) { n.put(k.names()+"forged.be", n.get(k.names()+"example.be")) }, RefusedSignature},
		{"a byte flipped in the head", func(n *network) { n.put(k.head(), flip(n.get(k.head()), 5)) }, RefusedSignature},
		{"a head signed by another", func(n *network) {
			h := n.head()
			h.Sequence++
			h.Override = h.Sequence
			n.put(k.head(), mallory.head(DefaultPrefix, h))
		}, RefusedSignature},
		{"the head deleted", func(n *network) { n.delete(k.head()) }, RefusedEmpty},
		{"everything deleted", func(n *network) { n.delete(k.set(), clientv3.WithPrefix()) }, RefusedEmpty},
	}
	n, d := newNetwork(t, 1), newDesk()
	g := d.commit(flagged("example.be", "glue.be", "third.be")...)
	p := n.publish(d)
	f := n.follow("one")
	f.reaches(t, g)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := f.refusals(tt.reason)
			head := n.head()
			tt.hands(n)
			await(t, "refusal", func() bool { return f.refusals(tt.reason) > before })
			f.holdsAll(t, d)
			await(t, "the publisher's remedy", func() bool {
				st := f.Status()
				return st.Refusal == "" && st.Head.Sequence > head.Sequence
			})
			// what comes next is believed again
			g := d.commit(flagged("new.be")...)
			d.commit(lifted("new.be")...)
			p.Committed()
			f.reaches(t, g+1)
			f.holdsAll(t, d)
		})
	}
}

// TestReplay: an old set, truly signed, is refused, and so is one of its records.
func TestReplay(t *testing.T) {
	n, d := newNetwork(t, 1), newDesk()
	k := keyspace{DefaultPrefix}
	d.commit(flagged("example.be")...)
	p := n.publish(d)
	f := n.follow("one")
	f.reaches(t, 1)
	oldHead, oldRecord := n.get(k.head()), n.get(k.names()+"example.be")
	g := d.commit(lifted("example.be")...)
	p.Committed()
	f.reaches(t, g)
	if err := p.Close(); err != nil { // the publisher would put it right
		t.Fatal(err)
	}
	n.put(k.names()+"example.be", oldRecord)
	n.put(k.head(), oldHead)
	await(t, "refusal", func() bool { return f.refusals(RefusedReplay) > 0 })
	if f.redirects("example.be") {
		t.Error("redirects by a set that was replayed")
	}
	fresh := n.follow("fresh", at(f.cfg.Snapshot+".none")) // it knows no better
	fresh.reaches(t, 1)
}

// TestObjections: what is truly signed is not believed either if it makes no sense.
func TestObjections(t *testing.T) {
	was := Head{Sequence: 10, Generation: 100, Removed: 5, Count: 100}
	held := setOf(numbered(0, 100)...)
	tests := []struct {
		name string
		head Head
		set  *records
		want Refusal
	}{
		{"more names", Head{Sequence: 11, Generation: 101, Removed: 5}, setOf(numbered(0, 200)...), ""},
		{"one gone, accounted for", Head{Sequence: 11, Generation: 101, Removed: 6}, setOf(numbered(1, 100)...), ""},
		{"all gone, accounted for", Head{Sequence: 11, Generation: 101, Removed: 105}, setOf(), ""},
		{"a tenth gone unaccounted for", Head{Sequence: 11, Generation: 101, Removed: 5}, setOf(numbered(10, 100)...), ""},
		{"more than a tenth", Head{Sequence: 11, Generation: 101, Removed: 5}, setOf(numbered(11, 100)...), RefusedShrunk},
		{"as many others came", Head{Sequence: 11, Generation: 101, Removed: 5}, setOf(numbered(50, 150)...), RefusedShrunk},
		{"all gone", Head{Sequence: 11, Generation: 101, Removed: 5}, setOf(), RefusedEmpty},
		{"an account that went back", Head{Sequence: 11, Generation: 101, Removed: 0}, setOf(numbered(50, 100)...), RefusedShrunk},
		{"an older generation", Head{Sequence: 11, Generation: 99, Removed: 5}, held, RefusedOlder},
		{"older, by order", Head{Sequence: 11, Generation: 9, Override: 11}, setOf(), ""},
		{"older, by an order since", Head{Sequence: 20, Generation: 9, Override: 12}, setOf(), ""},
		{"older, by an order before", Head{Sequence: 20, Generation: 9, Override: 10}, setOf(), RefusedOlder},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &Follower{cfg: FollowerConfig{Limit: 10}, held: held, status: Status{Held: true, Head: was}}
			if got, detail := f.objection(tt.head, tt.set); got != tt.want {
				t.Errorf("got %q (%s), want %q", got, detail, tt.want)
			}
		})
	}
}

// TestForgedHead: what a head claims that the publisher's key has not signed is not taken over into one that it signs.
func TestForgedHead(t *testing.T) {
	k, mallory := keyspace{DefaultPrefix}, testSigner(66)
	for name, forge := range map[string]func(Head) []byte{
		"signed by another": func(h Head) []byte { return mallory.head(DefaultPrefix, h) },
		"under the publisher's name": func(h Head) []byte {
			value := mallory.head(DefaultPrefix, h)
			copy(value[len(value)-sealSize:], testSigner(1).id[:])
			return value
		},
	} {
		t.Run(name, func(t *testing.T) {
			n, d := newNetwork(t, 1), newDesk()
			d.commit(flagged("example.be", "glue.be")...)
			d.commit(lifted("glue.be")...)
			p := n.publish(d)
			f := n.follow("one")
			f.reaches(t, 2)
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			h := n.head()
			h.Sequence += 1e12
			h.Removed, h.Override = 1e6, h.Sequence
			n.put(k.head(), forge(h))
			n.publish(d)
			await(t, "the publisher's own head", func() bool {
				_, err := n.signer.Keys().verifyHead(DefaultPrefix, n.get(k.head()))
				return err == nil && f.Status().Refusal == ""
			})
			if h := n.head(); h.Removed != 1 || h.Override != 0 || h.Generation != 2 {
				t.Errorf("the publisher signed %+v", h)
			}
			f.holdsAll(t, d)
		})
	}
}

// TestHugeValues: somebody fills etcd with what is larger than a node should ever read at once. It is read in parts, and
// the publisher takes it away.
func TestHugeValues(t *testing.T) {
	n, d := newNetwork(t, 1), newDesk()
	d.commit(flagged("example.be")...)
	p := n.publish(d)
	f := n.follow("one")
	f.reaches(t, 1)
	f.close()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	garbage := make([]byte, 1400<<10)
	for i := range maxMessage/len(garbage) + 1 {
		n.put(keyspace{DefaultPrefix}.names()+numbered(i, i+1)[0], garbage)
	}
	f = n.follow("one", at(f.cfg.Snapshot))
	await(t, "reading it all the same", func() bool { return f.refusals(RefusedSignature) > 0 || f.Status().Connected })
	f.holdsAll(t, d)
	n.publish(d)
	g := d.commit(flagged("glue.be")...)
	f.reaches(t, g)
	f.holdsAll(t, d)
}

// TestTwoPublishers: the second, with a database of its own, publishes nothing over the first.
func TestTwoPublishers(t *testing.T) {
	n, d := newNetwork(t, 1), newDesk()
	d.commit(flagged("example.be")...)
	n.publish(d)
	f := n.follow("one")
	f.reaches(t, 1)
	other := newDesk()
	other.salt = "other"
	other.commit(flagged("other.be")...)
	second := n.publish(other)
	await(t, "divergence", func() bool { return second.Status().Diverged })
	f.holdsAll(t, d)
}

// TestCopyOfADesk: a second publisher has a copy of the database, and the key. Neither answers what the other writes, and
// once they differ only one goes on.
func TestCopyOfADesk(t *testing.T) {
	n, d := newNetwork(t, 1), newDesk()
	d.commit(flagged("example.be")...)
	says := make(chan string, 100)
	told := func(cfg *PublisherConfig) {
		cfg.Log = func(line string) {
			if strings.Contains(line, errRival.Error()) {
				says <- line
			}
		}
	}
	one := n.publish(d, told)
	f := n.follow("one")
	f.reaches(t, 1)
	two := n.publish(d, told)
	settled := func(p *Publisher, g uint64) {
		t.Helper()
		await(t, "publisher", func() bool { st := p.Status(); return st.Connected && st.Error == "" && st.Published.Generation == g })
	}
	settled(two, 1)
	version := n.version(keyspace{DefaultPrefix}.head())
	g := d.commit(flagged("glue.be")...)
	one.Committed()
	<-says
	settled(two, g)
	settled(one, g)
	if got := n.version(keyspace{DefaultPrefix}.head()); got != version+1 {
		t.Errorf("the head was written %d times for one change", got-version)
	}
	f.reaches(t, g)

	ahead := d.copy()
	ahead.commit(flagged("third.be")...)
	if err := two.Close(); err != nil {
		t.Fatal(err)
	}
	n.publish(ahead)
	await(t, "divergence", func() bool { one.Committed(); return one.Status().Diverged })
	f.reaches(t, g+1)
	f.holdsAll(t, ahead)
}
