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
	nsec := &dns.NSEC{
		Hdr:        dns.RR_Header{Name: q.owner, Rrtype: dns.TypeNSEC, Class: dns.ClassINET, Ttl: m.Ns[0].Header().Ttl},
		NextDomain: `\000.` + q.owner,
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

// types returns what q's owner has: what there is an answer to.
func (n *NoticeAction) types(q *query) (have []uint16) {
	for _, t := range existing {
		if t == dns.TypeRRSIG || t == dns.TypeNSEC {
			have = append(have, t)
			continue
		}
		var r reply
		other := *q
		other.mail = n.mailbox(t, q.owner, q.name)
		if n.answers.records(&r, &other, t); len(r.msg.Answer) > 0 {
			have = append(have, t)
		}
	}
	return have
}
