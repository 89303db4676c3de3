package noticeaction

import (
	"fmt"
	"net"
	"runtime"
	"slices"
	"strconv"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/metrics"
	"github.com/coredns/coredns/plugin/pkg/transport"

	"github.com/miekg/dns"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/api"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/wire"
)

// inFrontHarmless are the plugins that may stand in front of ours and still
// have queries answered inside the packet: errors sees only failures,
// prometheus is counted for, dnssec wants only queries with DO or for keys.
var inFrontHarmless = []string{"errors", "prometheus", "dnssec"}

// batch is what a directive with udp_batch has of the server.
type batch struct {
	claims []*wire.Claim
	chain  string // why all queries take the chain; empty: those for flagged names need not
}

// readUDPBatch reads the line, and refuses it beside what else wants CoreDNS's
// UDP sockets; those plugins' directives come before ours.
func readUDPBatch(cfg *config, c *caddy.Controller, args []string) error {
	cfg.sockets = min(runtime.GOMAXPROCS(0), runtime.NumCPU()) // there may be more for a while
	if len(args) > 0 {
		cfg.sockets, _ = strconv.Atoi(args[0])
	}
	expected := fmt.Sprintf("[SOCKETS] (1 to %d)", wire.MaxSockets)
	if err := wantArgs(c, args, len(args) < 2 && 1 <= cfg.sockets && cfg.sockets <= wire.MaxSockets, "udp_batch", expected); err != nil {
		return err
	}
	server := dnsserver.GetConfig(c)
	switch {
	case runtime.GOOS != "linux":
		return c.Errf("udp_batch: %v, got %s", wire.ErrUnsupported, runtime.GOOS)
	case server.NumSockets > 0:
		return c.Err("udp_batch: expected no multisocket beside it; it has sockets of its own")
	case server.ProxyProtoConnPolicy != nil:
		return c.Err("udp_batch: expected no proxyproto beside it")
	case server.UDPDecorateWriterFunc != nil:
		return c.Err("udp_batch: expected no other plugin that writes UDP, such as shed, beside it")
	case !slices.ContainsFunc(configsOf(c), func(cfg *dnsserver.Config) bool { return cfg.Transport == transport.DNS }):
		return c.Err("udp_batch: expected a server block with plain DNS")
	}
	return nil
}

// openBatch claims the addresses of the directive's server block, once all
// plugins are compiled.
func (held *claim) openBatch(c *caddy.Controller) error {
	configs, n := configsOf(c), held.handler
	others, err := otherBlocks(c, held.instance, configs)
	if err != nil {
		return err
	}
	b := &batch{chain: n.chainOnly(configs, others)}
	opcodes := others.opcodes()
	if configs[0].Handler("dynupdate") != nil {
		opcodes = append(opcodes, dns.OpcodeUpdate)
	}
	for _, address := range addressesOf(configs) {
		config := wire.Config{
			Address: address, Sockets: held.cfg.sockets, Opcodes: opcodes, Debug: configs[0].Debug,
			Log: func(line string) { log.Error(line) },
		}
		if b.chain == "" {
			config.Answerer = n.inPacket(configs[0], address, others)
		}
		claim, err := wire.Acquire(held.instance, config)
		if err != nil {
			b.release()
			return fmt.Errorf("udp_batch: %w", err)
		}
		b.claims = append(b.claims, claim)
	}
	b.tell(held.cfg)
	held.batch.Store(b)
	return nil
}

// tell logs what was decided.
func (b *batch) tell(cfg *config) {
	if b.chain != "" {
		log.Warningf("%s: udp_batch: all queries take the plugin chain, for %s", cfg.at, b.chain)
		return
	}
	log.Infof("%s: udp_batch: queries for flagged names are answered inside the packet", cfg.at)
}

// batchesOf describes what the directives have.
func batchesOf(claims []*claim) []api.Batch {
	all := []api.Batch{}
	for _, c := range claims {
		b := c.batch.Load()
		if b == nil {
			continue
		}
		for _, address := range b.claims {
			all = append(all, api.Batch{Address: address.Address(), Sockets: address.Sockets(), InPacket: b.chain == "", Chain: b.chain})
		}
	}
	return all
}

// release gives the claims up; b may be nil.
func (b *batch) release() {
	if b == nil {
		return
	}
	for _, c := range b.claims {
		c.Release()
	}
}

// serveBatches is the hook that CoreDNS calls for each of its UDP sockets once
// all are bound. It leaves CoreDNS's own writer alone.
func serveBatches(instance *caddy.Instance) func(*dnsserver.Server) dns.DecorateWriter {
	return func(s *dnsserver.Server) dns.DecorateWriter {
		wire.Serve(instance, s)
		return nil
	}
}

// configsOf are the configs of the server block's keys.
func configsOf(c *caddy.Controller) (configs []*dnsserver.Config) {
	for i := range c.ServerBlockKeys {
		key := *c
		key.ServerBlockKeyIndex = i
		configs = append(configs, dnsserver.GetConfig(&key))
	}
	return configs
}

// addressesOf are the addresses of plain DNS that the configs listen at, as
// CoreDNS names them.
func addressesOf(configs []*dnsserver.Config) (addresses []string) {
	for _, c := range configs {
		if c.Transport != transport.DNS {
			continue
		}
		for _, host := range c.ListenHosts {
			addr, err := net.ResolveTCPAddr("tcp", net.JoinHostPort(host, c.Port))
			if err != nil {
				continue // CoreDNS refuses it
			}
			addresses = append(addresses, c.Transport+"://"+addr.String())
		}
	}
	slices.Sort(addresses)
	return slices.Compact(addresses)
}

// chainOnly says why every query has to take the chain; empty: none has to.
// configs are those of the server block's keys, which share a chain.
func (n *NoticeAction) chainOnly(configs []*dnsserver.Config, others blocks) string {
	server := configs[0]
	if n.observe {
		return "observe: nothing is redirected"
	}
	if server.ViewName != "" || len(server.FilterFuncs) > 0 {
		return "view: it chooses who is answered"
	}
	known := 0
	for _, h := range server.Handlers() {
		if h.Name() == pluginName {
			break
		}
		known++
		if !slices.Contains(inFrontHarmless, h.Name()) {
			return h.Name() + ": it has to see each query"
		}
	}
	if known != n.inFront {
		return "a plugin in front is not known"
	}
	for _, zone := range n.zones {
		if reason := servedElsewhere(zone, configs, others); reason != "" {
			return reason
		}
	}
	return n.countedApart(server)
}

// servedElsewhere says why CoreDNS may give a query for a zone to another
// server block than that of configs, or to none: at each port the most
// specific zone decides.
func servedElsewhere(zone string, configs []*dnsserver.Config, others blocks) string {
	for _, c := range configs {
		var here plugin.Zones
		for _, o := range configs {
			if o.Transport == transport.DNS && o.Port == c.Port {
				here = append(here, o.Zone)
			}
		}
		switch own := here.Matches(zone); {
		case c.Transport != transport.DNS:
		case own == "":
			return "port " + c.Port + ": " + zone + " is not served there"
		case others.serve(zone, own):
			return "another server block serves " + zone + " too"
		}
	}
	return ""
}

// countedApart says whether prometheus counts names below a zone of ours by
// another zone.
func (n *NoticeAction) countedApart(server *dnsserver.Config) string {
	m, ok := server.Handler("prometheus").(*metrics.Metrics)
	if !ok {
		return ""
	}
	for _, counted := range m.ZoneNames() {
		if !slices.Contains(n.zones, counted) && plugin.Zones(n.zones).Matches(counted) != "" {
			return "prometheus: it counts " + counted + " apart"
		}
	}
	return ""
}

// inPacket returns what answers at an address.
func (n *NoticeAction) inPacket(server *dnsserver.Config, address string, others blocks) *inPacket {
	p := &inPacket{n: n, server: address, signer: server.Handler("dnssec") != nil}
	m, counted := server.Handler("prometheus").(*metrics.Metrics)
	for _, zone := range n.zones {
		z := newPacketZone(zone)
		if counted {
			label := plugin.Zones(m.ZoneNames()).Matches(zone)
			if label == "" {
				label = "."
			}
			z.meter = wire.NewMeter(address, label, behindPrometheus(server), typeLabel)
		}
		p.zones = append(p.zones, z)
	}
	for _, zone := range others.zonesBelow(n.zones) {
		p.apart = append(p.apart, newPacketZone(zone))
	}
	return p
}

// behindPrometheus is the plugin that CoreDNS's metrics say an answer comes
// from: the next one, whoever behind it writes.
func behindPrometheus(server *dnsserver.Config) string {
	all := server.Handlers()
	i := slices.IndexFunc(all, func(h plugin.Handler) bool { return h.Name() == "prometheus" })
	return all[i+1].Name()
}
