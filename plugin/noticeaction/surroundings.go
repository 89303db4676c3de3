package noticeaction

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/reach"
)

// serversOf returns the host names of a zone's name servers, and whether every
// view of the zone knows them.
func serversOf(claims []*claim, zone string) (hosts []string, known bool) {
	known = true
	for _, c := range claims {
		if !slices.Contains(c.handler.zones, zone) {
			continue
		}
		c.handler.view.await()
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
	for _, c := range claims {
		if zone, start, ok := c.handler.zones.registrable(fqdn); ok && start == 0 && !s.Known {
			c.handler.delegation(&s, zone, fqdn)
		}
	}
	for _, c := range claims {
		c.handler.hosting(&s, fqdn)
	}
	return s
}

// delegation fills in what the name's own zone holds.
func (n *NoticeAction) delegation(s *casework.Surroundings, zone int, fqdn string) {
	d := n.view.delegation(context.Background(), fqdn)
	s.Known, s.Delegated, s.DS = d.known, len(d.servers) > 0, d.ds
	s.Servers = withoutDots(d.servers)
	s.DelegationTTL, s.DSTTL, s.AnswerTTL = seconds(d.ttl), seconds(d.dsTTL), seconds(n.answers.ttl)
	s.Unsigned = n.view.apex(zone).profile == profileInsecure
}

// await lets a view that has gaps, as at the start, look again first.
func (v *view) await() {
	if !v.complete() {
		v.refresh(context.Background())
	}
}

// hosting adds the names of this directive's zones that the name serves. While
// a zone is yet to be read whole nothing is known.
func (n *NoticeAction) hosting(s *casework.Surroundings, fqdn string) {
	n.view.await()
	for i := range n.zones {
		h := n.view.hostingOf(i)
		switch {
		case h == nil && len(n.view.transferers) > 0:
			s.Known = false
		case h == nil:
			s.HostsKnown = false
		}
		found := h.of(fqdn)
		s.HostsOf += found.count
		s.Hosts = append(s.Hosts, withoutDots(found.hosts)...)
		s.Examples = append(s.Examples, withoutDots(found.examples)...)
	}
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
