package authority

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/email"
)

// What a file may hold.
const (
	maxFile        = 1 << 20 // bytes
	maxAuthorities = 1000
	maxID          = 63
	maxName        = 200 // characters
	maxURL         = 500
	maxList        = 20 // of mail addresses, and of domains
)

// Read returns the directory of what is built in and of the file, a JSON array of [Authority] of at most
// 1 MiB. An entry of the file replaces one that is built in, whole, when it has its id.
func Read(path string) (*Directory, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading authorities: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading authorities: %w", err)
	}
	d, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("reading authorities: %s: %w", path, err)
	}
	return d, nil
}

func parse(text []byte) (*Directory, error) {
	switch {
	case len(text) > maxFile:
		return nil, fmt.Errorf("expected at most %d bytes", maxFile)
	case !utf8.Valid(text):
		return nil, errors.New("expected UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var all []Authority
	if err := decoder.Decode(&all); err != nil {
		return nil, fmt.Errorf("expected a JSON array of authorities: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("expected one JSON array and nothing behind it")
	}
	if len(all) == 0 || len(all) > maxAuthorities {
		return nil, fmt.Errorf("expected 1 to %d authorities, got %d", maxAuthorities, len(all))
	}
	return with(all)
}

// with returns the directory of what is built in and of more, of which each id is there once.
func with(more []Authority) (*Directory, error) {
	d := &Directory{byID: make(map[string]Authority), byDomain: make(map[string]string)}
	for i, a := range more {
		if err := a.check(); err != nil {
			return nil, fmt.Errorf("authority %d: %w", i+1, err)
		}
		if _, twice := d.byID[a.ID]; twice {
			return nil, fmt.Errorf("authority %d: expected each id once, got %s again", i+1, a.ID)
		}
		d.byID[a.ID] = a.clone()
	}
	for _, a := range builtIn {
		if _, replaced := d.byID[a.ID]; !replaced {
			d.byID[a.ID] = a.clone()
		}
	}
	for _, id := range d.IDs() {
		for _, domain := range d.byID[id].Domains {
			if other, twice := d.byDomain[domain]; twice {
				return nil, fmt.Errorf("expected each domain at one authority, got %s at %s and %s", domain, other, id)
			}
			d.byDomain[domain] = id
		}
	}
	return d, nil
}

func (a Authority) check() error {
	if !validID(a.ID) {
		return fmt.Errorf("id: expected 1 to %d lowercase letters, digits and hyphens, such as apd-gba, got %.100q", maxID, a.ID)
	}
	for _, n := range []struct{ language, name string }{
		{"nl", a.Names.NL}, {"fr", a.Names.FR}, {"de", a.Names.DE}, {"en", a.Names.EN},
	} {
		if !validName(n.name) {
			return fmt.Errorf("%s: names.%s: expected one line of 1 to %d characters, got %.100q", a.ID, n.language, maxName, n.name)
		}
	}
	if a.Website != "" && !validWebsite(a.Website) {
		return fmt.Errorf("%s: website: expected https://HOST with or without a path, got %.100q", a.ID, a.Website)
	}
	if len(a.Mail) > maxList || len(a.Domains) > maxList {
		return fmt.Errorf("%s: expected at most %d entries in mail and in domains, got %d and %d", a.ID, maxList, len(a.Mail), len(a.Domains))
	}
	if err := checkMail("mail", a.Mail); err != nil {
		return fmt.Errorf("%s: %w", a.ID, err)
	}
	if err := checkBodies(a.Bodies); err != nil {
		return fmt.Errorf("%s: %w", a.ID, err)
	}
	for _, domain := range a.Domains {
		if !validDomain(domain) {
			return fmt.Errorf("%s: domains: expected domains in lowercase A-labels that only the authority has, such as apd-gba.be, got %.100q", a.ID, domain)
		}
	}
	return nil
}

func validID(s string) bool {
	other := func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' }
	return s != "" && len(s) <= maxID && !strings.ContainsFunc(s, other) && s[0] != '-' && s[len(s)-1] != '-'
}

func validName(s string) bool {
	return strings.TrimSpace(s) != "" && utf8.RuneCountInString(s) <= maxName && !strings.ContainsFunc(s, unicode.IsControl)
}

func validWebsite(s string) bool {
	u, err := url.Parse(s)
	return err == nil && len(s) <= maxURL && u.Scheme == "https" && u.Hostname() != "" && u.User == nil &&
		!strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

func checkMail(field string, all []string) error {
	for _, address := range all {
		if !validAddress(address) {
			return fmt.Errorf("%s: expected addresses such as inspection@apd-gba.be, got %.100q", field, address)
		}
	}
	return nil
}

func checkBodies(all []Body) error {
	if len(all) > maxList {
		return fmt.Errorf("bodies: expected at most %d, got %d", maxList, len(all))
	}
	for _, b := range all {
		if len(b.Offices) < 1 || len(b.Offices) > maxList || len(b.Mail) < 1 || len(b.Mail) > maxList {
			return fmt.Errorf("bodies: expected 1 to %d entries in offices and in mail, got %d and %d", maxList, len(b.Offices), len(b.Mail))
		}
		for _, word := range b.Offices {
			if !validName(word) {
				return fmt.Errorf("bodies.offices: expected words of 1 to %d characters, got %.100q", maxName, word)
			}
		}
		if err := checkMail("bodies.mail", b.Mail); err != nil {
			return err
		}
	}
	return nil
}

func validAddress(s string) bool { return email.Check(s) == nil && email.ASCII(s) }

// validDomain refuses a public suffix too: everybody below it would pass for the authority.
func validDomain(s string) bool {
	ascii, err := idna.Lookup.ToASCII(s)
	if err != nil || ascii != s || !strings.Contains(s, ".") || strings.HasSuffix(s, ".") {
		return false
	}
	suffix, _ := publicsuffix.PublicSuffix(s)
	return suffix != s
}
