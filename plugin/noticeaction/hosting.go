package noticeaction

import (
	"context"
	"slices"
	"time"

	"github.com/miekg/dns"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"
)

// hosting is which names a zone delegates, and which of them hold name servers
// of other names in it, as of one version of the zone. Immutable. The names take
// some 22 bytes each; few names host others.
type hosting struct {
	serial uint32
	hosts  zones              // whose names were looked for
	whole  bool               // false: no plugin behind can show the zone, and nothing is known
	byName map[string]*hosted // by registrable name, lower case, with the final dot
	exempt map[string]*host   // the exempt hosts that the zone has addresses for

	delegated *redirect.Table // with withDS or withoutDS for the authority
}

// What the table of delegations has in the place of authorities.
const (
	withDS    = "ds"
	withoutDS = "ns"
)

// delegates tells whether a name is delegated, and whether it has a DS record.
// It wants the name without the final dot; h may be nil.
func (h *hosting) delegates(name string) (ds, ok bool) {
	if h == nil || h.delegated == nil {
		return false, false
	}
	id, ok := h.delegated.Lookup(name)
	return ok && h.delegated.Authority(id) == withDS, ok
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
	for _, i := range v.order {
		apex := v.apex(i)
		h := v.hostingOf(i)
		if !apex.known || h != nil && (h.serial == apex.soa.Serial || !v.due[i].ready(time.Now())) {
			continue
		}
		begin := time.Now()
		h = v.readHosting(ctx, i)
		if h == nil {
			return
		}
		v.due[i].took(begin, time.Now())
		if h.whole {
			v.setExempt(i, h.exempt)
		}
		v.hosting[i].Store(h)
	}
}

// readingOrder has the zones with exempt hosts first: which of these have an
// address decides how their servers are counted in all zones.
func readingOrder(zones zones, exempt hostSet) (order []int) {
	holds := func(zone string) bool {
		for name := range exempt {
			if dns.IsSubDomain(zone, name) {
				return true
			}
		}
		return false
	}
	for _, first := range []bool{true, false} {
		for i, zone := range zones {
			if holds(zone) == first {
				order = append(order, i)
			}
		}
	}
	return order
}

// setExempt has the exempt hosts of a zone answered with these addresses. A
// host that has none is redirected like the rest: the zone would refer
// resolvers to the holder's servers, for all of the name.
func (v *view) setExempt(zone int, found map[string]*host) {
	apexes := slices.Clone(*v.apexes.Load())
	for name := range v.exempt {
		had, first := apexes[zone].exempt[name], v.hosting[zone].Load() == nil
		if found[name] == nil && (had != nil || first) && dns.IsSubDomain(v.zones[zone], name) {
			log.Warningf("%s: exempt %s: the zone has no address for it, so it is redirected like the rest of its name", v.at, name)
		}
	}
	apexes[zone].exempt = found
	v.apexes.Store(&apexes)
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

// readHosting walks a whole zone once, as a transfer would show it. It returns
// nil if ctx ended first.
func (v *view) readHosting(ctx context.Context, zone int) *hosting {
	for _, t := range v.transferers {
		records, err := t.Transfer(v.zones[zone], 0)
		if err != nil {
			continue
		}
		return newHostingBuilder(v, v.zones[zone]).read(ctx, records)
	}
	return &hosting{serial: v.apex(zone).soa.Serial, hosts: *v.hosts.Load()}
}

// drain reads what is left of a transfer: its sender, a goroutine of the
// plugin's, ends only with the zone.
func drain(records <-chan []dns.RR) {
	for range records {
		continue
	}
}
