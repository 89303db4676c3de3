package noticeaction

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/api"
)

// apiGrace is how long requests under way may take when an address closes.
const apiGrace = 5 * time.Second

// listen opens the admin addresses of cfg that are not open yet.
func (d *desk) listen(cfg *config) error {
	for _, addr := range cfg.admin {
		if s := d.servers[addr]; s != nil && s.Alive() {
			if s.Secure() != secure(addr, cfg) {
				return fmt.Errorf("admin: expected a restart, not a reload, to turn TLS on or off at %s", addr)
			}
			continue
		}
		if owner := ownerOf(addr); owner != nil && owner != d {
			return fmt.Errorf("admin: expected an address of its own for each database, got %q, which serves %s; to move it there, restart", addr, owner.path)
		}
		if gone := d.servers[addr]; gone != nil { // somebody removed the socket
			d.close(gone)
			delete(d.servers, addr)
		}
		s, err := api.Listen(addr, cfg.tlsConfig, http.HandlerFunc(starting), func(line string) { log.Warningf("Admin %s: %s", addr, line) })
		if err != nil {
			return err
		}
		d.servers[addr] = s
	}
	return nil
}

// starting answers until the lines in force are known.
func starting(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Retry-After", "1")
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = io.WriteString(w, `{"title":"Service Unavailable","status":503,"detail":"the server is starting; try again"}`)
}

// secure says whether the address has TLS by cfg; a unix socket never has.
func secure(addr string, cfg *config) bool {
	return cfg.tlsConfig != nil && !strings.HasPrefix(addr, "unix:")
}

func ownerOf(addr string) *desk {
	for _, d := range desks.open {
		if d.servers[addr] != nil {
			return d
		}
	}
	return nil
}

// closeUnclaimed stops listening at the addresses that no claim names, and
// lets the requests there come to their end.
func (d *desk) closeUnclaimed() {
	for addr, s := range d.servers {
		if slices.ContainsFunc(d.claims, func(c *claim) bool { return slices.Contains(c.cfg.admin, addr) }) {
			continue
		}
		d.close(s)
		delete(d.servers, addr)
	}
	for addr, s := range d.mailServers {
		if slices.ContainsFunc(d.claims, func(c *claim) bool { return slices.Contains(c.cfg.cases.listen, addr) }) {
			continue
		}
		d.close(s)
		delete(d.mailServers, addr)
	}
	for addr, s := range d.visitors.servers {
		if slices.ContainsFunc(d.claims, func(c *claim) bool { return slices.Contains(c.cfg.page.addresses(), addr) }) {
			continue
		}
		d.close(s)
		delete(d.visitors.servers, addr)
	}
}

// close closes a server in the background; shut waits for it.
func (d *desk) close(s interface{ Close(context.Context) error }) {
	d.closing.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), apiGrace)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			log.Warningf("Cutting requests: %v", err)
		}
	})
}

// shut closes the desk itself, requests, messages and orders under way first.
func (d *desk) shut() error {
	d.closing.Wait()
	d.delivery.end()
	err := d.replication.end()
	d.figures.end()
	if d.store == nil {
		return err
	}
	return errors.Join(err, d.work.Close(), d.store.Close())
}

// serve has all addresses answer with the lines of the running directives in
// force, for these zones.
func (d *desk) serve(running []*claim, zones []string) {
	cfg := running[0].cfg
	served := api.Config{
		Tokens: cfg.tokens, Ready: d.loaded,
		Batches: func() []api.Batch { return batchesOf(running) },
		Observe: func(route string, code int) { apiRequestsTotal.WithLabelValues(route, strconv.Itoa(code)).Inc() },
		Log:     func(line string) { log.Info(line) },
	}
	if d.work == nil {
		served.Follower = d.follower
	} else {
		receive := d.receiver(cfg, zones)
		d.takeMail(cfg, receive)
		served.Desk, served.Cases, served.Notices = d.work, d.work, receive
		served.Pages, served.ShowPage = d.work, d.showPage(cfg)
	}
	if p := d.replication.publisher.Load(); p != nil {
		served.Fleet = fleet{publisher: p, work: d.work}
	}
	handler := api.New(served)
	for _, s := range d.servers {
		s.SetHandler(handler)
		s.SetTLS(cfg.tlsConfig)
	}
}
