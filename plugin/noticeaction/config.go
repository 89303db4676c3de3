package noticeaction

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"

	"github.com/miekg/dns"
	"golang.org/x/net/idna"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/api"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	pageroom "github.com/coredns-na/coredns-na/plugin/noticeaction/page"
)

const (
	defaultDatabase = "noticeaction.db"
	defaultTTL      = 300
	minTTL, maxTTL  = 30, 86400 // seconds
)

var defaultBrake = casework.Brake{Count: 100, Per: time.Hour}

// config is one directive of the Corefile.
type config struct {
	at      string // file:line of the directive, for errors after parsing
	root    string // what relative paths are relative to
	origins []string

	host      string // the warning host, with the final dot
	addresses []netip.Addr
	database  string
	profile   profile
	ttl       uint32
	mailNull  bool
	preserve  bool // the mail that was recorded; else as mailNull says
	observe   bool
	sockets   int // to read UDP in batches with, for each address; 0: no line

	resolvers []netip.AddrPort

	protect []string
	exempt  hostSet
	admin   []string
	brake   casework.Brake

	tokensFile string
	tokens     *api.Tokens // nil: no line
	tlsFiles   string
	tlsConfig  *tls.Config // nil: no line

	cases caseLines
	files caseFiles

	acme      acmeLines
	acmeRoots *x509.CertPool // of the CA's server; nil: the system's

	page         pageLines
	contents     map[string]*pageroom.Page // what the folder of page_content held, by authority
	replica      replicaLines
	replicaFiles replicaFiles
	probe        []netip.Prefix // who may ask what the server answers by
}

// shared are the lines that directives on the same database must agree on.
func (cfg *config) shared() any {
	return struct {
		brake                              casework.Brake
		resolvers, tokens, tlsFiles, cases string
		replica                            string
		content, abuse                     string
		acme                               acmeLines
	}{
		cfg.brake, fmt.Sprint(cfg.resolvers), cfg.tokensFile, cfg.tlsFiles, fmt.Sprintf("%+v", cfg.cases),
		fmt.Sprintf("%+v", cfg.replica), cfg.page.content, cfg.page.abuse, cfg.acme,
	}
}

// property reads one line of the directive's block into the config.
type property struct {
	name string
	many bool   // may be given more than once
	with string // the line that it must go with; empty: none
	read func(cfg *config, c *caddy.Controller, args []string) error
}

// properties are all lines that the block may hold.
var properties = slices.Concat([]property{
	{name: "warning_page", read: readWarningPage},
	{name: "database", read: func(cfg *config, c *caddy.Controller, args []string) error {
		return cfg.readPath(c, args, "database", &cfg.database)
	}},
	{name: "profile", read: readProfile},
	{name: "ttl", read: readTTL},
	{name: "mail", read: readMail},
	{name: "resolver", many: true, read: readResolver},
	{name: "protect", many: true, read: readProtect},
	{name: "exempt", many: true, read: readExempt},
	{name: "admin", many: true, read: readAdmin},
	{name: "admin_tls", read: readAdminTLS},
	{name: "tokens", read: readTokens},
	{name: "brake", read: readBrake},
	{name: "observe", read: func(cfg *config, c *caddy.Controller, args []string) error {
		cfg.observe = true
		return wantArgs(c, args, len(args) == 0, "observe", "no argument")
	}},
	{name: "udp_batch", read: readUDPBatch},
}, caseProperties, pageProperties, acmeProperties, replicaProperties)

// parse reads the directive. Every refusal names file, line and what was
// expected.
func parse(c *caddy.Controller) (*config, error) {
	c.Next()
	cfg := &config{
		at:   c.File() + ":" + strconv.Itoa(c.Line()),
		root: dnsserver.GetConfig(c).Root,
		ttl:  defaultTTL, mailNull: true, brake: defaultBrake, exempt: make(hostSet),
	}
	cfg.database = cfg.path(defaultDatabase)
	directive := *c // errors about the block as a whole name the directive's line

	if err := cfg.readOrigins(c, c.RemainingArgs()); err != nil {
		return nil, err
	}
	seen := make(map[string]bool)
	for c.NextBlock() {
		p, ok := propertyNamed(c.Val())
		if !ok {
			return nil, c.Errf("unknown property %q", c.Val())
		}
		if seen[p.name] && !p.many {
			return nil, c.Errf("%s: given twice", p.name)
		}
		seen[p.name] = true
		if err := p.read(cfg, c, c.RemainingArgs()); err != nil {
			return nil, err
		}
	}
	if err := cfg.check(seen); err != nil {
		return nil, directive.Err(err.Error())
	}
	if c.Next() {
		return nil, c.Err(plugin.ErrOnce.Error())
	}
	return cfg, nil
}

// check checks the lines, whose names are seen, against each other.
func (cfg *config) check(seen map[string]bool) error {
	if !seen["warning_page"] {
		return errors.New("warning_page: required")
	}
	if cfg.preserve && !seen["resolver"] && !cfg.follows() {
		return errors.New("mail: expected a resolver line to go with preserve")
	}
	for _, p := range properties {
		if seen[p.name] && p.with != "" && !seen[p.with] {
			return fmt.Errorf("%s: expected %s line to go with it", p.name, withArticle(p.with))
		}
	}
	return cmp.Or(cfg.checkAdmin(), cfg.checkCases(), cfg.checkReplica(seen))
}

func withArticle(name string) string {
	if strings.ContainsRune("aeiou", rune(name[0])) {
		return "an " + name
	}
	return "a " + name
}

func propertyNamed(name string) (property, bool) {
	for _, p := range properties {
		if p.name == name {
			return p, true
		}
	}
	return property{}, false
}

// wantArgs returns an error that says what was expected unless ok.
func wantArgs(c *caddy.Controller, args []string, ok bool, name, expected string) error {
	if ok {
		return nil
	}
	return c.Errf("%s: expected %s, got %q", name, expected, strings.Join(args, " "))
}

func (cfg *config) path(path string) string {
	if !filepath.IsAbs(path) {
		path = filepath.Join(cfg.root, path)
	}
	return path
}

func (cfg *config) readPath(c *caddy.Controller, args []string, name string, to *string) error {
	if err := wantArgs(c, args, len(args) == 1 && args[0] != "", name, "one path"); err != nil {
		return err
	}
	*to = cfg.path(args[0])
	return nil
}

// readOrigins takes the zones of the directive, or else of the server block.
func (cfg *config) readOrigins(c *caddy.Controller, args []string) error {
	served := plugin.Zones(plugin.OriginsFromArgsOrServerBlock(nil, c.ServerBlockKeys))
	cfg.origins = plugin.OriginsFromArgsOrServerBlock(args, c.ServerBlockKeys)
	if len(cfg.origins) == 0 {
		return wantArgs(c, args, false, "zones", "domain names")
	}
	seen := make(map[string]bool)
	for _, origin := range cfg.origins {
		switch _, valid := dns.IsDomainName(origin); {
		case !valid:
			return wantArgs(c, args, false, "zones", "domain names")
		case origin == ".":
			return c.Errf("zones: expected zones below the root, got %q", origin)
		case seen[origin]:
			return c.Errf("zones: %q given twice", origin)
		case !served.Contains(origin):
			return c.Errf("zones: expected zones that the server block serves, got %q", origin)
		}
		seen[origin] = true
	}
	return nil
}

func readWarningPage(cfg *config, c *caddy.Controller, args []string) error {
	if err := wantArgs(c, args, len(args) > 0, "warning_page", "HOST [ADDRESS...]"); err != nil {
		return err
	}
	host, err := hostName(args[0])
	if err != nil {
		return c.Errf("warning_page: expected a host name, got %q", args[0])
	}
	cfg.host = host
	seen := make(map[netip.Addr]bool)
	for _, arg := range args[1:] {
		addr, err := netip.ParseAddr(arg)
		if err != nil || addr.Zone() != "" || addr.Is4In6() || addr.IsUnspecified() || addr.IsMulticast() {
			return c.Errf("warning_page: expected an IPv4 or IPv6 address, got %q", arg)
		}
		if seen[addr] {
			return c.Errf("warning_page: address %s given twice", addr)
		}
		seen[addr] = true
		cfg.addresses = append(cfg.addresses, addr)
	}
	return nil
}

func readProfile(cfg *config, c *caddy.Controller, args []string) error {
	names := map[string]profile{"auto": profileAuto, "insecure": profileInsecure, "signed": profileSigned}
	p, ok := names[strings.Join(args, " ")]
	cfg.profile = p
	return wantArgs(c, args, ok, "profile", "auto, insecure or signed")
}

func readTTL(cfg *config, c *caddy.Controller, args []string) error {
	n, err := strconv.ParseUint(strings.Join(args, " "), 10, 32)
	cfg.ttl = uint32(n)
	return wantArgs(c, args, err == nil && minTTL <= n && n <= maxTTL, "ttl", "30 to 86400 seconds")
}

// hostSet holds host names in lower case with the final dot.
type hostSet map[string]bool

func readExempt(cfg *config, c *caddy.Controller, args []string) error {
	if err := wantArgs(c, args, len(args) > 0, "exempt", "host names"); err != nil {
		return err
	}
	for _, arg := range args {
		host, err := hostName(arg)
		if _, start, ok := newZones(cfg.origins).registrable(host); err != nil || !ok || start == 0 {
			return c.Errf("exempt: expected a host below a registrable name of the zones, got %q", arg)
		}
		cfg.exempt[host] = true
	}
	return nil
}

func readProtect(cfg *config, c *caddy.Controller, args []string) error {
	if err := wantArgs(c, args, len(args) > 0, "protect", "names"); err != nil {
		return err
	}
	for _, arg := range args {
		host, err := hostName(arg)
		if err != nil || !plugin.Zones(cfg.origins).Contains(host) {
			return c.Errf("protect: expected a name below the zones, got %q", arg)
		}
		cfg.protect = append(cfg.protect, host)
	}
	return nil
}

func readBrake(cfg *config, c *caddy.Controller, args []string) error {
	const expected = "COUNT (1 or more) and DURATION (such as 1h)"
	if err := wantArgs(c, args, len(args) == 2, "brake", expected); err != nil {
		return err
	}
	count, err := strconv.Atoi(args[0])
	per, err2 := time.ParseDuration(args[1])
	cfg.brake = casework.Brake{Count: count, Per: per}
	return wantArgs(c, args, err == nil && err2 == nil && count >= 1 && per > 0, "brake", expected)
}

// zoneName returns the name of a zone in lower case and A-labels, without the final dot.
func zoneName(s string) (string, error) {
	ascii, err := idna.Lookup.ToASCII(strings.TrimSuffix(s, "."))
	if _, ok := dns.IsDomainName(ascii); err != nil || !ok || ascii == "" {
		return "", errors.New("not a zone")
	}
	return strings.ToLower(ascii), nil
}

// hostName returns a host name as the zone has it: A-labels in lower case and
// the final dot.
func hostName(s string) (string, error) {
	ascii, err := idna.Lookup.ToASCII(strings.TrimSuffix(s, "."))
	if err != nil {
		return "", err
	}
	if _, ok := dns.IsDomainName(ascii); !ok || !strings.Contains(ascii, ".") {
		return "", errors.New("not a host name")
	}
	if _, err := netip.ParseAddr(ascii); err == nil {
		return "", errors.New("an address")
	}
	return dns.CanonicalName(ascii), nil
}
