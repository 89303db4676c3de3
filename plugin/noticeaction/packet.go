package noticeaction

import (
	"bytes"
	"encoding/binary"

	"github.com/miekg/dns"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/wire"
)

// inPacket answers queries for flagged names inside the packet, at one
// address. It makes byte for byte what the chain would, from templates that
// the chain's own code has packed, and leaves to the chain whatever is rare.
// It implements [wire.Answerer].
type inPacket struct {
	n      *NoticeAction
	server string       // as CoreDNS's metrics name it
	zones  []packetZone // in the order of n.zones
	apart  []packetZone // below these, but served by other server blocks
	signer bool         // dnssec is in front: it has to see who asks for signatures
}

// packetZone is a zone as packets have it.
type packetZone struct {
	wire   []byte // in lower case, with the root label
	labels int
	meter  *wire.Meter // nil: CoreDNS counts nothing
}

func newPacketZone(zone string) packetZone {
	return packetZone{wire: packName(zone), labels: dns.CountLabel(zone)}
}

// holds tells whether q is for the zone or a name below, and at which label of
// the name the zone begins.
func (z *packetZone) holds(q *wire.Query) (label int, ok bool) {
	label = q.Labels() - z.labels
	return label, label >= 0 && bytes.Equal(q.Name()[q.Label(label):], z.wire)
}

// Answer implements [wire.Answerer].
func (p *inPacket) Answer(q *wire.Query, to []byte) ([]byte, *wire.Meter) {
	zone, label := p.registrable(q)
	if label < 0 {
		return nil, nil
	}
	table := p.n.redirect.Table()
	authority, flagged := table.LookupBytes(q.Text(label))
	if !flagged || p.leaves(q, zone, label) {
		return nil, nil
	}
	template := p.n.packed().zones[zone].of(q.Type, label == 0)
	reply := template.reply(q, q.Label(label), table.Authority(authority), to)
	if reply == nil {
		return nil, nil
	}
	p.n.count.inc(p.server, p.n.zones, zone, q.Type)
	return reply, p.zones[zone].meter
}

// registrable finds the zone of q, and the label that the registrable name
// starts at; -1 if there is none.
func (p *inPacket) registrable(q *wire.Query) (zone, label int) {
	for i := range p.apart {
		if _, ok := p.apart[i].holds(q); ok {
			return 0, -1
		}
	}
	for i := range p.zones {
		if label, ok := p.zones[i].holds(q); ok {
			return i, label - 1
		}
	}
	return 0, -1
}

// leaves tells whether the chain has to answer a query for a flagged name.
func (p *inPacket) leaves(q *wire.Query, zone, label int) bool {
	switch q.Type {
	case dns.TypeDS: // CoreDNS asks the parent zone's server block
		return true
	case dns.TypeAXFR, dns.TypeIXFR:
		return true
	case dns.TypeDNSKEY: // dnssec answers for a zone that it has keys of
		if p.signer {
			return true
		}
	case dns.TypeCAA: // the warning page's certificates may change it
		if p.n.answers.issuer != nil {
			return true
		}
	case dns.TypeMX, dns.TypeTXT:
		if p.n.preserve {
			return true
		}
	case dns.TypeA, dns.TypeAAAA, dns.TypeANY:
		if p.n.preserve && label > 0 {
			return true
		}
	}
	return q.DO && p.signer || label > 0 && len(p.n.view.apex(zone).exempt) > 0
}

// reply is a template's reply to q, whose registrable name starts at name in
// its own. It is nil if CoreDNS would cut or compress it.
func (t *template) reply(q *wire.Query, name int, authority string, to []byte) []byte {
	owner := q.Name()
	length := packetHeader + len(q.Question()) + t.length + t.byOwner*len(owner) + t.byName*(len(owner)-name)
	if q.EDNS {
		length += optHead + edeHead + len(authority)
	}
	if length > max(dns.MinMsgSize, int(q.UDPSize)) || length > wire.MaxReply {
		return nil
	}
	to = t.header(q, to)
	to = append(to, q.Question()...)
	for i := range t.records {
		switch rr := &t.records[i]; rr.owner {
		case ofQuery:
			to = append(append(to, owner...), rr.rest...)
		case ofName:
			to = append(append(to, owner[name:]...), rr.rest...)
		default:
			to = append(to, rr.rest...)
		}
	}
	if q.EDNS {
		to = t.explain(q, authority, to)
	}
	return to
}

const (
	packetHeader = 12
	optHead      = 11 // of an OPT record without options
	edeHead      = 6  // code and length of the option, and the extended error's code
)

// header appends the header of the reply to q.
func (t *template) header(q *wire.Query, to []byte) []byte {
	bits := uint16(1<<15 | 1<<10) // QR, AA
	if q.RD {
		bits |= 1 << 8
	}
	if q.CD {
		bits |= 1 << 4
	}
	to = binary.BigEndian.AppendUint16(to, q.ID)
	to = binary.BigEndian.AppendUint16(to, bits)
	to = binary.BigEndian.AppendUint16(to, 1)
	to = binary.BigEndian.AppendUint16(to, t.answers)
	to = binary.BigEndian.AppendUint16(to, uint16(len(t.records))-t.answers)
	if q.EDNS {
		return append(to, 0, 1)
	}
	return append(to, 0, 0)
}

// explain appends the OPT record with the extended error (RFC 8914 section 2).
func (t *template) explain(q *wire.Query, authority string, to []byte) []byte {
	code := dns.ExtendedErrorCodeForgedAnswer
	if t.answers == 0 {
		code = dns.ExtendedErrorCodeCensored
	}
	to = append(to, 0)
	to = binary.BigEndian.AppendUint16(to, dns.TypeOPT)
	to = binary.BigEndian.AppendUint16(to, q.UDPSize)
	do := byte(0)
	if q.DO {
		do = 0x80
	}
	to = append(to, 0, 0, do, 0)
	to = binary.BigEndian.AppendUint16(to, uint16(edeHead+len(authority)))
	to = binary.BigEndian.AppendUint16(to, dns.EDNS0EDE)
	to = binary.BigEndian.AppendUint16(to, uint16(2+len(authority)))
	to = binary.BigEndian.AppendUint16(to, code)
	return append(to, authority...)
}
