package intake

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-msgauth/dkim"
)

const (
	maxSignatures = 5
	dkimTime      = 10 * time.Second
	maxKeyRecord  = 4096 // bytes; a key beyond this takes long to verify with
)

// check is what came of one DKIM signature (RFC 6376).
type check struct {
	domain string
	result string // "pass", "fail: WHY", "temporary failure" or "not checked"
	covers bool   // it covers From and Subject
}

// checkDKIM verifies the first signatures of a message. They are verified one by one: several at once would be
// goroutines of the library, in which a fault could not be contained.
func (r Reader) checkDKIM(ctx context.Context, header, body []byte) []check {
	if r.LookupTXT == nil {
		return []check{{result: "not checked"}}
	}
	ctx, cancel := context.WithTimeout(ctx, dkimTime)
	defer cancel()
	options := &dkim.VerifyOptions{MaxVerifications: 1, LookupTXT: func(name string) ([]string, error) { return r.key(ctx, name) }}
	var checks []check
	at := 0
	for _, field := range fields(header) {
		start := at
		at += len(field)
		name, _, _ := bytes.Cut(field, []byte(":"))
		if !strings.EqualFold(strings.TrimSpace(string(name)), "DKIM-Signature") {
			continue
		}
		if len(checks) == maxSignatures {
			return append(checks, check{result: "not checked: more than 5 signatures"})
		}
		// Among the fields of its name the order counts only to signatures of signatures.
		found, err := dkim.VerifyWithOptions(io.MultiReader(bytes.NewReader(field), bytes.NewReader(header[:start]),
			bytes.NewReader(header[at:]), strings.NewReader("\r\n"), bytes.NewReader(body)), options)
		if len(found) == 0 {
			checks = append(checks, check{result: "fail: " + why(err)})
			continue
		}
		checks = append(checks, checkOf(found[0]))
	}
	return checks
}

func checkOf(v *dkim.Verification) check {
	c := check{domain: strings.ToLower(line(v.Domain, 253)), result: "pass"}
	covered := func(key string) bool {
		return slices.ContainsFunc(v.HeaderKeys, func(k string) bool { return strings.EqualFold(k, key) })
	}
	c.covers = covered("From") && covered("Subject")
	switch {
	case dkim.IsTempFail(v.Err):
		c.result = "temporary failure"
	case v.Err != nil:
		c.result = "fail: " + why(v.Err)
	}
	return c
}

func why(err error) string {
	if err == nil {
		return "no signature"
	}
	return line(strings.TrimPrefix(err.Error(), "dkim: "), 200)
}

var errKeyRecord = errors.New("expected a key record of at most 4096 bytes")

// key looks a key up, as long as there is time: a look-up that the time ended is a temporary failure.
func (r Reader) key(ctx context.Context, name string) ([]string, error) {
	records, err := r.LookupTXT(ctx, name)
	if err != nil && ctx.Err() != nil {
		return nil, &net.DNSError{Err: "timeout", Name: name, IsTimeout: true, IsTemporary: true}
	}
	for _, record := range records {
		if len(record) > maxKeyRecord {
			return nil, errKeyRecord
		}
	}
	return records, err
}

func results(checks []check) []string {
	var all []string
	for _, c := range checks {
		if c.domain != "" {
			c.result = c.domain + ": " + c.result
		}
		all = append(all, c.result)
	}
	return all
}

// aligned tells whether a signature speaks for the domain: one of the domain itself, above or below it that
// covers From and Subject. Unlike relaxed alignment (RFC 7489 section 3.1.1) it does not let one of several
// bodies below fgov.be speak for another.
func aligned(checks []check, domain string) bool {
	return domain != "" && slices.ContainsFunc(checks, func(c check) bool {
		related := c.domain == domain || strings.HasSuffix(domain, "."+c.domain) || strings.HasSuffix(c.domain, "."+domain)
		return c.result == "pass" && c.covers && related && strings.Contains(c.domain, ".")
	})
}
