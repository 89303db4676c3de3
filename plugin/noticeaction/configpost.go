package noticeaction

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/mail"
	"os"
	"slices"
	"strings"

	"github.com/coredns/caddy"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/email"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/intake"
)

func readMailFrom(cfg *config, c *caddy.Controller, args []string) error {
	if err := wantArgs(c, args, len(args) > 0, "mail_from", "ADDRESS [REGISTRY...]"); err != nil {
		return err
	}
	address, err := mailAddress(args[0])
	if err != nil {
		return c.Errf("mail_from: %v, got %q", err, args[0])
	}
	registry := strings.Join(args[1:], " ")
	if registry == "" {
		_, registry, _ = strings.Cut(address, "@")
	}
	cfg.cases.post.From = mail.Address{Name: registry, Address: address}
	return nil
}

func readMailContact(cfg *config, c *caddy.Controller, args []string) error {
	if err := wantArgs(c, args, len(args) > 0, "mail_contact", "a line for the mails"); err != nil {
		return err
	}
	cfg.cases.contact = append(cfg.cases.contact, strings.Join(args, " "))
	return nil
}

func readSMTP(cfg *config, c *caddy.Controller, args []string) error {
	if err := wantArgs(c, args, len(args) == 1 || len(args) == 3, "smtp", "HOST:PORT [USER PASSWORD_FILE]"); err != nil {
		return err
	}
	post := &cfg.cases.post
	post.Server = args[0]
	if len(args) == 3 {
		post.User, post.PasswordFile = args[1], cfg.path(args[2])
	}
	return nil
}

func readSMTPListen(cfg *config, c *caddy.Controller, args []string) error {
	if err := wantArgs(c, args, len(args) > 0, "smtp_listen", "HOST:PORT or unix:PATH"); err != nil {
		return err
	}
	for _, arg := range args {
		if path, ok := strings.CutPrefix(arg, "unix:"); ok && path != "" {
			arg = "unix:" + cfg.path(path)
		}
		if err := intake.CheckAddress(arg); err != nil {
			return c.Err(err.Error())
		}
		if slices.Contains(cfg.cases.listen, arg) {
			return c.Errf("smtp_listen: %q given twice", arg)
		}
		cfg.cases.listen = append(cfg.cases.listen, arg)
	}
	return nil
}

// readSMTPTLS reads the certificate now and not again: a reload reads it anew.
func readSMTPTLS(cfg *config, c *caddy.Controller, args []string) error {
	if err := wantArgs(c, args, len(args) == 2, "smtp_tls", "CERT KEY"); err != nil {
		return err
	}
	l := &cfg.cases
	l.listenCert, l.listenKey = cfg.path(args[0]), cfg.path(args[1])
	pair, err := tls.LoadX509KeyPair(l.listenCert, l.listenKey)
	if err != nil {
		return c.Errf("smtp_tls: expected a certificate and its key in PEM form, got %q and %q: %v", l.listenCert, l.listenKey, err)
	}
	cfg.files.listenTLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	return nil
}

func readSMTPMailbox(cfg *config, c *caddy.Controller, args []string) error {
	if err := wantArgs(c, args, len(args) > 0, "smtp_mailbox", "mail addresses"); err != nil {
		return err
	}
	for _, arg := range args {
		address, err := mailAddress(arg)
		if err != nil {
			return c.Errf("smtp_mailbox: %v, got %q", err, arg)
		}
		cfg.cases.mailboxes = append(cfg.cases.mailboxes, address)
	}
	return nil
}

// mailAddress reads an address without a name, of ours.
func mailAddress(s string) (string, error) {
	address, err := email.Canonical(s)
	if err == nil && !email.ASCII(s) {
		err = errors.New("expected an address as local@domain in ASCII")
	}
	return address, err
}

// certificates reads those in a file in PEM form.
func certificates(path string) (*x509.CertPool, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading certificates: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("expected certificates in PEM form in %s", path)
	}
	return pool, nil
}
