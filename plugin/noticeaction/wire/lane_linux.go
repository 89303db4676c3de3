package wire

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// patience is how long a batch waits for one query in the chain: after it,
	// and at the latest after twice as long, another goroutine goes on with the
	// batch and the socket.
	patience = time.Millisecond
	// flushEvery is how many replies of the chain leave together: more would
	// let the first wait, and save little.
	flushEvery = 16
	// briefly is how many batches after a rest, and how many datagrams in each,
	// are moved by quick calls, which do not wait for data: practically all
	// below saturation. What else there is to run on the processor
	// is looked after by Go's scheduler, which has to hear of a reader that does
	// not rest; and a collection waits for a quick call to end.
	briefly = 16
	// grace is how long a socket is read after datagrams were steered away
	// from it, for those that were on their way.
	grace = 10 * time.Millisecond
)

// lane reads one socket. One goroutine at a time has its turn, which goes
// to another when the chain lets it wait; all fields but the atomic ones
// belong to who has the turn.
type lane struct {
	*socket

	group *group
	in    *inbox
	out   *outbox
	ended chan struct{}

	query   Query
	session session
	replies []reply // counted once they are sent
	since   time.Time

	serving *serving // of the batch
	places  *places  // of the last serving
	chained []int    // datagrams of the batch for the chain
	next    int      // of chained
	armed   bool
	streak  int  // batches since there was nothing to read
	quick   bool // calls are, see [briefly]
	dropped int  // datagrams of the batch

	// state is the number of the query in the chain, and in the lowest bits
	// what the turn is used for. Whoever changes it from inChain has the turn.
	state   atomic.Uint64
	seen    atomic.Uint64 // the state when the watch last looked
	watch   *time.Timer
	current *writer // of the query in the chain; written before state

	calls sync.WaitGroup // queries in the chain: each joins during the turn

	closing chan struct{} // closed once the lane is to end
	closeBy time.Time     // the latest; written before

	readNow, sendNow func(fd uintptr) bool
}

const (
	reading = iota
	working
	inChain
	stateBits = 2
	stateMask = 1<<stateBits - 1
)

func newLane(g *group, s *socket) *lane {
	l := &lane{
		socket: s, group: g, in: newInbox(), out: newOutbox(), ended: make(chan struct{}),
		replies: make([]reply, 0, batchSize), chained: make([]int, 0, batchSize),
		places: newPlaces(g.serving), closing: make(chan struct{}),
	}
	l.readNow = func(fd uintptr) bool {
		for {
			switch l.in.receive(fd, l.quick) {
			case unix.EAGAIN:
				l.streak = 0
				return false
			case unix.EINTR:
			default: // an error is another datagram's, and not ours to handle
				return true
			}
		}
	}
	l.sendNow = func(fd uintptr) bool { return l.out.send(fd, l.quick) }
	l.watch = time.AfterFunc(time.Hour, l.look)
	l.watch.Stop()
	return l
}

// run reads and answers until the socket closes, or another goroutine has
// taken the turn.
func (l *lane) run() {
	for l.read() {
		l.begin()
		if !l.finish() {
			return
		}
	}
	close(l.ended)
}

// read waits for datagrams. It reports false when there will be none.
func (l *lane) read() bool {
	for {
		l.in.n = 0
		err := l.raw.Read(l.readNow)
		switch {
		case err == nil:
			if l.in.n > 0 {
				return true
			}
		case errors.Is(err, os.ErrDeadlineExceeded) && l.isClosing():
			return l.drain()
		default: // closed
			return false
		}
	}
}

func (l *lane) isClosing() bool {
	select {
	case <-l.closing:
		return true
	default:
		return false
	}
}

// drain takes what is left in the queue of a socket that gets nothing more, or
// does so against our will: another process at the address steers too.
func (l *lane) drain() bool {
	if time.Now().After(l.closeBy) {
		return false
	}
	var errno syscall.Errno
	err := l.raw.Control(func(fd uintptr) { errno = l.in.receive(fd, false) })
	return err == nil && errno == 0 && l.in.n > 0
}

// begin answers what it can inside the packets of a batch, and leaves the
// rest in chained.
func (l *lane) begin() {
	l.serving = l.group.enter()
	if l.places.of != l.serving {
		l.places = newPlaces(l.serving)
	}
	l.state.Store(l.state.Load()&^stateMask | working)
	l.since = time.Now()
	l.chained, l.next, l.dropped = l.chained[:0], 0, 0
	for i := range l.in.n {
		if len(l.serving.answerers) == 0 || !l.inPacket(i) {
			l.chained = append(l.chained, i)
		}
	}
	if l.quick && len(l.chained) > 0 {
		// The chain may compute for long. What takes the processor from it then
		// sleeps after a rest, until the scheduler hears of a call, and what came
		// by a quick one it has not heard of.
		_, _, _ = unix.Syscall(unix.SYS_GETPID, 0, 0, 0)
	}
	l.streak++
	l.quick = len(l.chained) == 0 && l.in.n <= briefly && l.streak <= briefly
	l.flush()
}

// inPacket answers a datagram inside the packet, if that can be.
func (l *lane) inPacket(i int) bool {
	q := &l.query
	if !q.Parse(l.in.packet(i)) {
		return false
	}
	data, meter := l.serving.answer(q, l.out.room()[:0])
	if data == nil {
		return false
	}
	l.in.session(i, &l.session)
	l.out.add(data, &l.session)
	if meter != nil {
		r := reply{meter: meter, qtype: q.Type, do: q.DO, request: q.Length, response: len(data)}
		if !l.session.ipv4() {
			r.family = 1
		}
		l.replies = append(l.replies, r)
	}
	return true
}

// finish brings the rest of the batch through the chain. It reports false if
// another goroutine has taken the turn meanwhile, and the batch with it.
func (l *lane) finish() bool {
	for l.next < len(l.chained) {
		i := l.chained[l.next]
		l.next++
		if !l.chain(i) {
			return false
		}
		if l.out.n >= flushEvery {
			l.flush()
		}
	}
	l.flush()
	if l.armed {
		l.watch.Stop()
		l.armed = false
	}
	l.state.Store(l.state.Load() &^ stateMask) // reading
	l.group.count(l.in.n-len(l.chained), len(l.chained)-l.dropped, l.dropped)
	l.serving.calls.Done()
	l.serving = nil
	return true
}

// chain has the plugin chain answer a datagram. It reports false if the turn
// is lost.
func (l *lane) chain(i int) bool {
	packet := l.in.packet(i)
	req, refusal := l.serving.request(packet)
	if req == nil && refusal == nil {
		return true
	}
	w := &writer{lane: l, serving: l.serving, batched: true, room: l.out.room()}
	l.in.session(i, &w.session)
	if refusal != nil {
		_ = w.WriteMsg(refusal)
		l.settle(w)
		return true
	}
	w.remote = *net.UDPAddrFromAddrPort(w.session.remote())
	l.serving.verify(packet, req, w)
	if l.places.wary() || l.places.full() {
		w.leave()
		l.handOver(w, req)
		return true
	}
	serving, places := l.serving, l.places
	l.join(serving)
	defer l.part(serving)
	l.current = w
	if !l.armed {
		l.armed = true
		l.watch.Reset(patience)
	}
	call := l.state.Load()&^stateMask + 1<<stateBits | inChain
	l.state.Store(call) // from here on the turn may be lost
	serving.server.ServeDNS(serving.ctx, w, req)
	if !l.state.CompareAndSwap(call, call&^stateMask|working) {
		<-places.taken // by look
		return false
	}
	l.settle(w)
	return true
}

// settle takes a query's reply into the batch.
func (l *lane) settle(w *writer) {
	if data := w.leave(); data != nil {
		l.out.add(data, &w.session)
	}
}

// flush sends the replies of the batch, and counts those made inside the packet.
func (l *lane) flush() {
	if l.out.n == 0 {
		return
	}
	_ = l.raw.Write(l.sendNow) // it fails only when the socket is closed, or is to end and does not send
	l.out.clear()
	if len(l.replies) == 0 {
		return
	}
	took := time.Since(l.since)
	for i := range l.replies {
		l.replies[i].count(took)
	}
	l.replies = l.replies[:0]
}

// close ends the lane once what has arrived is answered, at the latest at a
// time. Datagrams have been steered away from it, or the group is down to it.
func (l *lane) close(by time.Time) {
	l.closeBy = by
	close(l.closing)
	_ = l.conn.SetReadDeadline(time.Now().Add(grace))
	_ = l.conn.SetWriteDeadline(by)
	<-l.ended
	_ = l.conn.SetWriteDeadline(time.Time{}) // for what is still in the chain
	l.watch.Stop()
}
