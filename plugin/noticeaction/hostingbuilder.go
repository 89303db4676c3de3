package noticeaction

import (
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// hostingBuilder takes the records of a zone, an RRset's records in a row.
type hostingBuilder struct {
	hosting
	zone zones // the one that is read
	view *view

	owner string    // of the NS set being read
	seen  []string  // the names that this set was counted for
	held  []*dns.NS // on exempt hosts, counted if it turns out that these have no address
}

func newHostingBuilder(v *view, zone string) *hostingBuilder {
	return &hostingBuilder{
		view: v, zone: zones{zone},
		hosting: hosting{hosts: *v.hosts.Load(), whole: true, byName: make(map[string]*hosted), exempt: make(map[string]*host)},
	}
}

func (b *hostingBuilder) add(rr dns.RR) {
	switch rr := rr.(type) {
	case *dns.SOA:
		b.serial = rr.Serial
	case *dns.NS:
		b.addServer(rr, false)
	case *dns.A, *dns.AAAA:
		if name := strings.ToLower(rr.Header().Name); b.view.exempt[name] {
			if b.exempt[name] == nil {
				b.exempt[name] = &host{name: name}
			}
			b.exempt[name].take(rr)
		}
	}
}

// addServer counts a delegation for the name that holds its server.
func (b *hostingBuilder) addServer(ns *dns.NS, even bool) {
	if ns.Hdr.Name != b.owner {
		b.owner, b.seen = ns.Hdr.Name, b.seen[:0]
	}
	_, start, ok := b.hosts.registrable(ns.Ns)
	_, own, delegated := b.zone.registrable(b.owner)
	if !ok || !delegated {
		return // hosted elsewhere, or the zone's own servers
	}
	name, owner, server := strings.ToLower(ns.Ns[start:]), strings.ToLower(b.owner[own:]), strings.ToLower(ns.Ns)
	switch {
	case name == owner:
		return
	case b.view.exempt[server] && !even:
		b.held = append(b.held, ns)
		return
	}
	h := b.byName[name]
	if h == nil {
		h = new(hosted)
		b.byName[name] = h
	}
	if len(h.hosts) < maxExamples && !slices.Contains(h.hosts, server) {
		h.hosts = append(h.hosts, server)
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

// finish returns what was read, all records being in.
func (b *hostingBuilder) finish() *hosting {
	for _, ns := range b.held {
		if server := strings.ToLower(ns.Ns); b.exempt[server] == nil && !b.view.answersExempt(server) {
			b.addServer(ns, true)
		}
	}
	return &b.hosting
}

// answersExempt reports whether an address of the exempt host is known.
func (v *view) answersExempt(name string) bool {
	zone, _, ok := v.zones.registrable(name)
	return ok && v.apex(zone).exempt[name] != nil
}
