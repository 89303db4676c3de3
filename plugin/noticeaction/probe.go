package noticeaction

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/coredns/coredns/request"

	"github.com/miekg/dns"
)

// probeName is asked for, with TXT and class CH, to learn what a server answers by.
const probeName = "generation.noticeaction."

// probe answers a query for what the server answers by; false: it is none, or not from one who may know.
func (n *NoticeAction) probe(w dns.ResponseWriter, r *dns.Msg) bool {
	q := r.Question[0]
	if len(n.probes) == 0 || q.Qclass != dns.ClassCHAOS || q.Qtype != dns.TypeTXT || r.Opcode != dns.OpcodeQuery || !equalFoldName(q.Name, probeName) {
		return false
	}
	asked := request.Request{W: w}
	client, err := netip.ParseAddr(asked.IP())
	if err != nil || !slices.ContainsFunc(n.probes, func(p netip.Prefix) bool { return p.Contains(client.Unmap()) }) {
		return false
	}
	generation, digest := n.desk.answersBy()
	m := new(dns.Msg).SetReply(r)
	m.Authoritative = true
	m.Answer = []dns.RR{&dns.TXT{
		Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeTXT, Class: dns.ClassCHAOS},
		Txt: []string{fmt.Sprintf("generation=%d", generation), "digest=" + digest},
	}}
	_ = w.WriteMsg(m)
	return true
}

func equalFoldName(name, lower string) bool { return len(name) == len(lower) && equalFold(name, lower) }

// answersBy is the generation and the digest of the set that is followed, or that is published.
func (d *desk) answersBy() (generation uint64, digest string) {
	if f := d.replication.follower.Load(); f != nil {
		h := f.Status().Head
		return h.Generation, h.Digest.String()
	}
	if p := d.replication.publisher.Load(); p != nil {
		h := p.Status().Published
		return h.Generation, h.Digest.String()
	}
	return d.set.Table().Generation(), ""
}
