package noticeaction

import (
	"context"
	"net"
	"sync/atomic"
	"time"

	"github.com/coredns/coredns/plugin"

	"github.com/miekg/dns"
)

// apex is what answers borrow from a zone: its SOA and name servers.
type apex struct {
	zone string
	soa  dns.SOA
	ns   []string
}

// soaFor returns the zone's SOA as a record of owner.
func (a *apex) soaFor(owner string, ttl uint32) dns.SOA {
	soa := a.soa
	soa.Hdr = dns.RR_Header{Name: owner, Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: ttl}
	return soa
}

// negativeTTL is how long in seconds a NODATA may be cached (RFC 2308
// section 5), at most ttl.
func (a *apex) negativeTTL(ttl uint32) uint32 { return min(ttl, a.soa.Minttl, a.soa.Hdr.Ttl) }

// unknownApex stands in until the zone behind has answered, so that a
// redirect never waits for a zone transfer.
func unknownApex(zone, host string, ttl uint32) apex {
	return apex{zone: zone, soa: dns.SOA{
		Hdr: dns.RR_Header{Ttl: ttl},
		Ns:  host, Mbox: "hostmaster." + zone,
		Serial: 1, Refresh: 3600, Retry: 1800, Expire: 2419200, Minttl: ttl,
	}}
}

// relearn is how old the view of a zone's apex may be.
const relearn = 5 * time.Second

// apexes is the view of the zones behind, one apex a zone in the order of
// the directive's zones.
type apexes struct {
	view atomic.Pointer[[]apex]
}

// forget makes the view one of zones that have not answered yet.
func (a *apexes) forget(zones zones, host string, ttl uint32) {
	view := make([]apex, len(zones))
	for i, zone := range zones {
		view[i] = unknownApex(zone, host, ttl)
	}
	a.view.Store(&view)
}

// servers returns the host names of the zone's name servers as last learned.
func (a *apexes) servers(zone string) []string {
	for _, known := range *a.view.Load() {
		if known.zone == zone {
			return known.ns
		}
	}
	return nil
}

// learn asks next for each zone's SOA and NS set and publishes what it finds;
// a zone that does not answer keeps what was known.
func (a *apexes) learn(ctx context.Context, next plugin.Handler) {
	old := *a.view.Load()
	view := make([]apex, len(old))
	for i, known := range old {
		view[i] = known
		soa, ok := lookup(ctx, next, known.zone, dns.TypeSOA)
		if !ok {
			continue
		}
		view[i].soa = *soa[0].(*dns.SOA)
		if set, ok := lookup(ctx, next, known.zone, dns.TypeNS); ok {
			view[i].ns = make([]string, len(set))
			for j, rr := range set {
				view[i].ns[j] = rr.(*dns.NS).Ns
			}
		}
	}
	a.view.Store(&view)
}

// run keeps the view fresh until ctx ends.
func (a *apexes) run(ctx context.Context, next plugin.Handler) {
	tick := time.NewTicker(relearn)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			a.learn(ctx, next)
		}
	}
}

// lookup returns the records of one type at name that next answers with
// authority, and whether there are any.
func lookup(ctx context.Context, next plugin.Handler, name string, rrtype uint16) (rrs []dns.RR, ok bool) {
	req := new(dns.Msg)
	req.SetQuestion(name, rrtype)
	w := new(capture)
	if _, err := plugin.NextOrFailure(pluginName, next, ctx, w, req); err != nil || w.msg == nil {
		return nil, false
	}
	for _, rr := range w.msg.Answer {
		if rr.Header().Rrtype == rrtype {
			rrs = append(rrs, rr)
		}
	}
	return rrs, len(rrs) > 0
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
