package noticeaction

import (
	"context"
	"net"
	"slices"
	"strings"

	"github.com/coredns/coredns/plugin"

	"github.com/miekg/dns"
)

// delegation is what a zone holds at a name one label below it.
type delegation struct {
	known   bool // the zone answered
	servers []string
	ttl     uint32 // seconds, of the NS set
	ds      bool
	dsTTL   uint32 // seconds
}

// delegation asks the zone behind. Safe for concurrent use.
func (v *view) delegation(ctx context.Context, name string) (d delegation) {
	m := v.ask(ctx, name, dns.TypeNS)
	if m == nil || m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError {
		return d
	}
	d.known = true
	for _, rr := range append(slices.Clone(m.Ns), m.Answer...) {
		if ns, ok := rr.(*dns.NS); ok && strings.EqualFold(ns.Hdr.Name, name) {
			d.servers, d.ttl = append(d.servers, ns.Ns), ns.Hdr.Ttl
		}
	}
	if len(d.servers) == 0 {
		return d // DS stands at a delegation only, RFC 4034 section 5
	}
	for _, rr := range v.records(ctx, name, dns.TypeDS) {
		d.ds, d.dsTTL = true, rr.Header().Ttl
	}
	return d
}

// ask returns the answer of the chain behind, nil if it gave none.
func (v *view) ask(ctx context.Context, name string, qtype uint16) *dns.Msg {
	// Without an id, which tells queries on the wire apart and comes from the system's random numbers.
	return v.exchange(ctx, &dns.Msg{
		MsgHdr:   dns.MsgHdr{RecursionDesired: true},
		Question: []dns.Question{{Name: name, Qtype: qtype, Qclass: dns.ClassINET}},
	})
}

// secure returns the answer's records with their signatures.
func (v *view) secure(ctx context.Context, name string, qtype uint16) []dns.RR {
	m := v.exchange(ctx, new(dns.Msg).SetQuestion(name, qtype).SetEdns0(dns.MaxMsgSize-1, true))
	if m == nil {
		return nil
	}
	return m.Answer
}

func (v *view) exchange(ctx context.Context, req *dns.Msg) *dns.Msg {
	w := new(capture)
	if _, err := plugin.NextOrFailure(pluginName, v.next(), ctx, w, req); err != nil {
		return nil
	}
	return w.msg
}

// records returns the records of one type in the answer for name.
func (v *view) records(ctx context.Context, name string, rrtype uint16) (rrs []dns.RR) {
	m := v.ask(ctx, name, rrtype)
	if m == nil {
		return nil
	}
	for _, rr := range m.Answer {
		if rr.Header().Rrtype == rrtype {
			rrs = append(rrs, rr)
		}
	}
	return rrs
}

// glue returns the addresses of the exempt hosts in a zone: those that it
// answers with, else those known before. Reading the zone whole shows them all.
func (v *view) glue(ctx context.Context, a apex) map[string]*host {
	found := make(map[string]*host)
	for name := range v.exempt {
		if !dns.IsSubDomain(a.zone, name) {
			continue
		}
		if known := a.exempt[name]; known != nil {
			found[name] = known
		}
		h := &host{name: name}
		for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
			m := v.ask(ctx, name, qtype)
			if m == nil {
				continue
			}
			for _, rr := range append(slices.Clone(m.Answer), m.Extra...) {
				h.take(rr)
			}
		}
		if len(h.v4)+len(h.v6) > 0 {
			found[name] = h
		}
	}
	return found
}

// take adds an address record of the host; each address once.
func (h *host) take(rr dns.RR) {
	if !strings.EqualFold(rr.Header().Name, h.name) {
		return
	}
	switch rr := rr.(type) {
	case *dns.A:
		if ip := rr.A.To4(); ip != nil && !slices.ContainsFunc(h.v4, ip.Equal) {
			h.v4 = append(h.v4, slices.Clone(ip))
		}
	case *dns.AAAA:
		if ip := rr.AAAA.To16(); ip != nil && !slices.ContainsFunc(h.v6, ip.Equal) {
			h.v6 = append(h.v6, slices.Clone(ip))
		}
	}
}

// capture is a dns.ResponseWriter that keeps the answer. To the plugins
// behind it is a client on loopback over TCP.
type capture struct{ msg *dns.Msg }

var loopback = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}

func (w *capture) WriteMsg(m *dns.Msg) error { w.msg = m; return nil }

func (w *capture) Write(b []byte) (int, error) {
	m := new(dns.Msg)
	if err := m.Unpack(b); err != nil {
		return 0, err
	}
	w.msg = m
	return len(b), nil
}

func (*capture) LocalAddr() net.Addr  { return loopback }
func (*capture) RemoteAddr() net.Addr { return loopback }
func (*capture) Close() error         { return nil }
func (*capture) TsigStatus() error    { return nil }
func (*capture) TsigTimersOnly(bool)  {}
func (*capture) Hijack()              {}
