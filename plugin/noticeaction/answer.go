package noticeaction

import (
	"cmp"
	"net"
	"net/netip"

	"github.com/miekg/dns"
)

// maxInline is how many addresses of one family fit in a reply's own
// allocation.
const maxInline = 2

// reply is what all answers have, and the beginning of the one allocation that
// holds an answer and everything that it points to. It is made anew for each query:
// plugins in front may keep it or append to its sections.
type reply struct {
	msg      dns.Msg
	question [1]dns.Question
	opt      dns.OPT
	extra    [1]dns.RR
	ede      dns.EDNS0_EDE
	options  [1]dns.EDNS0
}

// replyA and replyAAAA are the commonest answers, of half the size of the others:
// the collector runs by the bytes.
type replyA struct {
	reply
	answer [1]dns.RR
	a      dns.A
}

type replyAAAA struct {
	reply
	answer [1]dns.RR
	aaaa   dns.AAAA
}

// replyAny has room for any answer.
type replyAny struct {
	reply
	answer [2 * maxInline]dns.RR
	a      [maxInline]dns.A
	aaaa   [maxInline]dns.AAAA
	soa    dns.SOA
	ns     [1]dns.RR
}

// query is what an answer depends on.
type query struct {
	req    *dns.Msg
	owner  string   // the query name in lower case, with the final dot
	name   string   // the flagged name, the same or a suffix of owner
	apex   *apex    // of the zone
	exempt *host    // the owner, if it is exempt from the redirect
	mail   *mailbox // of the name, if it is kept
	reason string   // why: the text of the extended error
}

func (q *query) atName() bool { return len(q.owner) == len(q.name) }

// answerer holds what is the same in all answers of one directive. It is
// immutable once the server runs.
type answerer struct {
	ttl      uint32 // seconds
	mailNull bool
	v4, v6   []net.IP
	issuer   func() string // nil, or the CA of the warning page, as CAA records name it; empty: none now
}

func addresses(addrs []netip.Addr) (v4, v6 []net.IP) {
	for _, a := range addrs {
		if s := a.AsSlice(); a.Is4() {
			v4 = append(v4, s[:4:4])
		} else {
			v6 = append(v6, s[:16:16])
		}
	}
	return v4, v6
}

// passes reports whether the query for a flagged name is the zone's to
// answer: in the insecure profile the zone proves that there is no DS.
func (a *apex) passes(qtype uint16, atName bool) bool {
	return qtype == dns.TypeDS && atName && a.profile == profileInsecure
}

// answer builds the reply to q, never NXDOMAIN and never REFUSED, so that
// no resolver concludes anything about the names around it.
func (a *answerer) answer(q *query) *dns.Msg {
	r := a.fill(q)
	m := &r.msg
	m.Id = q.req.Id
	m.Response = true
	m.Opcode = q.req.Opcode
	m.Authoritative = true
	m.RecursionDesired = q.req.RecursionDesired
	m.CheckingDisabled = q.req.CheckingDisabled
	r.question[0] = q.req.Question[0]
	m.Question = r.question[:1:1]
	if q.req.IsEdns0() != nil && q.exempt == nil {
		r.explain(q.reason)
	}
	return m
}

// fill returns a reply with its answer and authority sections.
func (a *answerer) fill(q *query) *reply {
	qtype := q.req.Question[0].Qtype
	v4, v6 := a.addressesOf(q)
	switch {
	case qtype == dns.TypeA && len(v4) == 1:
		r := new(replyA)
		a.head(&r.a.Hdr, q.owner, qtype)
		r.a.A = v4[0]
		r.answer[0] = &r.a
		r.msg.Answer = r.answer[:]
		return &r.reply
	case qtype == dns.TypeAAAA && len(v6) == 1:
		r := new(replyAAAA)
		a.head(&r.aaaa.Hdr, q.owner, qtype)
		r.aaaa.AAAA = v6[0]
		r.answer[0] = &r.aaaa
		r.msg.Answer = r.answer[:]
		return &r.reply
	}
	r := new(replyAny)
	a.records(r, q, qtype)
	if len(r.msg.Answer) == 0 {
		a.negative(r, q)
	}
	return &r.reply
}

// records fills the answer section with what q's owner has of a type. There
// is no NS: a resolver that learned one would go on asking here as if it were
// the child's server, and a name that was given back would be lame to it.
func (a *answerer) records(r *replyAny, q *query, qtype uint16) {
	m := &r.msg
	switch qtype {
	case dns.TypeA:
		m.Answer = a.addA(r, q, r.answer[:0])
	case dns.TypeAAAA:
		m.Answer = a.addAAAA(r, q, r.answer[:0])
	case dns.TypeANY: // RFC 8482 section 4.1: a subset, what most ask for
		m.Answer = a.addAAAA(r, q, a.addA(r, q, r.answer[:0]))
	case dns.TypeMX:
		m.Answer = a.exchanges(q)
	case dns.TypeTXT:
		m.Answer = a.spf(q)
	case dns.TypeCAA:
		if q.atName() {
			m.Answer = []dns.RR{a.caa(q)}
		}
	case dns.TypeSOA:
		if q.apex.profile == profileInsecure && q.atName() {
			r.soa = q.apex.soaFor(q.name, a.ttl)
			r.answer[0] = &r.soa
			m.Answer = r.answer[:1:1]
		}
	}
	m.Answer = m.Answer[:len(m.Answer):len(m.Answer)]
}

// caa says that no CA may issue certificates, or that of the warning page alone (RFC 8659 section 4.2).
func (a *answerer) caa(q *query) *dns.CAA {
	value := ";"
	if a.issuer != nil {
		value = cmp.Or(a.issuer(), value)
	}
	return &dns.CAA{Hdr: a.header(q.owner, dns.TypeCAA), Tag: "issue", Value: value}
}

// negative makes r a NODATA answer (RFC 2308 section 2.2).
func (a *answerer) negative(r *replyAny, q *query) {
	owner := q.name
	if q.apex.profile == profileSigned {
		owner = q.apex.zone
	}
	r.soa = q.apex.soaFor(owner, q.apex.negativeTTL(a.ttl))
	r.ns[0] = &r.soa
	r.msg.Ns = r.ns[:1:1]
}

func (a *answerer) header(owner string, rrtype uint16) dns.RR_Header {
	return dns.RR_Header{Name: owner, Rrtype: rrtype, Class: dns.ClassINET, Ttl: a.ttl}
}

// head writes the same header in place.
func (a *answerer) head(h *dns.RR_Header, owner string, rrtype uint16) {
	h.Name, h.Rrtype, h.Class, h.Ttl = owner, rrtype, dns.ClassINET, a.ttl
}

// addressesOf returns where a visitor is sent: to the warning page, or with
// mail to the host that takes it.
func (a *answerer) addressesOf(q *query) (v4, v6 []net.IP) {
	if q.exempt != nil {
		return q.exempt.v4, q.exempt.v6
	}
	if h := q.mail.host(q.owner); h != nil {
		return h.v4, h.v6
	}
	return a.v4, a.v6
}

func (a *answerer) addA(r *replyAny, q *query, to []dns.RR) []dns.RR {
	v4, _ := a.addressesOf(q)
	for i, ip := range v4 {
		var rr *dns.A
		if i < maxInline {
			rr = &r.a[i]
		} else {
			rr = new(dns.A)
		}
		rr.Hdr, rr.A = a.header(q.owner, dns.TypeA), ip
		to = append(to, rr)
	}
	return to
}

func (a *answerer) addAAAA(r *replyAny, q *query, to []dns.RR) []dns.RR {
	_, v6 := a.addressesOf(q)
	for i, ip := range v6 {
		var rr *dns.AAAA
		if i < maxInline {
			rr = &r.aaaa[i]
		} else {
			rr = new(dns.AAAA)
		}
		rr.Hdr, rr.AAAA = a.header(q.owner, dns.TypeAAAA), ip
		to = append(to, rr)
	}
	return to
}

// explain adds the extended error (RFC 8914 sections 4.5 and 4.17). The
// server fills in the rest of the OPT record.
func (r *reply) explain(reason string) {
	r.ede.InfoCode = dns.ExtendedErrorCodeForgedAnswer
	if len(r.msg.Answer) == 0 {
		r.ede.InfoCode = dns.ExtendedErrorCodeCensored
	}
	r.ede.ExtraText = reason
	r.options[0] = &r.ede
	r.opt.Hdr.Name = "."
	r.opt.Hdr.Rrtype = dns.TypeOPT
	r.opt.Option = r.options[:1:1]
	r.extra[0] = &r.opt
	r.msg.Extra = r.extra[:1:1]
}
