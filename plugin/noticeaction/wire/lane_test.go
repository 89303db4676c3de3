//go:build linux

package wire

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/miekg/dns"
	dto "github.com/prometheus/client_model/go"
	"golang.org/x/sys/unix"
)

// TestAWaitingQueryHoldsNobody: whatever the chain lets wait, queries around
// it in the same packets and after it are answered.
func TestAWaitingQueryHoldsNobody(t *testing.T) {
	g := newGate(t)
	s := startSite(t, freeAddress(t, "127.0.0.1"), g.serve)
	claim := claimFor(t, "one", s)
	defer claim.Release()
	defer g.release()

	c := dial(t, s.server.Addr)
	const quick = 40
	c.send(packed(t, 1000, "slow."))
	for i := range quick {
		c.send(packed(t, uint16(i), "quick."))
		if i == quick/2 {
			c.send(packed(t, 1001, "slow."))
		}
	}
	seen := make(map[uint16]bool)
	for range quick {
		m := c.receive()
		if m.Id >= 1000 || seen[m.Id] {
			t.Fatalf("reply %d while it should wait, or once more", m.Id)
		}
		seen[m.Id] = true
	}
	g.release()
	for range 2 {
		if m := c.receive(); m.Id < 1000 || len(m.Answer) != 1 {
			t.Errorf("after the wait: %v", m)
		}
	}
}

// inPacketOnly answers one name inside the packet.
type inPacketOnly string

func (name inPacketOnly) Answer(q *Query, to []byte) ([]byte, *Meter) {
	if string(q.Text(0)) != string(name) {
		return nil, nil
	}
	return refuser{}.Answer(q, to)
}

// TestHandOverIsBounded: beyond the bound queries for the chain are dropped and
// counted, while others in the same packets are answered; the chain goes on once
// there is room.
func TestHandOverIsBounded(t *testing.T) {
	s := startSite(t, freeAddress(t, "127.0.0.1"), echo)
	claim := claimFor(t, "one", s, func(c *Config) { c.Answerer = inPacketOnly("packet") })
	defer claim.Release()
	l := claim.group.lanes[0]
	for range maxWaiting {
		l.places.taken <- struct{}{}
	}
	l.places.waryUntil.Store(1 << 62)

	c := dial(t, s.server.Addr)
	const queries = 20
	for i := range uint16(queries) {
		c.send(packed(t, 1000+i, "chain."), packed(t, i, "packet."))
	}
	for i := range uint16(queries + 1) {
		if i == queries { // read once the rest of the batch before it is dropped
			c.send(packed(t, i, "packet."))
		}
		if m := c.receive(); m.Id != i || m.Rcode != dns.RcodeRefused {
			t.Fatalf("%v, want reply %d", m, i)
		}
	}
	for range maxWaiting {
		<-l.places.taken
	}
	c.send(packed(t, 1, "chain."))
	if m := c.receive(); m.Id != 1 || len(m.Answer) != 1 {
		t.Fatalf("%v, want an answer once there is room", m)
	}
	var dropped dto.Metric
	if err := claim.group.dropped.Write(&dropped); err != nil || dropped.GetCounter().GetValue() != queries {
		t.Errorf("datagrams counted as dropped: %v, %v, want %d", &dropped, err, queries)
	}
}

// TestASocketThatEndsDropsNothing: what it still has is answered, even with all
// places taken by queries that do not end.
func TestASocketThatEndsDropsNothing(t *testing.T) {
	g := newGate(t)
	s := startSite(t, freeAddress(t, "127.0.0.1"), g.serve)
	claim := claimFor(t, "one", s)
	l := claim.group.lanes[0]
	for range maxWaiting {
		l.places.taken <- struct{}{}
	}
	serving := claim.group.serving
	claim.Release() // from here on the turn is the test's
	l.serving = serving
	l.handOver(&writer{lane: l, serving: serving}, new(dns.Msg).SetQuestion("slow.", dns.TypeTXT))
	<-g.entered
	g.release()
	l.calls.Wait()
	if l.dropped != 0 {
		t.Errorf("%d dropped", l.dropped)
	}
}

// TestCallsAreQuickForAWhile: Go's scheduler hears of a reader that does not
// rest, of long calls, and of those around the chain.
func TestCallsAreQuickForAWhile(t *testing.T) {
	s := startSite(t, freeAddress(t, "127.0.0.1"), echo)
	claim := claimFor(t, "one", s, func(c *Config) { c.Answerer = inPacketOnly("packet") })
	l := claim.group.lanes[0]
	claim.Release() // from here on the turn is the test's
	for _, tc := range []struct {
		name          string
		streak, batch int
		last          string // name in the last datagram
		want          bool
	}{
		{"after a rest", 0, 1, "packet.", true},
		{"the last of some batches", briefly - 1, briefly, "packet.", true},
		{"one batch more", briefly, 1, "packet.", false},
		{"one datagram more", 0, briefly + 1, "packet.", false},
		{"one for the chain", 0, 2, "chain.", false},
	} {
		l.streak, l.in.n = tc.streak, tc.batch
		for i := range tc.batch {
			name := "packet."
			if i == tc.batch-1 {
				name = tc.last
			}
			l.in.headers[i].length = uint32(copy(l.in.buffer[i][:], packed(t, 1, name)))
		}
		l.begin()
		l.serving.calls.Done()
		if l.quick != tc.want {
			t.Errorf("%s: quick is %t, want %t", tc.name, l.quick, tc.want)
		}
	}
}

// heard answers inside the packet like [inPacketOnly], and tells.
type heard struct {
	inPacketOnly

	count *atomic.Int64
}

func (h heard) Answer(q *Query, to []byte) ([]byte, *Meter) {
	reply, m := h.inPacketOnly.Answer(q, to)
	if reply != nil {
		h.count.Add(1)
	}
	return reply, m
}

// cpuTime is what the process has taken so far.
func cpuTime() time.Duration {
	var used unix.Rusage
	_, _, _ = unix.RawSyscall(unix.SYS_GETRUSAGE, unix.RUSAGE_SELF, uintptr(unsafe.Pointer(&used)), 0)
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// rest waits without a timer of Go's, which Go's watch over the processors
// would wake for.
func rest(t *testing.T, d time.Duration) {
	t.Helper()
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "timer")
	t.Cleanup(func() { f.Close() }) // later: the watch hears of the call
	raw, err := f.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.TimerfdSettime(fd, 0, &unix.ItimerSpec{Value: unix.NsecToTimespec(d.Nanoseconds())}, nil); err != nil {
		t.Fatal(err)
	}
	var expired [8]byte
	if err := raw.Read(func(fd uintptr) bool {
		_, _, errno := unix.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(&expired)), unsafe.Sizeof(expired))
		return errno == 0
	}); err != nil {
		t.Fatal(err)
	}
}

// TestAQueryThatComputesHoldsNobody, even on the only processor and when it came
// after a rest: Go's watch over the processors sleeps then.
func TestAQueryThatComputesHoldsNobody(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	address := freeAddress(t, "127.0.0.1")
	c := dial(t, address)
	var answered atomic.Int64
	// Package net would wake the watch.
	send := func(packet []byte) {
		raw, err := c.SyscallConn()
		if err != nil {
			t.Error(err)
			return
		}
		_ = raw.Control(func(fd uintptr) {
			_, _, _ = unix.RawSyscall6(unix.SYS_SENDTO, fd, uintptr(unsafe.Pointer(&packet[0])), uintptr(len(packet)), unix.MSG_DONTWAIT, 0, 0)
		})
	}
	packet, spin := packed(t, 1, "packet."), packed(t, 2, "spin.")
	s := startSite(t, address, func(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
		before := answered.Load()
		send(packet)
		for begin := cpuTime(); answered.Load() == before; {
			if cpuTime()-begin > time.Second {
				return dns.RcodeServerFailure, nil
			}
		}
		return echo(ctx, w, r)
	})
	claim := claimFor(t, "one", s, func(c *Config) { c.Answerer = heard{"packet", &answered} })
	defer claim.Release()
	c.send(packet)
	c.receive()
	replies := make(chan *dns.Msg)
	go func() {
		for range 2 {
			replies <- c.receive()
		}
	}()
	rest(t, 100*time.Millisecond)
	send(spin)
	for range 2 {
		if m := <-replies; m.Id == 2 && m.Rcode != dns.RcodeSuccess {
			t.Error("a query in the chain kept the processor from another that came later")
		}
	}
}

// TestRepliesLeaveFromTheAddressAsked on sockets that are bound to none.
func TestRepliesLeaveFromTheAddressAsked(t *testing.T) {
	for _, tc := range []struct {
		name, bind string
		asked      []string
	}{
		{"IPv4", "0.0.0.0", []string{"127.0.0.1", "127.0.0.77"}},
		{"both", "::", []string{"127.0.0.1", "127.0.0.77", "::1"}},
		{"IPv6", "::1", []string{"::1"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := startSite(t, freeAddress(t, tc.bind), echo)
			for _, answerer := range []Answerer{nil, refuser{}} {
				claim := claimFor(t, "one", s, func(c *Config) { c.Answerer = answerer })
				_, port, _ := net.SplitHostPort(host(s.server.Addr))
				for _, asked := range tc.asked {
					c := dial(t, "dns://"+net.JoinHostPort(asked, port)) // takes replies from there alone
					c.send(packed(t, 7, "echo."))
					if m := c.receive(); m.Id != 7 {
						t.Errorf("%s: %v", asked, m)
					}
				}
				claim.Release()
			}
		})
	}
}

// refuser answers everything inside the packet with REFUSED.
type refuser struct{}

func (refuser) Answer(q *Query, to []byte) ([]byte, *Meter) {
	to = append(to, byte(q.ID>>8), byte(q.ID), 0x80, dns.RcodeRefused, 0, 1, 0, 0, 0, 0, 0, 0)
	return append(to, q.Question()...), nil
}

// TestChainSeesTheClient: what plugins ask of a writer.
func TestChainSeesTheClient(t *testing.T) {
	s := startSite(t, freeAddress(t, "127.0.0.1"), func(_ context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
		replyText(w, r, fmt.Sprint(w.RemoteAddr(), " ", w.LocalAddr(), " ", w.TsigStatus()))
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if w.Close() == nil || w.WriteMsg(r) == nil {
			t.Error("a closed writer writes")
		}
		return dns.RcodeSuccess, nil
	})
	claim := claimFor(t, "one", s)
	defer claim.Release()
	c := dial(t, s.server.Addr)
	c.send(packed(t, 1, "who."))
	want := fmt.Sprint(c.LocalAddr(), " ", host(s.server.Addr), " <nil>")
	if got := c.receive().Answer[0].(*dns.TXT).Txt[0]; got != want {
		t.Errorf("the chain saw %q, want %q", got, want)
	}
}

// TestLateAndSeveralReplies: a plugin may write more than once, and after its
// turn.
func TestLateAndSeveralReplies(t *testing.T) {
	late := make(chan func())
	s := startSite(t, freeAddress(t, "127.0.0.1"), func(_ context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
		replyText(w, r, "first")
		replyText(w, r, "second")
		go func() { late <- func() { replyText(w, r, "late") } }()
		return dns.RcodeSuccess, nil
	})
	claim := claimFor(t, "one", s)
	defer claim.Release()
	c := dial(t, s.server.Addr)
	c.send(packed(t, 1, "many."))
	got := map[string]bool{}
	for range 2 {
		got[c.receive().Answer[0].(*dns.TXT).Txt[0]] = true
	}
	(<-late)()
	got[c.receive().Answer[0].(*dns.TXT).Txt[0]] = true
	if len(got) != 3 {
		t.Errorf("replies %v, want three", got)
	}
}

// TestAPanicIsCoreDNSs: it answers SERVFAIL and lives.
func TestAPanicIsCoreDNSs(t *testing.T) {
	s := startSite(t, freeAddress(t, "127.0.0.1"), func(context.Context, dns.ResponseWriter, *dns.Msg) (int, error) { panic("chain") })
	claim := claimFor(t, "one", s)
	defer claim.Release()
	c := dial(t, s.server.Addr)
	c.send(packed(t, 1, "x."))
	if m := c.receive(); m.Rcode != dns.RcodeServerFailure {
		t.Errorf("%v", m)
	}
}

// panicker breaks.
type panicker struct{}

func (panicker) Answer(*Query, []byte) ([]byte, *Meter) { panic("in the packet") }

func TestAPanicInThePacketLeavesItToTheChain(t *testing.T) {
	s := startSite(t, freeAddress(t, "127.0.0.1"), echo)
	lines := make(chan string, 1)
	claim := claimFor(t, "one", s, func(c *Config) {
		c.Answerer, c.Log = panicker{}, func(line string) { lines <- line }
	})
	defer claim.Release()
	c := dial(t, s.server.Addr)
	c.send(packed(t, 1, "x."))
	if m := c.receive(); m.Rcode != dns.RcodeSuccess || len(m.Answer) != 1 {
		t.Errorf("%v", m)
	}
	<-lines
}
