package noticeaction

import (
	"context"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"
)

// hostingBuilder takes the records of a zone, an RRset's records in a row.
type hostingBuilder struct {
	hosting
	zone zones // the one that is read
	view *view

	owner string    // of the NS set being read
	seen  []string  // the names that this set was counted for
	held  []*dns.NS // on exempt hosts, counted if it turns out that these have no address

	at         string // owner of the record being read; all of an owner come in a row
	cut, hasDS bool   // what it has
}

func newHostingBuilder(v *view, zone string) *hostingBuilder {
	return &hostingBuilder{
		view: v, zone: zones{zone},
		hosting: hosting{hosts: *v.hosts.Load(), whole: true, byName: make(map[string]*hosted), exempt: make(map[string]*host)},
	}
}

// read takes in all records of a transfer. It returns nil if ctx ended first.
func (b *hostingBuilder) read(ctx context.Context, records <-chan []dns.RR) *hosting {
	names := redirect.NewSet()
	err := names.Load(0, func(yield func(redirect.Entry) bool) {
		for rrs := range records {
			if ctx.Err() != nil {
				return
			}
			for _, rr := range rrs {
				if rr.Header().Name != b.at && !b.next(rr.Header().Name, yield) {
					return
				}
				b.add(rr)
			}
		}
		b.next("", yield)
	})
	if ctx.Err() != nil {
		go drain(records)
		return nil
	}
	if err != nil { // there are more names than a table can hold
		go drain(records)
		return &hosting{serial: b.serial, hosts: b.hosts}
	}
	b.delegated = names.Table()
	return b.finish()
}

// next passes on the delegation that was read, if it was one, and begins another owner.
func (b *hostingBuilder) next(owner string, yield func(redirect.Entry) bool) bool {
	was, cut, ds := b.at, b.cut, b.hasDS
	b.at, b.cut, b.hasDS = owner, false, false
	if _, start, ok := b.zone.registrable(was); !cut || !ok || start != 0 {
		return true
	}
	e := redirect.Entry{Name: strings.TrimSuffix(strings.ToLower(was), "."), Authority: withoutDS}
	if ds {
		e.Authority = withDS
	}
	return yield(e)
}

func (b *hostingBuilder) add(rr dns.RR) {
	switch rr := rr.(type) {
	case *dns.DS:
		b.hasDS = true
	case *dns.SOA:
		b.serial = rr.Serial
	case *dns.NS:
		b.cut = true
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
