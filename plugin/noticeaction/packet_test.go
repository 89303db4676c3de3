//go:build linux

package noticeaction

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/dnssec"
	"github.com/coredns/coredns/plugin/pkg/cache"

	"github.com/miekg/dns"

	"github.com/coredns-na/coredns-na/internal/soak"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/wire"
)

// twoPaths is one chain at an address that is read in batches, and its
// reference: CoreDNS's own listener with one packet at a time.
type twoPaths struct {
	tb       testing.TB
	server   *dnsserver.Server
	conn     *net.UDPConn
	packet   *inPacket
	answered atomic.Int64 // inside the packet
}

// newTwoPaths serves n's zones in front of a zone behind.
func newTwoPaths(tb testing.TB, n *NoticeAction, front ...plugin.Plugin) *twoPaths {
	tb.Helper()
	config := &dnsserver.Config{Zone: ".", Transport: "dns", Plugin: append(front, func(next plugin.Handler) plugin.Handler {
		return n
	})}
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	pc.Close()
	p := &twoPaths{tb: tb}
	if p.server, err = dnsserver.NewServer("dns://"+pc.LocalAddr().String(), []*dnsserver.Config{config}); err != nil {
		tb.Fatal(err)
	}
	if pc, err = p.server.ListenPacket(); err != nil {
		tb.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- p.server.ServePacket(pc) }()

	p.packet = n.inPacket(config, p.server.Addr, nil)
	claim, err := wire.Acquire(p, wire.Config{
		Address: p.server.Addr, Sockets: 1, Answerer: p, Log: func(line string) { tb.Error(line) },
	})
	if err != nil {
		tb.Fatal(err)
	}
	wire.Serve(p, p.server)
	conn, err := net.Dial("udp", pc.LocalAddr().String())
	if err != nil {
		tb.Fatal(err)
	}
	p.conn = conn.(*net.UDPConn)
	tb.Cleanup(func() {
		conn.Close()
		claim.Release()
		_ = p.server.Stop()
		if err := <-served; err != nil {
			tb.Error(err)
		}
	})
	return p
}

// Answer implements [wire.Answerer]: it counts.
func (p *twoPaths) Answer(q *wire.Query, to []byte) ([]byte, *wire.Meter) {
	reply, meter := p.packet.Answer(q, to)
	if reply != nil {
		p.answered.Add(1)
	}
	return reply, meter
}

// onePacket is a [net.PacketConn] with one packet to read.
type onePacket struct {
	net.PacketConn // nil: the rest is not called

	packet, reply []byte
	from          *net.UDPAddr
	read          bool
}

var errNoMore = errors.New("no more packets")

func (c *onePacket) ReadFrom(to []byte) (int, net.Addr, error) {
	if c.read {
		return 0, nil, errNoMore
	}
	c.read = true
	return copy(to, c.packet), c.from, nil
}

func (c *onePacket) WriteTo(reply []byte, _ net.Addr) (int, error) {
	c.reply = bytes.Clone(reply)
	return len(reply), nil
}

func (*onePacket) SetReadDeadline(time.Time) error { return nil }
func (*onePacket) Close() error                    { return nil }
func (c *onePacket) LocalAddr() net.Addr           { return c.from }

// chain is what CoreDNS's own listener does with a packet; nil: silence.
func (p *twoPaths) chain(packet []byte) []byte {
	conn := &onePacket{packet: packet, from: p.conn.LocalAddr().(*net.UDPAddr)}
	listener := &dns.Server{PacketConn: conn, Net: "udp", TsigSecret: p.server.TsigSecret, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
		ctx := context.WithValue(context.Background(), dnsserver.Key{}, p.server)
		p.server.ServeDNS(context.WithValue(ctx, dnsserver.LoopKey{}, 0), w, r)
	})}
	// It returns once the packet is served.
	if err := listener.ActivateAndServe(); !errors.Is(err, errNoMore) {
		p.tb.Fatal(err)
	}
	return conn.reply
}

// probeID and behindName are of the query behind a packet that tells when its reply would
// have been there: the chain answers both, in order.
const (
	probeID    = 0xfffe
	behindName = "probe.example."
)

func probe() []byte {
	m := new(dns.Msg).SetQuestion(behindName, dns.TypeA)
	m.Id = probeID
	packet, _ := m.Pack()
	return packet
}

// batched is what a batched socket does with a packet; nil: silence. A reply
// that is wanted may come after the probe's, when the machine was so busy that
// the query was given a goroutine of its own.
func (p *twoPaths) batched(packet []byte, wanted bool) (reply []byte) {
	p.tb.Helper()
	for _, b := range [][]byte{packet, probe()} {
		if _, err := p.conn.Write(b); err != nil {
			p.tb.Fatal(err)
		}
	}
	_ = p.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	var buf [65535]byte
	for probed := false; !probed || wanted && reply == nil; {
		n, err := p.conn.Read(buf[:])
		if err != nil {
			p.tb.Fatalf("packet %x: %v", packet, err)
		}
		if n >= 2 && binary.BigEndian.Uint16(buf[:]) == probeID {
			probed = true
			continue
		}
		reply = bytes.Clone(buf[:n])
	}
	return reply
}

// same holds both paths together over a packet.
func (p *twoPaths) same(packet []byte) {
	p.tb.Helper()
	if len(packet) >= 2 && binary.BigEndian.Uint16(packet) == probeID {
		return
	}
	want := p.chain(packet)
	if got := p.batched(packet, want != nil); !bytes.Equal(got, want) {
		p.tb.Fatalf("packet %x\ngot  %x\nwant %x\n%s", packet, got, want, explained(packet, got, want))
	}
}

func explained(packets ...[]byte) string {
	var b strings.Builder
	for _, p := range packets {
		m := new(dns.Msg)
		err := m.Unpack(p)
		fmt.Fprintln(&b, m, err)
	}
	return b.String()
}

var testTypes = []uint16{
	dns.TypeA, dns.TypeAAAA, dns.TypeANY, dns.TypeMX, dns.TypeTXT, dns.TypeCAA, dns.TypeSOA, dns.TypeNS, dns.TypeDS,
	dns.TypeDNSKEY, dns.TypeHTTPS, dns.TypeSVCB, dns.TypeCNAME, dns.TypeAXFR, dns.TypeIXFR, dns.TypeNSEC, dns.TypeOPT, 0, 65280,
}

var testNames = []string{
	"example.be.", "www.example.be.", "WwW.ExAmPlE.bE.", "a.b.c.d.e.example.be.", "*.example.be.", "_dmarc.example.be.",
	"xn--caf-dma.be.", "example.vlaanderen.", "x.EXAMPLE.Vlaanderen.", "exampl.be.", "myexample.be.", "be.", "vlaanderen.", ".",
	"example.nl.", `foo\.example.be.`, `ex\097mple.be.`, `\000.example.be.`, `w\032w.example.be.`, `\255.example.be.`, "a/b.example.be.",
	strings.Repeat("x", 63) + ".example.be.",
	strings.Repeat(strings.Repeat("y", 59)+".", 4) + "example.be.",
	strings.Repeat("z.", 121) + "example.be.",
}

// TestPacketIsTheChainsAnswer: every kind of query that is answered inside the
// packet has the bytes of the chain's answer, and the usual ones are answered there.
func TestPacketIsTheChainsAnswer(t *testing.T) {
	for name, n := range map[string]*NoticeAction{
		"insecure": flaggedHandler(t, profileInsecure), "signed": flaggedHandler(t, profileSigned),
		"IPv4 alone": flaggedHandler(t, profileInsecure, "192.0.2.1", "192.0.2.2", "192.0.2.3"),
		"preserve":   preservingHandler(t, profileInsecure, usualMail...),
	} {
		t.Run(name, func(t *testing.T) {
			p := newTwoPaths(t, n)
			for _, qname := range testNames {
				for _, qtype := range testTypes {
					packets := variants(t, qname, qtype)
					if qtype != dns.TypeA && qtype != dns.TypeHTTPS {
						packets = packets[:5] // the rest does not depend on the type
					}
					for _, packet := range packets {
						p.same(packet)
					}
				}
			}
			if got := p.answered.Load(); got < 500 {
				t.Errorf("%d queries answered inside the packet, want the usual ones", got)
			}
		})
	}
}

// variants are the ways to ask a question.
func variants(tb testing.TB, qname string, qtype uint16) (packets [][]byte) {
	tb.Helper()
	for _, change := range []func(*dns.Msg){
		func(*dns.Msg) {},
		func(m *dns.Msg) { m.RecursionDesired, m.CheckingDisabled, m.AuthenticatedData = false, true, true },
		func(m *dns.Msg) { m.SetEdns0(1232, false) },
		func(m *dns.Msg) { m.SetEdns0(4096, true) },
		func(m *dns.Msg) { m.SetEdns0(100, true) },
		func(m *dns.Msg) { m.SetEdns0(0, false) },
		func(m *dns.Msg) { m.SetEdns0(1232, true).IsEdns0().SetVersion(1) },
		func(m *dns.Msg) { m.SetEdns0(1232, false).IsEdns0().SetZ(0x3fff) },
		func(m *dns.Msg) { m.SetEdns0(1232, false).IsEdns0().SetExtendedRcode(0xfff) },
		func(m *dns.Msg) {
			o := m.SetEdns0(1232, false).IsEdns0()
			o.Option = []dns.EDNS0{&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0123456789abcdef"}, &dns.EDNS0_NSID{Code: dns.EDNS0NSID},
				&dns.EDNS0_PADDING{Padding: make([]byte, 20)}, &dns.EDNS0_LOCAL{Code: dns.EDNS0LOCALSTART, Data: []byte{1}}}
		},
		func(m *dns.Msg) {
			m.SetEdns0(1232, false).IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 24, Address: net.IPv4(192, 0, 2, 0)}}
		},
		func(m *dns.Msg) { m.SetEdns0(1232, false); m.SetEdns0(512, true) },
		func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS },
		func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassANY },
		func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify },
		func(m *dns.Msg) { m.Opcode = dns.OpcodeUpdate },
		func(m *dns.Msg) { m.Opcode = dns.OpcodeStatus },
		func(m *dns.Msg) { m.Response = true },
		func(m *dns.Msg) { m.Truncated, m.Zero = true, true },
		func(m *dns.Msg) { m.Authoritative, m.RecursionAvailable, m.Rcode = true, true, 5 },
		func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) },
		func(m *dns.Msg) { m.Question = nil },
		func(m *dns.Msg) {
			m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: "x.", Rrtype: 1, Class: 1}, A: net.IPv4(1, 2, 3, 4)}}
		},
		func(m *dns.Msg) { m.SetTsig("key.", dns.HmacSHA256, 300, time.Now().Unix()) },
	} {
		m := new(dns.Msg).SetQuestion(qname, qtype)
		m.Id = 4711
		change(m)
		packet, err := m.Pack()
		if err != nil {
			tb.Fatal(err)
		}
		packets = append(packets, packet)
	}
	plain := packets[0]
	return append(packets,
		append(bytes.Clone(plain), 1, 2, 3),                     // trailing bytes
		append(bytes.Clone(packets[2]), 0, 0),                   // behind OPT
		plain[:len(plain)-1], plain[:12], plain[:11], plain[:2], // cut
		packets[2][:len(packets[2])-1],
		append(plain[:12:12], 0xc0, 12, 0, 1, 0, 1),                                        // a name that points to itself
		append(plain[:12:12], append(bytes.Repeat([]byte{1, 'x'}, 128), 0, 0, 1, 0, 1)...), // too long
		append(plain[:12:12], 0x41, 0, 0, 1, 0, 1),                                         // an old label type
		append(bytes.Clone(plain), make([]byte, 600)...),                                   // more than CoreDNS reads
	)
}

// TestPacketBehindKeys: dnssec in front may have keys of a flagged name itself.
func TestPacketBehindKeys(t *testing.T) {
	if err := dnsserver.SetDirectives([]string{"dnssec", pluginName}); err != nil {
		t.Fatal(err)
	}
	base := filepath.Join(t.TempDir(), "Kbe")
	writeKey(t, base)
	key, err := dnssec.ParseKeyFile(base+".key", base+".private")
	if err != nil {
		t.Fatal(err)
	}
	p := newTwoPaths(t, flaggedHandler(t, profileInsecure), func(next plugin.Handler) plugin.Handler {
		return dnssec.New([]string{"example.be."}, []*dnssec.DNSKEY{key}, false, next, cache.New[[]dns.RR](1000))
	})
	for _, qtype := range testTypes {
		p.same(asking(t, "example.be.", qtype))
		p.same(asking(t, "example.be.", qtype, func(m *dns.Msg) { m.SetEdns0(1232, false) }))
	}
	if p.answered.Load() == 0 {
		t.Error("nothing answered inside the packet")
	}
}

// fuzzedPaths are what both the fuzz target and the soak hold together.
func fuzzedPaths(tb testing.TB) []*twoPaths {
	return []*twoPaths{
		newTwoPaths(tb, flaggedHandler(tb, profileInsecure)),
		newTwoPaths(tb, flaggedHandler(tb, profileSigned)),
		newTwoPaths(tb, preservingHandler(tb, profileInsecure, usualMail...)),
	}
}

// FuzzPacket: whatever comes in, both paths answer with the same bytes, or
// neither does.
func FuzzPacket(f *testing.F) {
	for _, qname := range testNames[:8] {
		for _, packet := range variants(f, qname, dns.TypeA) {
			f.Add(packet)
		}
	}
	paths := fuzzedPaths(f)
	f.Fuzz(func(t *testing.T, packet []byte) {
		if len(packet) > 1400 {
			return
		}
		for _, p := range paths {
			p.tb = t
			p.same(packet)
		}
	})
}

// TestSoakPackets holds both paths together over random changes of all kinds
// of packets: ten thousand a round of make soak, a few without it.
func TestSoakPackets(t *testing.T) {
	count := soak.Rounds(t, 0) * 10_000
	if count == 0 {
		count = 3000
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	paths := fuzzedPaths(t)
	for i := range count {
		all := variants(t, testNames[random.IntN(len(testNames))], testTypes[random.IntN(len(testTypes))])
		packet := bytes.Clone(all[random.IntN(len(all))])
		for range random.IntN(4) {
			packet[random.IntN(len(packet))] = byte(random.IntN(256))
		}
		if random.IntN(4) == 0 {
			packet = packet[:random.IntN(len(packet)+1)]
		}
		paths[i%len(paths)].same(packet)
	}
}

// TestPacketAllocatesNothing from socket to socket, CoreDNS's metrics included.
func TestPacketAllocatesNothing(t *testing.T) {
	p := newTwoPaths(t, flaggedHandler(t, profileInsecure))
	p.packet.zones[0].meter = wire.NewMeter(p.server.Addr, "be.", "errors", typeLabel)
	for _, tc := range []struct {
		name, qname string
		qtype       uint16
		change      func(*dns.Msg)
	}{
		{"A", "www.example.be.", dns.TypeA, func(*dns.Msg) {}},
		{"mixed case with OPT", "wWw.ExAmple.be.", dns.TypeAAAA, func(m *dns.Msg) { m.SetEdns0(1232, true) }},
		{"NODATA", "example.be.", dns.TypeHTTPS, func(*dns.Msg) {}},
	} {
		m := new(dns.Msg).SetQuestion(tc.qname, tc.qtype)
		tc.change(m)
		packet, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		var buf [512]byte
		exchange := func() {
			if _, err := p.conn.Write(packet); err != nil {
				t.Fatal(err)
			}
			if _, err := p.conn.Read(buf[:]); err != nil {
				t.Fatal(err)
			}
		}
		before := p.answered.Load()
		if got := testing.AllocsPerRun(1000, exchange); got > 0 {
			t.Errorf("%s: %v allocations", tc.name, got)
		}
		if got := p.answered.Load() - before; got != 1001 {
			t.Errorf("%s: %d of 1001 answered inside the packet", tc.name, got)
		}
	}
}
