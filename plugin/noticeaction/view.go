package noticeaction

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/transfer"

	"github.com/miekg/dns"
)

// relearn is how old the view of a zone's apex may be.
const relearn = 5 * time.Second

// view is what is known of the zones behind. Learning goes on in the
// background; readers do one atomic load.
type view struct {
	zones       zones
	exempt      hostSet
	next        func() plugin.Handler // the chain behind, once compiled
	transferers []transfer.Transferer
	apexes      atomic.Pointer[[]apex]    // in the order of zones
	hosting     []atomic.Pointer[hosting] // likewise; nil until learned
	begun       chan struct{}             // closed once each zone was tried
	due         []pacer                   // of run alone
}

// newView is a view of zones that have not answered yet.
func newView(zones zones, exempt hostSet, host string, ttl uint32) *view {
	v := &view{zones: zones, exempt: exempt, hosting: make([]atomic.Pointer[hosting], len(zones)), due: make([]pacer, len(zones)), begun: make(chan struct{})}
	apexes := make([]apex, len(zones))
	for i, zone := range zones {
		apexes[i] = unknownApex(zone, host, ttl)
	}
	v.apexes.Store(&apexes)
	return v
}

func (v *view) apex(zone int) *apex { return &(*v.apexes.Load())[zone] }

// servers returns the host names of the zone's name servers as last learned.
func (v *view) servers(zone string) []string {
	for _, known := range *v.apexes.Load() {
		if known.zone == zone {
			return known.ns
		}
	}
	return nil
}

// learnApexes asks for each zone's SOA and NS set; a zone that does not answer
// keeps what was known.
func (v *view) learnApexes(ctx context.Context) {
	old := *v.apexes.Load()
	apexes := make([]apex, len(old))
	for i, known := range old {
		apexes[i] = known
		soa := v.records(ctx, known.zone, dns.TypeSOA)
		if len(soa) == 0 {
			continue
		}
		apexes[i].soa, apexes[i].known = *soa[0].(*dns.SOA), true
		if set := v.records(ctx, known.zone, dns.TypeNS); len(set) > 0 {
			apexes[i].ns = make([]string, len(set))
			for j, rr := range set {
				apexes[i].ns[j] = rr.(*dns.NS).Ns
			}
		}
	}
	v.apexes.Store(&apexes)
}

// run keeps the view fresh until ctx ends.
func (v *view) run(ctx context.Context) {
	tick := time.NewTicker(relearn)
	defer tick.Stop()
	v.learnHosting(ctx)
	close(v.begun)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		v.learnApexes(ctx)
		v.learnHosting(ctx)
	}
}

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
	for _, rr := range v.records(ctx, name, dns.TypeDS) {
		d.ds, d.dsTTL = true, rr.Header().Ttl
	}
	return d
}

// ask returns the answer of the chain behind, nil if it gave none.
func (v *view) ask(ctx context.Context, name string, qtype uint16) *dns.Msg {
	return v.exchange(ctx, new(dns.Msg).SetQuestion(name, qtype))
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
