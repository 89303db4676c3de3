package noticeaction

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// hosting is which names of a zone hold name servers of other names in it,
// as of one version of the zone. Immutable. It is small even for a large
// zone: few names host others.
type hosting struct {
	serial uint32
	hosts  zones              // whose names were looked for
	byName map[string]*hosted // by registrable name, lower case, with the final dot
}

// hosted is what one name's hosts serve.
type hosted struct {
	count    int      // other names delegated to them
	hosts    []string // some of the hosts that are name servers
	examples []string // some of the names
}

// maxExamples is how many hosts and names a refusal can show.
const maxExamples = 5

// of returns what the hosts at or below name serve; h may be nil.
func (h *hosting) of(name string) hosted {
	if h == nil || h.byName[name] == nil {
		return hosted{}
	}
	return *h.byName[name]
}

// pacer keeps whole-zone reads of a zone that changes all the time to a
// tenth of the clock.
type pacer struct{ next time.Time }

func (p *pacer) ready(now time.Time) bool { return !now.Before(p.next) }

func (p *pacer) took(begin, end time.Time) { p.next = end.Add(9 * end.Sub(begin)) }

// learnHosting reads each zone that was not read yet or has a new serial.
// Called with learning held.
func (v *view) learnHosting(ctx context.Context) {
	for i := range v.zones {
		apex := v.apex(i)
		h := v.hostingOf(i)
		if !apex.known || h != nil && (h.serial == apex.soa.Serial || !v.due[i].ready(time.Now())) {
			continue
		}
		begin := time.Now()
		if h := v.readHosting(ctx, v.zones[i]); h != nil {
			v.hosting[i].Store(h)
		}
		v.due[i].took(begin, time.Now())
	}
}

// hostingOf returns what was read of a zone; nil if it was not, or not for all
// the zones of today.
func (v *view) hostingOf(zone int) *hosting {
	h := v.hosting[zone].Load()
	if h == nil || !slices.Equal(h.hosts, *v.hosts.Load()) {
		return nil
	}
	return h
}

// readHosting walks a whole zone once, as a transfer would show it. It
// returns nil if no plugin behind can show it or ctx ended first.
func (v *view) readHosting(ctx context.Context, zone string) *hosting {
	for _, t := range v.transferers {
		records, err := t.Transfer(zone, 0)
		if err != nil {
			continue
		}
		b := hostingBuilder{zone: zones{zone}, hosts: *v.hosts.Load(), exempt: v.exempt, byName: make(map[string]*hosted)}
		for rrs := range records {
			if ctx.Err() != nil {
				continue // the sender ends only when all is read
			}
			for _, rr := range rrs {
				b.add(rr)
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		return &hosting{serial: b.serial, hosts: b.hosts, byName: b.byName}
	}
	return nil
}

// hostingBuilder takes the records of a zone, an RRset's records in a row.
type hostingBuilder struct {
	zone   zones   // the one that is read
	hosts  zones   // those whose names may hold its name servers
	exempt hostSet // hosts that a redirect leaves alone
	serial uint32
	byName map[string]*hosted

	owner string   // of the NS set being read
	seen  []string // the names that this set was counted for
}

func (b *hostingBuilder) add(rr dns.RR) {
	switch rr := rr.(type) {
	case *dns.SOA:
		b.serial = rr.Serial
	case *dns.NS:
		if rr.Hdr.Name != b.owner {
			b.owner, b.seen = rr.Hdr.Name, b.seen[:0]
		}
		b.addServer(rr)
	}
}

func (b *hostingBuilder) addServer(ns *dns.NS) {
	_, start, ok := b.hosts.registrable(ns.Ns)
	_, own, delegated := b.zone.registrable(b.owner)
	if !ok || !delegated {
		return // hosted elsewhere, or the zone's own servers
	}
	name, owner := strings.ToLower(ns.Ns[start:]), strings.ToLower(b.owner[own:])
	host := strings.ToLower(ns.Ns)
	if name == owner || b.exempt[host] {
		return
	}
	h := b.byName[name]
	if h == nil {
		h = new(hosted)
		b.byName[name] = h
	}
	if len(h.hosts) < maxExamples && !slices.Contains(h.hosts, host) {
		h.hosts = append(h.hosts, host)
	}
	if slices.Contains(b.seen, name) {
		return // another server of the same name
	}
	b.seen = append(b.seen, name)
	h.count++
	if len(h.examples) < maxExamples {
		h.examples = append(h.examples, owner)
	}
}
