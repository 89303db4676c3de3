//go:build linux

package wire

import (
	"testing"
	"time"
)

// TestASocketThatDoesNotSendEnds, its reader in the middle of a batch.
func TestASocketThatDoesNotSendEnds(t *testing.T) {
	s := startSite(t, freeAddress(t, "127.0.0.1"), echo)
	claim := claimFor(t, "one", s, func(c *Config) { c.Answerer = inPacketOnly("packet") })
	defer claim.Release()
	one, err := listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer one.conn.Close()
	l := newLane(claim.group, one)
	full := make(chan struct{}, 1)
	l.sendNow = func(uintptr) bool { // as long as there is no room
		select {
		case full <- struct{}{}:
		default:
		}
		return false
	}
	go l.run()
	dial(t, "dns://"+one.conn.LocalAddr().String()).send(packed(t, 1, "packet."))
	<-full
	ended := make(chan struct{})
	go func() {
		l.close(time.Now())
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Fatal("the reader waits for room for ever")
	}
}

// TestAReloadForgetsTheChainThatHung: what it holds is no matter of the next.
func TestAReloadForgetsTheChainThatHung(t *testing.T) {
	g := newGate(t)
	s := startSite(t, freeAddress(t, "127.0.0.1"), g.serve)
	old := claimFor(t, "old", s)
	defer g.release()
	p := old.group.lanes[0].places
	p.waryUntil.Store(1 << 62)
	c := dial(t, s.server.Addr)
	c.send(packed(t, 1, "slow."))
	<-g.entered
	p.take(maxWaiting - 1)
	next, err := Acquire("next", Config{Address: s.server.Addr, Sockets: 1, Log: func(line string) { t.Error(line) }})
	if err != nil {
		t.Fatal(err)
	}
	defer next.Release()
	Serve("next", newServer(t, s.server.Addr, echo))
	for i := range uint16(20) {
		c.send(packed(t, 100+i, "quick."))
		if m := c.receive(); m.Id != 100+i {
			t.Fatalf("%v, want reply %d", m, 100+i)
		}
	}
	g.release()
	c.receive()
	old.Release()
	if free := maxWaiting - len(p.taken); free != 1 {
		t.Errorf("%d places free of the chain that hung, want the one given back", free)
	}
}

// take takes n places.
func (p *places) take(n int) {
	for range n {
		p.taken <- struct{}{}
	}
}

// TestEachQueryThatWaitsHasAPlace: that which is found to wait, too, and without
// one free a query is not tried.
func TestEachQueryThatWaitsHasAPlace(t *testing.T) {
	g := newGate(t)
	s := startSite(t, freeAddress(t, "127.0.0.1"), g.serve)
	claim := claimFor(t, "one", s, func(c *Config) { c.Answerer = inPacketOnly("packet") })
	p := claim.group.lanes[0].places
	p.take(maxWaiting - 1)
	c := dial(t, s.server.Addr)
	answered := func(id uint16) {
		c.send(packed(t, id, "packet."))
		if m := c.receive(); m.Id != id {
			t.Fatalf("%v, want reply %d", m, id)
		}
	}
	c.send(packed(t, 1, "slow."))
	<-g.entered
	answered(2) // by who has the turn after it
	if !p.full() {
		t.Fatalf("%d places taken, want all", len(p.taken))
	}
	for i := range uint16(20) {
		p.waryUntil.Store(0)
		c.send(packed(t, 10, "slow."))
		answered(100 + i)
	}
	if n := len(g.entered); n != 0 {
		t.Errorf("%d queries are in the chain without a place", n)
	}
	g.release()
	c.receive()
	claim.Release()
	if free := maxWaiting - len(p.taken); free != 1 {
		t.Errorf("%d places free in the end, want the one given back", free)
	}
}

// TestPlacesAreAwaitedOnceInAWhile: a wait in vain is not repeated for each batch, and
// a place that is free is taken at once.
func TestPlacesAreAwaitedOnceInAWhile(t *testing.T) {
	s := startSite(t, freeAddress(t, "127.0.0.1"), echo)
	claim := claimFor(t, "one", s)
	l := claim.group.lanes[0]
	claim.Release() // from here on the turn is the test's
	l.closing = make(chan struct{})
	p := newPlaces(l.places.of)
	l.places = p
	p.take(maxWaiting)
	if begin := time.Now(); l.takePlace() || time.Since(begin) < patience || !p.fullUntil.After(begin.Add(wariness)) {
		t.Errorf("a place taken that is not free, or not waited for, or again before %v", p.fullUntil)
	}
	p.fullUntil = time.Now().Add(time.Hour)
	until := p.fullUntil
	if l.takePlace() || p.fullUntil != until {
		t.Error("waited once more")
	}
	<-p.taken
	if !l.takePlace() {
		t.Error("a free place is not taken")
	}
}
