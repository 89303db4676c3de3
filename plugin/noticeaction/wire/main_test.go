package wire

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"

	"github.com/miekg/dns"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is CoreDNS at one address, with a chain of one plugin.
type site struct {
	server *dnsserver.Server
	conn   net.PacketConn
	done   chan error
	ended  sync.Once
}

// startSite serves the root zone with a handler at an address.
func startSite(t *testing.T, address string, h plugin.HandlerFunc) *site {
	t.Helper()
	server := newServer(t, address, h)
	pc, err := server.ListenPacket()
	if err != nil {
		t.Fatal(err)
	}
	s := serveSite(server, pc)
	t.Cleanup(s.stop)
	return s
}

// serveSite returns once the server reads: CoreDNS forgets to stop one that it
// is told to stop before.
func serveSite(server *dnsserver.Server, pc net.PacketConn) *site {
	s := &site{server: server, conn: pc, done: make(chan error, 1)}
	signal := &firstRead{PacketConn: pc, begun: make(chan struct{})}
	go func() { s.done <- server.ServePacket(signal) }()
	<-signal.begun
	return s
}

type firstRead struct {
	net.PacketConn

	once  sync.Once
	begun chan struct{}
}

func (c *firstRead) ReadFrom(b []byte) (int, net.Addr, error) {
	c.once.Do(func() { close(c.begun) })
	return c.PacketConn.ReadFrom(b)
}

func newServer(t *testing.T, address string, h plugin.HandlerFunc) *dnsserver.Server {
	t.Helper()
	server, err := dnsserver.NewServer(address, []*dnsserver.Config{{
		Zone: ".", Transport: "dns", Plugin: []plugin.Plugin{func(plugin.Handler) plugin.Handler { return h }},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return server
}

func (s *site) stop() {
	s.ended.Do(func() {
		_ = s.server.Stop()
		if err := <-s.done; err != nil {
			panic(err)
		}
	})
}

// freeAddress is one that nobody listens at, as CoreDNS names it.
func freeAddress(t *testing.T, host string) string {
	t.Helper()
	pc, err := net.ListenPacket("udp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	_, port, _ := net.SplitHostPort(pc.LocalAddr().String())
	return "dns://" + net.JoinHostPort(host, port)
}

// claimFor has the site's address read in batches until the test ends.
func claimFor(t *testing.T, owner any, s *site, change ...func(*Config)) *Claim {
	t.Helper()
	config := Config{Address: s.server.Addr, Sockets: 1, Log: func(line string) { t.Error(line) }}
	for _, f := range change {
		f(&config)
	}
	c, err := Acquire(owner, config)
	if err != nil {
		t.Fatal(err)
	}
	Serve(owner, s.server)
	return c
}

// reply writes an answer with a TXT record.
func replyText(w dns.ResponseWriter, r *dns.Msg, text string) {
	m := new(dns.Msg).SetReply(r)
	m.Answer = []dns.RR{&dns.TXT{
		Hdr: dns.RR_Header{Name: r.Question[0].Name, Rrtype: dns.TypeTXT, Class: dns.ClassINET}, Txt: []string{text},
	}}
	_ = w.WriteMsg(m)
}

// echo answers every query with its name.
func echo(_ context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	replyText(w, r, r.Question[0].Name)
	return dns.RcodeSuccess, nil
}

// client sends queries from one port.
type client struct {
	*net.UDPConn

	t testing.TB
}

func dial(t testing.TB, address string) *client {
	t.Helper()
	conn, err := net.Dial("udp", host(address))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &client{conn.(*net.UDPConn), t}
}

func packed(t testing.TB, id uint16, name string) []byte {
	t.Helper()
	m := new(dns.Msg).SetQuestion(name, dns.TypeTXT)
	m.Id = id
	data, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func (c *client) send(packets ...[]byte) {
	c.t.Helper()
	for _, p := range packets {
		if _, err := c.Write(p); err != nil {
			c.t.Fatal(err)
		}
	}
}

// receive returns the next reply; it ends the test if none comes.
func (c *client) receive() *dns.Msg {
	c.t.Helper()
	var buf [4096]byte
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	n, err := c.Read(buf[:])
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Fatal("no reply")
	}
	m := new(dns.Msg)
	if err == nil {
		err = m.Unpack(buf[:n])
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return m
}

// gate is a chain in which queries for slow. wait until it opens.
type gate struct {
	open    chan struct{}
	entered chan struct{} // one for each query that waits
	once    sync.Once
}

func newGate(t *testing.T) *gate {
	g := &gate{open: make(chan struct{}), entered: make(chan struct{}, 1<<16)}
	t.Cleanup(g.release)
	return g
}

func (g *gate) release() { g.once.Do(func() { close(g.open) }) }

func (g *gate) serve(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	if r.Question[0].Name == "slow." {
		g.entered <- struct{}{}
		<-g.open
	}
	return echo(ctx, w, r)
}
