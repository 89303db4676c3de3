package noticeaction

import (
	"crypto/tls"
	"crypto/x509"
	"strconv"
	"strings"
	"time"

	"github.com/coredns/caddy"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/authority"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	mailroom "github.com/coredns-na/coredns-na/plugin/noticeaction/mail"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/orders"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/workday"
)

const (
	maxQuarantine = 3650  // days
	maxRetention  = 36500 // days
)

// caseLines are the lines about cases, as they were given; paths are absolute.
type caseLines struct {
	post    mailroom.Config // without From there is no line, and no case can be opened
	contact []string

	listen, mailboxes     []string
	listenCert, listenKey string

	smimeRoots, authorities       string
	orders, ordersKeys, ordersCAs string

	closing    []workday.Date
	quarantine map[string]int // days by zone, as "be"
	fourEyes   bool
	retention  time.Duration
}

// caseFiles are what the files held that the lines about cases name.
type caseFiles struct {
	smimeRoots  *x509.CertPool // nil: none
	authorities *authority.Directory
	orders      *orders.Sender // nil: no line
	listenTLS   *tls.Config    // for STARTTLS; nil: no line
}

// caseProperties are the lines about cases.
var caseProperties = []property{
	{name: "mail_from", read: readMailFrom},
	{name: "mail_contact", many: true, with: "mail_from", read: readMailContact},
	{name: "mail_folder", with: "mail_from", read: func(cfg *config, c *caddy.Controller, args []string) error {
		return cfg.readPath(c, args, "mail_folder", &cfg.cases.post.Folder)
	}},
	{name: "smtp", with: "mail_from", read: readSMTP},
	{name: "smtp_ca", with: "smtp", read: func(cfg *config, c *caddy.Controller, args []string) error {
		return cfg.readPath(c, args, "smtp_ca", &cfg.cases.post.CAFile)
	}},
	{name: "smtp_listen", many: true, with: "mail_from", read: readSMTPListen},
	{name: "smtp_tls", with: "smtp_listen", read: readSMTPTLS},
	{name: "smtp_mailbox", many: true, with: "smtp_listen", read: readSMTPMailbox},
	{name: "smime_roots", read: func(cfg *config, c *caddy.Controller, args []string) (err error) {
		cfg.files.smimeRoots, err = cfg.readCertificates(c, args, "smime_roots", &cfg.cases.smimeRoots)
		return err
	}},
	{name: "authorities", read: readAuthorities},
	{name: "orders", with: "mail_from", read: readOrders},
	{name: "closing_day", many: true, read: readClosingDay},
	{name: "quarantine", many: true, read: readQuarantine},
	{name: "four_eyes", read: func(cfg *config, c *caddy.Controller, args []string) error {
		cfg.cases.fourEyes = true
		return wantArgs(c, args, len(args) == 0, "four_eyes", "no argument")
	}},
	{name: "retention", read: readRetention},
}

// checkCases checks the lines about cases against each other.
func (cfg *config) checkCases() error {
	l := &cfg.cases
	if !cfg.hasCases() {
		return nil
	}
	if l.post.Server == "" && l.post.Folder == "" {
		l.post.Folder = cfg.database + ".outbox"
	}
	if len(l.mailboxes) == 0 {
		l.mailboxes = []string{l.post.From.Address}
	}
	return l.post.Check()
}

// hasCases tells whether mails can be written, without which there are no cases.
func (cfg *config) hasCases() bool { return cfg.cases.post.From.Address != "" }

func (cfg *config) readCertificates(c *caddy.Controller, args []string, name string, path *string) (*x509.CertPool, error) {
	if err := cfg.readPath(c, args, name, path); err != nil {
		return nil, err
	}
	pool, err := certificates(*path)
	if err != nil {
		return nil, c.Errf("%s: %v", name, err)
	}
	return pool, nil
}

func readAuthorities(cfg *config, c *caddy.Controller, args []string) (err error) {
	if err := cfg.readPath(c, args, "authorities", &cfg.cases.authorities); err != nil {
		return err
	}
	if cfg.files.authorities, err = authority.Read(cfg.cases.authorities); err != nil {
		return c.Errf("authorities: %v", err)
	}
	return nil
}

func readOrders(cfg *config, c *caddy.Controller, args []string) error {
	if err := wantArgs(c, args, len(args) == 2 || len(args) == 3, "orders", "URL KEY_FILE [CA_FILE]"); err != nil {
		return err
	}
	l := &cfg.cases
	l.orders, l.ordersKeys = args[0], cfg.path(args[1])
	sender := orders.Config{URL: l.orders}
	err := orders.CheckURL(l.orders)
	if err == nil {
		sender.Keys, err = orders.ReadKeys(l.ordersKeys)
	}
	if err == nil && len(args) == 3 {
		l.ordersCAs = cfg.path(args[2])
		sender.CAs, err = certificates(l.ordersCAs)
	}
	if err == nil {
		cfg.files.orders, err = orders.New(sender)
	}
	if err != nil {
		return c.Errf("orders: %v", err)
	}
	return nil
}

func readClosingDay(cfg *config, c *caddy.Controller, args []string) error {
	if err := wantArgs(c, args, len(args) > 0, "closing_day", "dates as 2026-05-15"); err != nil {
		return err
	}
	for _, arg := range args {
		day, err := workday.Parse(arg)
		if err != nil {
			return c.Errf("closing_day: %v", err)
		}
		cfg.cases.closing = append(cfg.cases.closing, day)
	}
	return nil
}

func readQuarantine(cfg *config, c *caddy.Controller, args []string) error {
	const expected = "ZONE and 1 to 3650 DAYS"
	if err := wantArgs(c, args, len(args) == 2, "quarantine", expected); err != nil {
		return err
	}
	zone, err := zoneName(args[0])
	days, err2 := strconv.Atoi(args[1])
	if err := wantArgs(c, args, err == nil && err2 == nil && 1 <= days && days <= maxQuarantine, "quarantine", expected); err != nil {
		return err
	}
	if _, given := cfg.cases.quarantine[zone]; given {
		return c.Errf("quarantine: zone %s given twice", zone)
	}
	if cfg.cases.quarantine == nil {
		cfg.cases.quarantine = make(map[string]int)
	}
	cfg.cases.quarantine[zone] = days
	return nil
}

// readRetention reads a duration of Go, or days as "730d".
func readRetention(cfg *config, c *caddy.Controller, args []string) error {
	arg := strings.Join(args, " ")
	d, err := time.ParseDuration(arg)
	if days, ok := strings.CutSuffix(arg, "d"); ok {
		var n uint64
		n, err = strconv.ParseUint(days, 10, 16)
		d = time.Duration(n) * 24 * time.Hour
	}
	cfg.cases.retention = d
	ok := err == nil && d > 0 && d <= maxRetention*24*time.Hour
	return wantArgs(c, args, ok, "retention", "a duration such as 730d or 12h, 36500d at most")
}

// procedure is what the desk needs to know of the lines about cases.
func (cfg *config) procedure() casework.Procedure {
	l := &cfg.cases
	p := casework.Procedure{
		Rules: procedure.Rules{
			Calendar: workday.New(l.closing...), Quarantine: l.quarantine, FourEyes: l.fourEyes,
		},
		Retention: l.retention, OrdersLeave: cfg.files.orders != nil, MailHost: cfg.mailHost(),
	}
	if cfg.hasCases() {
		c := mailroom.Composer{
			From: l.post.From, Registry: l.post.From.Name, Contact: l.contact, Host: p.MailHost, Directory: cfg.directory(),
		}
		p.Compose, p.Readdress = c.Compose, c.Readdress
	}
	return p
}

// mailHost is the domain of our mails.
func (cfg *config) mailHost() string {
	_, host, _ := strings.Cut(cfg.cases.post.From.Address, "@")
	return host
}

// directory is that of the authorities line, or what is built in.
func (cfg *config) directory() *authority.Directory {
	if cfg.files.authorities != nil {
		return cfg.files.authorities
	}
	return authority.Default()
}
