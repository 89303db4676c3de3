package noticeaction

import (
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/coredns/caddy"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	pageroom "github.com/coredns-na/coredns-na/plugin/noticeaction/page"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/warnpage"
)

// pageLines are the lines about the warning page, as they were given; the path is absolute.
type pageLines struct {
	plain, secure []string // addresses
	content       string   // a folder
	abuse         string   // a URL
}

// addresses are all, with and without TLS.
func (l *pageLines) addresses() []string { return slices.Concat(l.plain, l.secure) }

// pageProperties are the lines about the warning page.
var pageProperties = []property{
	{name: "page", many: true, read: func(cfg *config, c *caddy.Controller, args []string) error {
		return cfg.readPageAddresses(c, args, "page", &cfg.page.plain)
	}},
	{name: "page_tls", many: true, with: "acme", read: func(cfg *config, c *caddy.Controller, args []string) error {
		return cfg.readPageAddresses(c, args, "page_tls", &cfg.page.secure)
	}},
	{name: "page_content", read: readPageContent},
	{name: "page_abuse_contact", read: readPageAbuseContact},
}

func (cfg *config) readPageAddresses(c *caddy.Controller, args []string, name string, to *[]string) error {
	if err := wantArgs(c, args, len(args) > 0, name, "HOST:PORT"); err != nil {
		return err
	}
	for _, arg := range args {
		if err := warnpage.CheckAddress(arg); err != nil {
			return c.Errf("%s: %v", name, err)
		}
		if slices.Contains(cfg.page.plain, arg) || slices.Contains(cfg.page.secure, arg) {
			return c.Errf("%s: address %s given twice", name, arg)
		}
		*to = append(*to, arg)
	}
	return nil
}

func readPageContent(cfg *config, c *caddy.Controller, args []string) error {
	if err := cfg.readPath(c, args, "page_content", &cfg.page.content); err != nil {
		return err
	}
	contents, err := pageroom.ReadAll(os.DirFS(cfg.page.content))
	if err != nil {
		return c.Errf("page_content: reading %s: %v", cfg.page.content, err)
	}
	for id := range contents {
		if err := casework.CheckAuthority(id); err != nil {
			return c.Errf("page_content: reading %s: expected folders named for authorities, such as apd-gba, got %q", cfg.page.content, id)
		}
	}
	cfg.contents = contents
	return nil
}

func readPageAbuseContact(cfg *config, c *caddy.Controller, args []string) error {
	arg := strings.Join(args, " ")
	cfg.page.abuse = arg
	return wantArgs(c, args, contactURL(arg), "page_abuse_contact", "mailto:ADDRESS or https://HOST with or without a path")
}

// contactURL wants what can stand in a security.txt (RFC 9116 section 2.5.3).
func contactURL(s string) bool {
	if address, isMail := strings.CutPrefix(s, "mailto:"); isMail {
		_, err := mailAddress(address)
		return err == nil && printable(s)
	}
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "https" && u.Hostname() != "" && u.User == nil && printable(s)
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}
