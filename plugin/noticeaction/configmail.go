package noticeaction

import (
	"errors"
	"net/netip"
	"slices"
	"strings"

	"github.com/coredns/caddy"
)

func readMail(cfg *config, c *caddy.Controller, args []string) error {
	mail := strings.Join(args, " ")
	cfg.mailNull, cfg.preserve = mail != "none", mail == "preserve"
	return wantArgs(c, args, mail == "null" || mail == "none" || mail == "preserve", "mail", "null, none or preserve")
}

func readResolver(cfg *config, c *caddy.Controller, args []string) error {
	const expected = "IP or IP:PORT"
	if err := wantArgs(c, args, len(args) > 0, "resolver", expected); err != nil {
		return err
	}
	for _, arg := range args {
		addr, err := resolverAddress(arg)
		if err != nil {
			return c.Errf("resolver: expected %s, got %q", expected, arg)
		}
		if slices.Contains(cfg.resolvers, addr) {
			return c.Errf("resolver: %s given twice", addr)
		}
		cfg.resolvers = append(cfg.resolvers, addr)
	}
	return nil
}

// resolverAddress reads the address of a resolver; port 53 goes without
// saying.
func resolverAddress(s string) (netip.AddrPort, error) {
	server, err := netip.ParseAddrPort(s)
	if err != nil {
		var addr netip.Addr
		addr, err = netip.ParseAddr(s)
		server = netip.AddrPortFrom(addr, 53)
	}
	if err == nil && (server.Port() == 0 || server.Addr().IsUnspecified() || server.Addr().IsMulticast()) {
		err = errors.New("not the address of a server")
	}
	return server, err
}
