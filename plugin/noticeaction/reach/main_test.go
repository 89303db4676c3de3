package reach

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"github.com/coredns-na/coredns-na/internal/e2e"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve answers on a loopback port, over UDP and TCP, until the test ends.
func serve(t testing.TB, handler dns.HandlerFunc) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", e2e.Address(e2e.FreePort(t)))
	if err != nil {
		t.Fatal(err)
	}
	pc, err := net.ListenPacket("udp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*dns.Server{{Listener: l, Handler: handler}, {PacketConn: pc, Handler: handler}} {
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		done := make(chan error, 1)
		go func() { done <- s.ActivateAndServe() }()
		<-started
		t.Cleanup(func() {
			if err := s.Shutdown(); err != nil {
				t.Error(err)
			}
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
	return netip.MustParseAddrPort(l.Addr().String())
}

// silent is a server that never answers.
func silent(t testing.TB) netip.AddrPort {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pc.Close() })
	return netip.MustParseAddrPort(pc.LocalAddr().String())
}

// zone answers with what a text holds: one record a line, $NAME for example.be. CNAMEs are followed; a
// name without records does not exist.
func zone(t testing.TB, text string) dns.HandlerFunc {
	t.Helper()
	records := make(map[string][]dns.RR)
	parser := dns.NewZoneParser(strings.NewReader(strings.ReplaceAll(text, "$NAME", "example.be.")), ".", "")
	parser.SetDefaultTTL(60)
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		records[rr.Header().Name] = append(records[rr.Header().Name], rr)
	}
	if err := parser.Err(); err != nil {
		t.Fatal(err)
	}
	return func(w dns.ResponseWriter, req *dns.Msg) {
		m := new(dns.Msg).SetReply(req)
		m.RecursionAvailable = true
		owner := strings.ToLower(req.Question[0].Name)
		for range 20 {
			all, ok := records[owner]
			if !ok && owner == req.Question[0].Name {
				m.Rcode = dns.RcodeNameError
			}
			owner = ""
			for _, rr := range all {
				if cname, ok := rr.(*dns.CNAME); ok {
					owner = strings.ToLower(cname.Target)
				} else if rr.Header().Rrtype != req.Question[0].Qtype {
					continue
				}
				m.Answer = append(m.Answer, rr)
			}
		}
		send(w, req, m)
	}
}

// send cuts a message to what its way allows.
func send(w dns.ResponseWriter, req, m *dns.Msg) {
	size := dns.MaxMsgSize
	if w.RemoteAddr().Network() == "udp" {
		size = int(req.IsEdns0().UDPSize())
	}
	m.Truncate(size)
	_ = w.WriteMsg(m) // a client that is gone asks no more
}

// rcode answers everything with one.
func rcode(code int) dns.HandlerFunc {
	return func(w dns.ResponseWriter, req *dns.Msg) { send(w, req, new(dns.Msg).SetRcode(req, code)) }
}

// text shows a record, one part a line.
func text(r Record) string {
	var b strings.Builder
	for _, h := range r.Hosts {
		fmt.Fprintln(&b, h.Name, h.Addresses)
	}
	if len(r.Servers) > 0 {
		fmt.Fprintln(&b, "NS", r.Servers)
	}
	for _, x := range r.Mail {
		fmt.Fprintln(&b, "MX", x.Preference, x.Host, x.Addresses)
	}
	return b.String()
}
