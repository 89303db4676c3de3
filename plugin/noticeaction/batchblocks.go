package noticeaction

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/coredns/caddy"
	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	pkgparse "github.com/coredns/coredns/plugin/pkg/parse"
	"github.com/coredns/coredns/plugin/pkg/transport"

	"github.com/miekg/dns"
)

// block is another server block at a port of ours.
type block struct {
	zones   []string
	plugins []string
}

type blocks []block

// notBeside are plugins that want CoreDNS's own UDP sockets to themselves.
var notBeside = []string{"shed", "multisocket", "proxyproto"}

// otherBlocks reads the instance's Corefile for the server blocks that share a
// port with ours: CoreDNS shows a plugin its own alone.
func otherBlocks(c *caddy.Controller, instance *caddy.Instance, own []*dnsserver.Config) (others blocks, err error) {
	if instance == nil {
		return nil, nil
	}
	input := instance.Caddyfile()
	all, err := caddyfile.Parse(input.Path(), bytes.NewReader(input.Body()), nil)
	if err != nil {
		return nil, fmt.Errorf("udp_batch: reading the Corefile's other server blocks: %w", err)
	}
	for i, sb := range all {
		if i == c.ServerBlockIndex {
			continue
		}
		b := block{zones: zonesAt(sb.Keys, own), plugins: slices.Sorted(maps.Keys(sb.Tokens))}
		if len(b.zones) == 0 {
			continue
		}
		for _, name := range notBeside {
			if slices.Contains(b.plugins, name) {
				return nil, fmt.Errorf("udp_batch: expected no %s at the same port, got one in the server block of %s", name, b.zones[0])
			}
		}
		others = append(others, b)
	}
	return others, nil
}

// zonesAt are the zones of the keys that stand for plain DNS at a port of own.
// CoreDNS has vetted the keys.
func zonesAt(keys []string, own []*dnsserver.Config) (zones []string) {
	for _, key := range keys {
		protocol, rest := pkgparse.Transport(key)
		hosts, port, err := plugin.SplitHostPort(rest)
		if err != nil || protocol != transport.DNS {
			continue
		}
		port = cmp.Or(port, dnsserver.Port)
		if slices.ContainsFunc(own, func(c *dnsserver.Config) bool { return c.Transport == transport.DNS && c.Port == port }) {
			for _, host := range hosts {
				zones = append(zones, plugin.Name(host).Normalize())
			}
		}
	}
	return zones
}

// serve tells whether one of the blocks serves the zone, where ours does as
// part of the zone own.
func (b blocks) serve(zone, own string) bool {
	return slices.ContainsFunc(b, func(o block) bool {
		theirs := plugin.Zones(o.zones).Matches(zone)
		return theirs != "" && len(theirs) >= len(own)
	})
}

// zonesBelow are the blocks' zones that lie below one of zones.
func (b blocks) zonesBelow(zones zones) (below []string) {
	for _, o := range b {
		for _, zone := range o.zones {
			if plugin.Zones(zones).Matches(zone) != "" && !slices.Contains(zones, zone) {
				below = append(below, zone)
			}
		}
	}
	return below
}

// opcodes are those that the blocks' plugins have opted into: CoreDNS takes
// them for the whole listener.
func (b blocks) opcodes() []int {
	if slices.ContainsFunc(b, func(o block) bool { return slices.Contains(o.plugins, "dynupdate") }) {
		return []int{dns.OpcodeUpdate}
	}
	return nil
}
