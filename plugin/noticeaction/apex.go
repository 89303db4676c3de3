package noticeaction

import (
	"net"

	"github.com/coredns/coredns/plugin/dnssec"

	"github.com/miekg/dns"
)

// apex is what answers borrow from a zone. It is replaced as a whole when the
// zone changes.
type apex struct {
	zone    string
	soa     dns.SOA
	ns      []string
	profile profile
	signer  *dnssec.Dnssec // nil where dnssec does not sign the zone
	exempt  map[string]*host
	warned  string // what was last warned of

	// known is false until the zone has answered; soa is then that of the
	// instance before this one, or made up.
	known bool
}

// host is one with addresses of its own, although the name that it lies
// below is redirected.
type host struct {
	name   string // in lower case, with the final dot
	v4, v6 []net.IP
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
	return apex{zone: zone, profile: profileInsecure, soa: dns.SOA{
		Hdr: dns.RR_Header{Ttl: ttl},
		Ns:  host, Mbox: "hostmaster." + zone,
		Serial: 1, Refresh: 3600, Retry: 1800, Expire: 2419200, Minttl: ttl,
	}}
}
