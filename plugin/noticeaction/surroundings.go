package noticeaction

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/reach"
)

// surroundings tells the desk what the zone behind holds at and around a
// name. It is asked now, so it is right after a reload or transfer of the
// zone; who hosts whom is as of the last whole read. Safe for concurrent use.
func (n *NoticeAction) surroundings(name string) casework.Surroundings {
	zone, _, ok := n.zones.registrable(name + ".")
	if !ok {
		return casework.Surroundings{}
	}
	d := n.view.delegation(context.Background(), name+".")
	<-n.view.begun // at the start it takes a moment to read a large zone
	hosting := n.view.hosting[zone].Load()
	h := hosting.of(name + ".")
	return casework.Surroundings{
		Known:         d.known,
		Delegated:     len(d.servers) > 0,
		Servers:       withoutDots(d.servers),
		DelegationTTL: seconds(d.ttl),
		DS:            d.ds,
		DSTTL:         seconds(d.dsTTL),
		Unsigned:      n.answers.profiles[zone] == profileInsecure,
		HostsKnown:    hosting != nil,
		HostsOf:       h.count,
		Hosts:         withoutDots(h.hosts),
		Examples:      withoutDots(h.examples),
		AnswerTTL:     seconds(n.answers.ttl),
	}
}

// lookUp returns what asks the configured resolvers where a name can be
// reached; nil when there are none. What it learns of a redirect of ours is
// not taken for the truth.
func lookUp(running []*claim, zoneServers func(zone string) []string) func(context.Context, string) (reach.Record, error) {
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
		return resolver.Look(ctx, name, reach.Redirect{Addresses: pages, Servers: withoutDots(zoneServers(zone + "."))})
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
