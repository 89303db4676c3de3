package noticeaction

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/api"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/intake"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

// listenForMail opens the addresses of cfg that take mail and are not open yet.
func (d *desk) listenForMail(cfg *config) error {
	for _, addr := range cfg.cases.listen {
		if s := d.mailServers[addr]; s != nil && s.Alive() {
			if s.Secure() != (cfg.files.listenTLS != nil && !strings.HasPrefix(addr, "unix:")) {
				return fmt.Errorf("smtp_tls: expected a restart, not a reload, to turn TLS on or off at %s", addr)
			}
			continue
		}
		if owner := d.mailOwner(addr); owner != nil {
			return fmt.Errorf("smtp_listen: expected an address of its own for each database, got %q, which serves %s; to move it there, restart", addr, owner.path)
		}
		if gone := d.mailServers[addr]; gone != nil { // somebody removed the socket
			d.close(gone)
			delete(d.mailServers, addr)
		}
		s, err := intake.Listen(intake.Config{
			Addr: addr, Hostname: cfg.mailHost(), Mailboxes: cfg.cases.mailboxes, TLS: cfg.files.listenTLS,
			Log: func(line string) { log.Warningf("Mail at %s: %s", addr, line) },
		})
		if err != nil {
			return err
		}
		d.mailServers[addr] = s
	}
	return nil
}

// mailOwner returns another desk that takes mail at the address.
func (d *desk) mailOwner(addr string) *desk {
	for _, o := range desks.open {
		if o != d && o.mailServers[addr] != nil {
			return o
		}
	}
	return nil
}

// takeMail has all addresses take mail by the lines of cfg.
func (d *desk) takeMail(cfg *config, receive api.Receive) {
	handler := func(ctx context.Context, e intake.Envelope, message []byte) error {
		// Without the trace, which is ours, a message that is sent again is the same.
		_, err := receive(ctx, casework.Order{Actor: e.Via}, message[e.Trace:], e.Via)
		if refusal := new(casework.Error); errors.As(err, &refusal) {
			log.Errorf("Keeping a message that came in: %s", refusal.Detail)
		}
		return err
	}
	for _, s := range d.mailServers {
		s.SetMailboxes(cfg.cases.mailboxes)
		s.SetTLS(cfg.files.listenTLS)
		s.SetReceive(handler)
	}
}

// receiver reads messages and has the desk keep them.
func (d *desk) receiver(cfg *config, served []string) api.Receive {
	directory := cfg.directory()
	reader := intake.Reader{
		Zones: withoutDots(served),
		OfDomain: func(domain string) (string, bool) {
			a, ok := directory.OfDomain(domain)
			return a.ID, ok
		},
		LookupTXT: lookUpTXT(cfg.resolvers),
		Roots:     cfg.files.smimeRoots,
	}
	if cfg.hasCases() {
		ours := "@" + cfg.mailHost()
		reader.Ours = func(messageID string) bool { return strings.HasSuffix(messageID, ours) }
	}
	return func(ctx context.Context, o casework.Order, message []byte, via string) (store.Notice, error) {
		n := reader.Read(ctx, message, now())
		n.Via = via
		return d.work.Receive(ctx, o, n, message)
	}
}

// lookUpTXT returns what asks the resolvers in turn, each time beginning with the next; nil when there are none.
func lookUpTXT(resolvers []netip.AddrPort) func(ctx context.Context, name string) ([]string, error) {
	if len(resolvers) == 0 {
		return nil
	}
	var asked atomic.Uint32
	r := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		next := resolvers[int(asked.Add(1)-1)%len(resolvers)]
		return new(net.Dialer).DialContext(ctx, network, next.String())
	}}
	return func(ctx context.Context, name string) ([]string, error) {
		return r.LookupTXT(ctx, strings.TrimSuffix(name, ".")+".")
	}
}
