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
	"github.com/coredns/coredns/plugin/file"
	clog "github.com/coredns/coredns/plugin/pkg/log"
	"github.com/coredns/coredns/plugin/transfer"
)

var log = clog.NewWithPlugin(pluginName)

func init() { plugin.Register(pluginName, setup) }

func setup(c *caddy.Controller) error {
	cfg, err := parse(c)
	if err != nil {
		return plugin.Error(pluginName, err)
	}
	n := newNoticeAction(cfg)
	n.inFront = len(dnsserver.GetConfig(c).Plugin)
	dnsserver.GetConfig(c).AddPlugin(func(next plugin.Handler) plugin.Handler {
		n.Next = next
		return n
	})

	instance := newestInstance()
	if cfg.sockets > 0 {
		dnsserver.GetConfig(c).UDPDecorateWriterFunc = serveBatches(instance)
	}
	var held *claim
	c.OnStartup(func() error {
		server := dnsserver.GetConfig(c)
		if err := serialsTell(server.Handlers(), n.zones); err != nil {
			return plugin.Error(pluginName, fmt.Errorf("%s: %w", cfg.at, err))
		}
		n.view.transferers, n.view.signer = transferers(server), server.Handler("dnssec")
		var err error
		if held, err = n.start(instance, cfg); err != nil {
			return plugin.Error(pluginName, fmt.Errorf("%s: %w", cfg.at, err))
		}
		if cfg.sockets > 0 {
			if err := held.openBatch(c); err != nil {
				return plugin.Error(pluginName, fmt.Errorf("%s: %w", cfg.at, err))
			}
		}
		return nil
	})
	c.OnShutdown(func() error { return held.release() })
	onRestartFailed(instance, c)
	return nil
}

// onRestartFailed has abandon called when a reload fails: this instance's own
// callback is for reloads after it, and the instance before it needs one too
// if it did not have this plugin.
func onRestartFailed(instance *caddy.Instance, c *caddy.Controller) {
	c.OnRestartFailed(abandon)
	for _, other := range caddy.Instances() {
		if other != instance && !holdsClaims(other) {
			other.OnRestartFailed = append(other.OnRestartFailed, abandon)
		}
	}
}

// transferers are the plugins of the server block that can show a whole zone.
func transferers(server *dnsserver.Config) (all []transfer.Transferer) {
	for _, h := range server.Handlers() {
		if t, ok := h.(transfer.Transferer); ok {
			all = append(all, t)
		}
	}
	return all
}

// serialsTell refuses zones that file changes without a new serial: what is
// read of a whole zone is read again when the serial is new.
func serialsTell(handlers []plugin.Handler, zones zones) error {
	for _, h := range handlers {
		f, ok := h.(file.File)
		if !ok {
			continue
		}
		for _, zone := range zones {
			if z := f.Z[zone]; z != nil && z.ReloadByMtime {
				return fmt.Errorf("expected a new serial with each change of %s, but file has reload_by_mtime", zone)
			}
		}
	}
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
	v := newView(cfg)
	n := &NoticeAction{zones: v.zones, view: v, observe: cfg.observe, preserve: cfg.preserve, probes: cfg.probe}
	n.view.next = func() plugin.Handler { return n.Next }
	n.answers = answerer{ttl: cfg.ttl, mailNull: cfg.mailNull}
	n.answers.v4, n.answers.v6 = addresses(cfg.addresses)
	n.count.vec = redirectsTotal
	if cfg.observe {
		n.count.vec = observedTotal
	}
	return n
}

// start joins the desk and begins to learn the zones behind. It runs before
// the first query of the instance.
func (n *NoticeAction) start(instance *caddy.Instance, cfg *config) (*claim, error) {
	ctx, cancel := context.WithCancel(context.Background())
	var c *claim
	err := n.view.learnApexes(ctx)
	if len(cfg.exempt) > 0 { // their addresses may stand anywhere in the zone
		n.view.learnHosting(ctx)
	}
	if err == nil {
		c, err = acquire(instance, cfg, n)
	}
	if err != nil {
		cancel()
		return nil, err
	}
	n.redirect, n.mailboxes, n.desk = c.desk.set, &c.desk.mailboxes, c.desk
	n.answers.issuer = c.desk.certs.issuer(cfg)
	c.stop = cancel
	c.stopped.Go(func() { n.view.run(ctx) })
	if len(cfg.addresses) == 0 {
		log.Warningf("%s: warning_page has no address: visitors of flagged names reach nothing", cfg.at)
	}
	n.started.Store(true)
	return c, nil
}
