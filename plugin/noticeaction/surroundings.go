package noticeaction

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/reach"
)

// serversOf returns the host names of a zone's name servers, and whether every
// view of the zone knows them.
func serversOf(claims []*claim, zone string) (hosts []string, known bool) {
	known = true
	for _, c := range claims {
		i := slices.Index(c.handler.zones, zone)
		if i < 0 {
			continue
		}
		c.handler.view.await(i)
		servers, ok := c.handler.view.servers(zone)
		hosts, known = append(hosts, servers...), known && ok
	}
	return hosts, known
}

// surroundings tells the desk what the zones behind hold at and around a name.
// The delegation is asked for now, so it is right after a reload or transfer;
// who hosts whom is as of the last whole read. Safe for concurrent use.
func surroundings(claims []*claim, name string) casework.Surroundings {
	fqdn := name + "."
	s := casework.Surroundings{HostsKnown: true}
	most := make(map[string]hosted) // by zone: one may be served in several views
	for _, c := range claims {
		n := c.handler
		if zone, start, ok := n.zones.registrable(fqdn); ok && start == 0 && !s.Known {
			n.view.await(zone)
			n.delegation(&s, zone, fqdn)
		}
		for i, zone := range n.zones {
			h := n.view.hostingOf(i)
			s.HostsKnown = s.HostsKnown && h != nil && h.whole
			if found := h.of(fqdn); found.count > most[zone].count {
				most[zone] = found
			}
		}
	}
	for _, found := range most {
		s.HostsOf += found.count
		s.Hosts = append(s.Hosts, withoutDots(found.hosts)...)
		s.Examples = append(s.Examples, withoutDots(found.examples)...)
	}
	slices.Sort(s.Hosts)
	slices.Sort(s.Examples)
	s.Hosts = slices.Compact(s.Hosts)
	return s
}

// glance tells what surroundings would tell of a name but for its servers and
// TTLs, without asking the zone about it: from when it was read whole, in the version that
// it still has, by what was last learned or with now by what it says itself. It leaves to
// surroundings what takes more to tell. Safe for concurrent use.
func glance(claims []*claim, name string, now bool) (s casework.Surroundings, ok bool) {
	fqdn := name + "."
	for _, c := range claims {
		v := c.handler.view
		zone, start, within := v.zones.registrable(fqdn)
		var own *hosting
		for i := range v.zones {
			h := v.hostingOf(i)
			if h == nil || !h.whole || h.of(fqdn).count > 0 {
				return s, false
			}
			if i == zone {
				own = h
			}
		}
		if !within || start != 0 || s.Known {
			continue
		}
		apex := v.apex(zone)
		if !apex.known || own.serial != apex.soa.Serial || now && !v.hasSerial(zone, own.serial) {
			return s, false
		}
		s.Known, s.HostsKnown, s.Unsigned = true, true, apex.profile == profileInsecure
		if s.DS, s.Delegated = own.delegates(name); s.DS && s.Unsigned {
			return s, false
		}
	}
	return s, s.Known
}

// hasSerial asks a zone whether it has a serial.
func (v *view) hasSerial(zone int, serial uint32) bool {
	soa := v.records(context.Background(), v.zones[zone], dns.TypeSOA)
	return len(soa) > 0 && soa[0].(*dns.SOA).Serial == serial
}

// delegation fills in what the name's own zone holds.
func (n *NoticeAction) delegation(s *casework.Surroundings, zone int, fqdn string) {
	d := n.view.delegation(context.Background(), fqdn)
	s.Known, s.Delegated, s.DS = d.known && n.view.complete(zone), len(d.servers) > 0, d.ds
	s.Servers = withoutDots(d.servers)
	s.DelegationTTL, s.DSTTL, s.AnswerTTL = seconds(d.ttl), seconds(d.dsTTL), seconds(n.answers.ttl)
	s.NegativeTTL = seconds(n.view.apex(zone).negativeTTL(maxTTL))
	s.Unsigned = n.view.apex(zone).profile == profileInsecure
}

// lookUp returns what asks the configured resolvers where a name can be
// reached; nil when there are none. What it learns of a redirect of ours is
// not taken for the truth.
func lookUp(running []*claim) func(context.Context, string) (reach.Record, error) {
	if len(running[0].cfg.resolvers) == 0 {
		return nil
	}
	resolver := reach.NewResolver(running[0].cfg.resolvers...)
	var pages []netip.Addr
	for _, c := range running {
		pages = append(pages, c.cfg.addresses...)
	}
	return func(ctx context.Context, name string) (reach.Record, error) {
		_, zone, _ := strings.Cut(name, ".")
		servers, _ := serversOf(running, zone+".")
		return resolver.Look(ctx, name, reach.Redirect{Addresses: pages, Servers: withoutDots(servers)})
	}
}

func seconds(ttl uint32) time.Duration { return time.Duration(ttl) * time.Second }

func withoutDots(names []string) []string {
	var out []string
	for _, name := range names {
		out = append(out, strings.TrimSuffix(name, "."))
	}
	return out
}
