package intake

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/dkim"
)

// dkimKey is a key and the DNS that has it.
type dkimKey struct {
	private ed25519.PrivateKey
	record  string
}

func newDKIMKey(t testing.TB) dkimKey {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return dkimKey{private, "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(public)}
}

func (k dkimKey) sign(t testing.TB, domain string, message []byte, headers ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	err := dkim.Sign(&b, bytes.NewReader(message), &dkim.SignOptions{Domain: domain, Selector: "s", Signer: k.private, HeaderKeys: headers})
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (k dkimKey) lookup(_ context.Context, name string) ([]string, error) {
	if strings.HasPrefix(name, "s._domainkey.") {
		return []string{k.record}, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

func TestDKIM(t *testing.T) {
	key := newDKIMKey(t)
	message := crlf(mailFile(t, "notice-en"))
	sign := func(domain string, headers ...string) []byte { return key.sign(t, domain, message, headers...) }
	both := []string{"From", "Subject"}
	for name, tc := range map[string]struct {
		message   []byte
		lookup    func(context.Context, string) ([]string, error)
		result    string // the first, or the start of it
		authority string
	}{
		"holds":                          {sign("apd-gba.be", both...), key.lookup, "apd-gba.be: pass", "apd-gba"},
		"behind a trace":                 {append([]byte("Received: from x by y; now\r\n"), sign("apd-gba.be", both...)...), key.lookup, "apd-gba.be: pass", "apd-gba"},
		"with LF":                        {bytes.ReplaceAll(sign("apd-gba.be", both...), []byte("\r\n"), []byte("\n")), key.lookup, "apd-gba.be: pass", "apd-gba"},
		"of a subdomain":                 {sign("mail.apd-gba.be", both...), key.lookup, "mail.apd-gba.be: pass", "apd-gba"},
		"of another domain":              {sign("example.net", both...), key.lookup, "example.net: pass", ""},
		"of the zone":                    {sign("be", both...), key.lookup, "be: pass", ""},
		"that does not cover the names":  {sign("apd-gba.be", "From"), key.lookup, "apd-gba.be: pass", ""},
		"with a second subject":          {append([]byte("Subject: other.be\r\n"), sign("apd-gba.be", both...)...), key.lookup, "apd-gba.be: pass", ""},
		"of a changed body":              {append(sign("apd-gba.be", both...), "more\r\n"...), key.lookup, "apd-gba.be: fail: body hash", ""},
		"whose key cannot be looked up":  {sign("apd-gba.be", both...), unavailable, "apd-gba.be: temporary failure", ""},
		"whose look-up fails":            {sign("apd-gba.be", both...), refused, "apd-gba.be: fail: no key", ""},
		"whose key is large":             {sign("apd-gba.be", both...), large, "apd-gba.be: fail: no key for signature: expected a key record", ""},
		"that is none":                   {append([]byte("DKIM-Signature: v=1; a\r\n"), message...), key.lookup, "fail: malformed", ""},
		"without":                        {message, key.lookup, "", ""},
		"several, of which one holds":    {key.sign(t, "apd-gba.be", newDKIMKey(t).sign(t, "example.net", message, both...), both...), key.lookup, "apd-gba.be: pass|example.net: fail", "apd-gba"},
		"that is not looked at":          {sign("apd-gba.be", both...), nil, "not checked", ""},
		"more than anyone needs to sign": {append(bytes.Repeat([]byte("DKIM-Signature: v=1\r\n"), 9), message...), key.lookup, strings.Repeat("fail: signature missing required tag|", 5) + "not checked: more", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := reader()
			r.LookupTXT = tc.lookup
			n := r.Read(t.Context(), tc.message, received)
			if got := strings.Join(n.DKIM, "|"); !strings.HasPrefix(got, tc.result) || tc.result == "" && got != "" {
				t.Errorf("got %q, want %q", got, tc.result)
			}
			if n.Draft.Authority != tc.authority {
				t.Errorf("got authority %q, want %q: %s", n.Draft.Authority, tc.authority, n.Problem)
			}
		})
	}
}

func unavailable(context.Context, string) ([]string, error) {
	return nil, &net.DNSError{Err: "server misbehaving", IsTemporary: true}
}

func refused(context.Context, string) ([]string, error) { return nil, errors.New("refused") }

func large(context.Context, string) ([]string, error) {
	return []string{"p=" + strings.Repeat("A", maxKeyRecord)}, nil
}

func TestDKIMEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r := reader()
	r.LookupTXT = func(ctx context.Context, _ string) ([]string, error) {
		cancel()
		<-ctx.Done()
		return nil, ctx.Err()
	}
	n := r.Read(ctx, newDKIMKey(t).sign(t, "apd-gba.be", crlf(mailFile(t, "notice-en"))), received)
	if got := strings.Join(n.DKIM, "|"); got != "apd-gba.be: temporary failure" {
		t.Errorf("got %q", got)
	}
}
