package noticeaction

import "github.com/miekg/dns"

// apex is what answers borrow from a zone: its SOA and name servers.
type apex struct {
	zone string
	soa  dns.SOA
	ns   []string
	// known is false until the zone has answered; soa is then made up.
	known bool
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
