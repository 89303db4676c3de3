//go:build linux

package wire

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coredns/coredns/core/dnsserver"

	"github.com/miekg/dns"
)

// stream asks without pause, up to window queries unanswered, and counts what
// is answered.
type stream struct {
	*client

	asked, answered int
	stop            atomic.Bool
	done            chan struct{}
}

func startStream(t *testing.T, address string) *stream {
	s := &stream{client: dial(t, address), done: make(chan struct{})}
	go s.run(packed(t, 1, "flow."), packed(t, 2, "packet."))
	return s
}

func (s *stream) run(packets ...[]byte) {
	defer close(s.done)
	const window = 50
	var buf [512]byte
	for {
		for !s.stop.Load() && s.asked-s.answered < window {
			if _, err := s.Write(packets[s.asked%len(packets)]); err != nil {
				s.t.Error(err)
				return
			}
			s.asked++
		}
		if s.answered == s.asked {
			return
		}
		_ = s.SetReadDeadline(time.Now().Add(20 * time.Second))
		if _, err := s.Read(buf[:]); err != nil {
			return
		}
		s.answered++
	}
}

// end stops the stream and returns how many queries had no answer.
func (s *stream) end() int {
	s.stop.Store(true)
	<-s.done
	return s.asked - s.answered
}

// reload starts a new server at the site's socket, as Caddy does, and stops
// the old one.
func (s *site) reload(t *testing.T, before, after func(*dnsserver.Server)) (next *site) {
	t.Helper()
	file, err := s.conn.(*net.UDPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	pc, err := net.FilePacketConn(file)
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
	server := newServer(t, s.server.Addr, echo)
	before(server)
	next = serveSite(server, pc)
	after(server)
	s.stop()
	return next
}

// TestReloadsLoseNothing: the sockets outlive the owners, and each owner's chain has
// come to rest when its claim is released.
func TestReloadsLoseNothing(t *testing.T) {
	for _, tc := range []struct{ name, bind, asked string }{
		{"IPv4", "127.0.0.1", "127.0.0.1"},
		{"IPv6", "::1", "::1"},
		{"IPv4 wildcard", "0.0.0.0", "127.0.0.77"},
		{"IPv6 wildcard", "::", "::1"},
		{"IPv6 wildcard, asked over IPv4", "::", "127.0.0.77"},
	} {
		t.Run(tc.name, func(t *testing.T) { reloadUnderLoad(t, freeAddress(t, tc.bind), tc.asked) })
	}
}

// reloadUnderLoad asks at one address of those that are listened at, and takes
// replies from there alone.
func reloadUnderLoad(t *testing.T, address, asked string) {
	first := newServer(t, address, echo)
	pc, err := first.ListenPacket()
	if err != nil {
		t.Fatal(err)
	}
	s := serveSite(first, pc)
	config := Config{Address: address, Sockets: 2, Answerer: inPacketOnly("packet"), Log: func(line string) { t.Error(line) }}
	old, err := Acquire(0, config)
	if err != nil {
		t.Fatal(err)
	}
	Serve(0, first)
	_, port, _ := net.SplitHostPort(host(address))
	flow := startStream(t, "dns://"+net.JoinHostPort(asked, port))
	for i := 1; i <= 30; i++ {
		config.Sockets = 1 + i%3
		var claim *Claim
		s = s.reload(t, func(*dnsserver.Server) {
			if claim, err = Acquire(i, config); err != nil {
				t.Fatal(err)
			}
		}, func(server *dnsserver.Server) { go Serve(i, server) })
		old.Release()
		if got := claim.Sockets(); got != config.Sockets {
			t.Errorf("%d sockets after a reload, want %d", got, config.Sockets)
		}
		old = claim
	}
	if lost := flow.end(); lost != 0 {
		t.Errorf("%d of %d queries lost", lost, flow.asked)
	}
	old.Release()
	s.stop()
}

// TestMoreSocketsAfterFewer: sockets that still wait for the chain get nothing
// when others join.
func TestMoreSocketsAfterFewer(t *testing.T) {
	g := newGate(t)
	s := startSite(t, freeAddress(t, "127.0.0.1"), g.serve)
	sockets := func(n int) func(*Config) { return func(c *Config) { c.Sockets = n } }
	three := claimFor(t, "three", s, sockets(3))
	c := dial(t, s.server.Addr)
	for range 60 { // at random: each socket has some
		c.send(packed(t, 1000, "slow."))
	}
	for range 60 {
		<-g.entered
	}
	one := claimFor(t, "one", s, sockets(1))
	again := claimFor(t, "again", s, sockets(3))
	const quick = 60
	for i := range uint16(quick) {
		c.send(packed(t, i, "quick."))
		if m := c.receive(); m.Id != i {
			t.Fatalf("%v", m)
		}
	}
	g.release()
	for _, claim := range []*Claim{three, one, again} {
		claim.Release()
	}
}

// TestReleaseWaitsForTheChain: an owner's plugins may end when its claim is released.
func TestReleaseWaitsForTheChain(t *testing.T) {
	g := newGate(t)
	s := startSite(t, freeAddress(t, "127.0.0.1"), g.serve)
	claim := claimFor(t, "one", s)
	c := dial(t, s.server.Addr)
	c.send(packed(t, 1, "slow."))
	<-g.entered
	released := make(chan struct{})
	go func() { claim.Release(); close(released) }()
	c.send(packed(t, 2, "quick.")) // whoever has the socket now
	if m := c.receive(); m.Id != 2 {
		t.Fatalf("%v", m)
	}
	select {
	case <-released:
		t.Error("released with a query in the chain")
	default:
	}
	g.release()
	if m := c.receive(); m.Id != 1 || len(m.Answer) != 1 {
		t.Errorf("the query that waited: %v", m)
	}
	<-released
}

// TestWithoutClaimsCoreDNSServes as if nothing had been.
func TestWithoutClaimsCoreDNSServes(t *testing.T) {
	s := startSite(t, freeAddress(t, "127.0.0.1"), echo)
	flow := startStream(t, s.server.Addr)
	for range 20 {
		claimFor(t, "one", s).Release()
	}
	if lost := flow.end(); lost != 0 {
		t.Errorf("%d of %d queries lost", lost, flow.asked)
	}
	// Others that join have their share, as with multisocket.
	s.stop()
	first, second := startSite(t, s.server.Addr, echo), make(chan struct{}, 100)
	claimFor(t, "one", first).Release()
	startSite(t, s.server.Addr, func(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
		second <- struct{}{}
		return echo(ctx, w, r)
	})
	for i := range uint16(100) {
		c := dial(t, s.server.Addr)
		c.send(packed(t, i, "x."))
		c.receive()
	}
	if len(second) == 0 {
		t.Error("a socket that joined later has no share of the datagrams")
	}
}

func TestAcquireRefuses(t *testing.T) {
	address := freeAddress(t, "127.0.0.1")
	first, err := Acquire("one", Config{Address: address, Sockets: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Release()
	if _, err := Acquire("one", Config{Address: address, Sockets: 3}); err == nil {
		t.Error("two server blocks have two numbers of sockets at one address")
	}
	other, err := Acquire("two", Config{Address: address, Sockets: 3})
	if err != nil {
		t.Fatalf("the next Corefile: %v", err)
	}
	other.Release()
}

// TestSocketsThatCannotBe: CoreDNS serves alone, and the log says why.
func TestSocketsThatCannotBe(t *testing.T) {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0") // not for sharing
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	lines := make(chan string, 1)
	address := "dns://" + pc.LocalAddr().String()
	claim, err := Acquire("one", Config{Address: address, Sockets: 2, Log: func(line string) { lines <- line }})
	if err != nil {
		t.Fatal(err)
	}
	defer claim.Release()
	Serve("one", newServer(t, address, echo))
	<-lines
	if got := claim.Sockets(); got != 0 {
		t.Errorf("%d sockets", got)
	}
}

// TestTransactionSignatures: the chain is told of a signature what CoreDNS's
// own listener tells it, and may sign.
func TestTransactionSignatures(t *testing.T) {
	const secret = "c2VjcmV0"
	s := startSite(t, freeAddress(t, "127.0.0.1"), func(_ context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
		m := new(dns.Msg).SetReply(r)
		if status := w.TsigStatus(); status != nil {
			replyText(w, r, status.Error())
			return dns.RcodeSuccess, nil
		}
		w.TsigTimersOnly(false)
		m.SetTsig(r.IsTsig().Hdr.Name, dns.HmacSHA256, 300, time.Now().Unix())
		return dns.RcodeSuccess, w.WriteMsg(m)
	})
	s.server.TsigSecret["known."] = secret
	claim := claimFor(t, "one", s)
	defer claim.Release()
	c := dial(t, s.server.Addr)
	for _, tc := range []struct {
		name, key, secret string
		want              error
	}{
		{"good", "known.", secret, nil},
		{"another secret", "known.", "b3RoZXI=", dns.ErrSig},
		{"unknown", "unknown.", secret, dns.ErrSecret},
	} {
		m := new(dns.Msg).SetQuestion("x.", dns.TypeA)
		m.SetTsig(tc.key, dns.HmacSHA256, 300, time.Now().Unix())
		packet, mac, err := dns.TsigGenerate(m, tc.secret, "", false)
		if err != nil {
			t.Fatal(err)
		}
		c.send(packet)
		var buf [512]byte
		n, err := c.Read(buf[:])
		if err != nil {
			t.Fatal(err)
		}
		reply := new(dns.Msg)
		if err := reply.Unpack(buf[:n]); err != nil {
			t.Fatal(err)
		}
		if tc.want != nil {
			if got := reply.Answer[0].(*dns.TXT).Txt[0]; got != tc.want.Error() {
				t.Errorf("%s: status %q, want %q", tc.name, got, tc.want)
			}
			continue
		}
		if err := dns.TsigVerify(buf[:n], secret, mac, false); err != nil {
			t.Errorf("%s: the reply's signature: %v", tc.name, err)
		}
	}
}
