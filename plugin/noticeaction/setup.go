// Package noticeaction is a CoreDNS plugin that answers queries for flagged
// names with the address of an authority's warning page, on the registry's
// authoritative servers. It is the one room that knows CoreDNS: it reads the
// Corefile, answers queries from the published table, learns what it needs of
// the zones behind, and wires the desk together. It decides nothing about
// which name is flagged and never reads the store on a query.
package noticeaction

import (
	"context"
	"fmt"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	clog "github.com/coredns/coredns/plugin/pkg/log"
)

var log = clog.NewWithPlugin(pluginName)

func init() { plugin.Register(pluginName, setup) }

func setup(c *caddy.Controller) error {
	cfg, err := parse(c)
	if err != nil {
		return plugin.Error(pluginName, err)
	}
	n := newNoticeAction(cfg)
	dnsserver.GetConfig(c).AddPlugin(func(next plugin.Handler) plugin.Handler {
		n.Next = next
		return n
	})

	instance := newestInstance()
	var held *claim
	c.OnStartup(func() error {
		var err error
		if held, err = n.start(instance, cfg); err != nil {
			return plugin.Error(pluginName, fmt.Errorf("%s: %w", cfg.at, err))
		}
		return nil
	})
	c.OnShutdown(func() error { return held.release() })
	c.OnRestartFailed(abandon)
	return nil
}

// newestInstance is the one being set up: Caddy lists it before it runs the
// directives.
func newestInstance() *caddy.Instance {
	if all := caddy.Instances(); len(all) > 0 {
		return all[len(all)-1]
	}
	return nil
}

func newNoticeAction(cfg *config) *NoticeAction {
	n := &NoticeAction{zones: newZones(cfg.origins), observe: cfg.observe}
	n.answers = answerer{profile: cfg.profile, ttl: cfg.ttl, mailNull: cfg.mailNull}
	n.answers.v4, n.answers.v6 = addresses(cfg.addresses)
	n.count.vec = redirectsTotal
	if cfg.observe {
		n.count.vec = observedTotal
	}
	n.apexes.forget(n.zones, cfg.host, cfg.ttl)
	return n
}

// start joins the desk and begins to learn the zones behind. It runs before
// the first query of the instance.
func (n *NoticeAction) start(instance *caddy.Instance, cfg *config) (*claim, error) {
	if n.answers.profile == profileAuto {
		n.answers.profile = profileInsecure
	}
	ctx, cancel := context.WithCancel(context.Background())
	n.apexes.learn(ctx, n.Next)
	c, err := acquire(instance, cfg, n.apexes.servers)
	if err != nil {
		cancel()
		return nil, err
	}
	n.redirect = c.desk.set
	c.stop = cancel
	c.stopped.Go(func() { n.apexes.run(ctx, n.Next) })
	if len(cfg.addresses) == 0 {
		log.Warningf("%s: warning_page has no address: visitors of flagged names reach nothing", cfg.at)
	}
	return c, nil
}
