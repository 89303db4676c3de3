package noticeaction

import (
	"net/url"
	"strings"

	"github.com/coredns/caddy"
)

// acmeLines are the lines about certificates of the warning page, as they were given; paths are absolute.
type acmeLines struct {
	directory string // of the CA, a URL; empty: no line
	email     string
	roots     string // a file
	storage   string // a folder
	caa       string // a domain, without the final dot; empty: as the CA's directory says
}

// acmeProperties are the lines about certificates of the warning page.
var acmeProperties = []property{
	{name: "acme", with: "page_tls", read: readACME},
	{name: "acme_storage", with: "acme", read: func(cfg *config, c *caddy.Controller, args []string) error {
		return cfg.readPath(c, args, "acme_storage", &cfg.acme.storage)
	}},
	{name: "acme_caa", read: readACMECAA},
}

func readACME(cfg *config, c *caddy.Controller, args []string) error {
	if err := wantArgs(c, args, len(args) == 2 || len(args) == 3, "acme", "DIRECTORY_URL EMAIL [CA_FILE]"); err != nil {
		return err
	}
	u, err := url.Parse(args[0])
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return c.Errf("acme: expected the https URL of a CA's directory, got %q", args[0])
	}
	email, err := mailAddress(args[1])
	if err != nil || !printable(email) {
		return c.Errf("acme: expected an address as local@domain, got %q", args[1])
	}
	cfg.acme.directory, cfg.acme.email = args[0], email
	if len(args) == 3 {
		cfg.acmeRoots, err = cfg.readCertificates(c, args[2:], "acme", &cfg.acme.roots)
	}
	return err
}

func readACMECAA(cfg *config, c *caddy.Controller, args []string) error {
	if err := wantArgs(c, args, len(args) == 1, "acme_caa", "the domain of a CA"); err != nil {
		return err
	}
	domain, err := hostName(args[0])
	if err != nil {
		return c.Errf("acme_caa: expected the domain of a CA, got %q", args[0])
	}
	cfg.acme.caa = strings.TrimSuffix(domain, ".")
	return nil
}

// hasCertificates tells whether the page gets certificates.
func (cfg *config) hasCertificates() bool { return cfg.acme.directory != "" }

// certificateFolder is where they are.
func (cfg *config) certificateFolder() string {
	if cfg.acme.storage != "" {
		return cfg.acme.storage
	}
	return cfg.database + ".certs"
}
