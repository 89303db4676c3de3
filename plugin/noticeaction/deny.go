package noticeaction

import (
	"time"

	"github.com/coredns/coredns/request"

	"github.com/miekg/dns"
)

// existing are the types that a flagged name may have, in the order of an
// NSEC record (RFC 4034 section 4.1.2).
var existing = []uint16{dns.TypeA, dns.TypeMX, dns.TypeTXT, dns.TypeAAAA, dns.TypeRRSIG, dns.TypeNSEC, dns.TypeCAA}

// deny completes a NODATA answer with an NSEC record of the types that q's
// owner has, and signs both. The one that dnssec would add lists types of its
// own choice, neither MX nor CAA: a resolver that uses it to answer by itself
// (RFC 8198) would deny what we answer. dnssec leaves an authority section
// with more than a SOA as it is.
func (n *NoticeAction) deny(m *dns.Msg, q *query, state request.Request, server string) {
	next := nextName(q.owner)
	if next == "" {
		return // dnssec then makes one of its own
	}
	nsec := &dns.NSEC{
		Hdr:        dns.RR_Header{Name: q.owner, Rrtype: dns.TypeNSEC, Class: dns.ClassINET, Ttl: m.Ns[0].Header().Ttl},
		NextDomain: next,
		TypeBitMap: n.types(q),
	}
	m.Answer = []dns.RR{nsec}
	if m.Question[0].Qtype == dns.TypeNSEC {
		m.Ns = nil // what was asked for; dnssec signs it
		return
	}
	state.Req, state.Zone = m, q.apex.zone
	q.apex.signer.Sign(state, time.Now().UTC(), server)
	m.Ns, m.Answer = append(m.Ns, m.Answer...), nil
	for i, rr := range m.Ns {
		if rr.Header().Rrtype == dns.TypeRRSIG {
			m.Ns[i] = dns.Copy(rr) // dnssec keeps the signatures for the next answer
		}
	}
}

// types returns what q's owner has: what there is an answer to. Asked for DS it
// is what the zone has, a delegation: a resolver may keep that denial beyond the
// redirect, and without NS it would make the holder's answers bogus.
func (n *NoticeAction) types(q *query) (have []uint16) {
	if q.req.Question[0].Qtype == dns.TypeDS && q.atName() {
		return []uint16{dns.TypeNS, dns.TypeRRSIG, dns.TypeNSEC}
	}
	for _, t := range existing {
		if t == dns.TypeRRSIG || t == dns.TypeNSEC {
			have = append(have, t)
			continue
		}
		var r replyAny
		other := *q
		other.mail = n.mailbox(t, q.owner, q.name)
		if n.answers.records(&r, &other, t); len(r.msg.Answer) > 0 {
			have = append(have, t)
		}
	}
	return have
}

// nextName returns the name that comes directly after owner in canonical
// order (RFC 4034 section 6.1, RFC 4471 section 3.1.1), so that an NSEC record
// denies nothing between. It is empty for an owner that is the very last of
// its length.
func nextName(owner string) string {
	const maxWire, maxLabel = 255, 63
	wire := make([]byte, maxWire+2)
	end, err := dns.PackDomainName(owner, wire, 0, nil, false)
	if err != nil {
		return ""
	}
	label := int(wire[0])
	switch {
	case end+2 <= maxWire:
		return `\000.` + owner
	case end+1 <= maxWire && label < maxLabel: // nothing fits below; longer by one octet
		copy(wire[label+2:], wire[label+1:end])
		wire[0], wire[label+1] = byte(label+1), 0
	default: // nothing fits; the last octet that can grow does, and what follows it goes
		i := label
		for i > 0 && wire[i] == 0xff {
			i--
		}
		if i == 0 {
			return ""
		}
		if wire[i]++; 'A' <= wire[i] && wire[i] <= 'Z' { // they sort as lower case
			wire[i] = 'Z' + 1
		}
		copy(wire[i+1:], wire[label+1:end])
		wire[0] = byte(i)
	}
	next, _, err := dns.UnpackDomainName(wire, 0)
	if err != nil {
		return ""
	}
	return next
}
