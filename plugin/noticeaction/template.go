package noticeaction

import (
	"fmt"

	"github.com/miekg/dns"
)

// template is a reply without its question and its names: what is the same for
// all flagged names of a zone that are asked for a type.
type template struct {
	records []packedRecord // the answer section, then the authority section
	answers uint16         // of them in the answer section

	length          int // of the records without the names below
	byOwner, byName int // records that begin with the query name, with the flagged name
}

// packedRecord is a record in wire form, without compression: CoreDNS does
// not compress what is short.
type packedRecord struct {
	owner owner
	rest  []byte // what follows the owner; all of it if the owner is the zone
}

type owner int

const (
	ofZone owner = iota
	ofQuery
	ofName
)

// templates are those of one zone, by type and whether the query is for the
// flagged name itself.
type templates struct {
	soa     dns.SOA // that they were made from
	profile profile
	byType  [len(packedTypes)][2]template
}

// packedTypes are the query types with an answer of their own; the last
// stands for all others.
var packedTypes = [...]uint16{dns.TypeA, dns.TypeAAAA, dns.TypeANY, dns.TypeMX, dns.TypeTXT, dns.TypeCAA, dns.TypeSOA, dns.TypeHTTPS}

func (t *templates) of(qtype uint16, atName bool) *template {
	i := 0
	for i < len(packedTypes)-1 && packedTypes[i] != qtype {
		i++
	}
	if atName {
		return &t.byType[i][1]
	}
	return &t.byType[i][0]
}

// packedZones are the templates of a directive's zones, as of one view of them.
type packedZones struct {
	apexes *[]apex
	zones  []*templates
}

// packed returns the templates of the zones as they are known now. When the
// view has changed it makes those anew that have to be; that it may do so
// more than once, in several callers, does no harm.
func (n *NoticeAction) packed() *packedZones {
	apexes, old := n.view.apexes.Load(), n.templates.Load()
	if old != nil && old.apexes == apexes {
		return old
	}
	now := &packedZones{apexes: apexes}
	for i := range *apexes {
		a := &(*apexes)[i]
		if old != nil && old.zones[i].soa == a.soa && old.zones[i].profile == a.profile {
			now.zones = append(now.zones, old.zones[i])
			continue
		}
		now.zones = append(now.zones, n.answers.templates(a))
	}
	n.templates.Store(now)
	return now
}

func (a *answerer) templates(of *apex) *templates {
	t := &templates{soa: of.soa, profile: of.profile}
	name := "flagged." + of.zone
	for i, qtype := range packedTypes {
		t.byType[i][0] = a.template(of, "below."+name, name, qtype)
		t.byType[i][1] = a.template(of, name, name, qtype)
	}
	return t
}

// template packs the chain's own answer for a name and cuts the names off.
func (a *answerer) template(of *apex, asked, name string, qtype uint16) (t template) {
	m := a.fill(&query{req: new(dns.Msg).SetQuestion(asked, qtype), owner: asked, name: name, apex: of}).msg
	t.answers = uint16(len(m.Answer))
	for _, rr := range append(m.Answer, m.Ns...) {
		packed, ownerLen := packRecord(rr), len(packName(rr.Header().Name))
		switch rr.Header().Name {
		case asked:
			t.records = append(t.records, packedRecord{ofQuery, packed[ownerLen:]})
			t.byOwner++
		case name:
			t.records = append(t.records, packedRecord{ofName, packed[ownerLen:]})
			t.byName++
		default:
			t.records = append(t.records, packedRecord{ofZone, packed})
		}
		t.length += len(t.records[len(t.records)-1].rest)
	}
	return t
}

// packRecord packs a record of ours, which is valid.
func packRecord(rr dns.RR) []byte {
	buf := make([]byte, dns.Len(rr))
	end, err := dns.PackRR(rr, buf, 0, nil, false)
	if err != nil {
		panic(fmt.Sprintf("packing %s: %v", rr, err))
	}
	return buf[:end]
}

// packName packs a name in lower case, which is valid.
func packName(name string) []byte {
	var buf [256]byte
	end, err := dns.PackDomainName(name, buf[:], 0, nil, false)
	if err != nil {
		panic(fmt.Sprintf("packing the name %q: %v", name, err))
	}
	return buf[:end:end]
}
