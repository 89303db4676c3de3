package intake

import (
	"context"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

// FuzzRead reads anything without the net that Read has below it.
func FuzzRead(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "mail", "*.eml"))
	if err != nil || len(files) == 0 {
		f.Fatal("expected mails", err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	root := authorityOf(f)
	an := issue(f, &root, nil)
	key := newDKIMKey(f)
	f.Add(detached(signedText, an.sign(f, []byte(signedText), true, weak[0])))
	f.Add(append([]byte(signedHeader+opaqueType), an.sign(f, []byte(signedText), false, weak[0])...))
	f.Add(key.sign(f, "apd-gba.be", []byte(signedHeader+signedText), "From", "Subject"))
	r := reader()
	r.Roots = x509.NewCertPool()
	r.Roots.AddCert(root.cert)
	r.LookupTXT = func(ctx context.Context, name string) ([]string, error) { return key.lookup(ctx, name) }
	f.Fuzz(func(t *testing.T, message []byte) {
		start := time.Now()
		n := r.read(t.Context(), message, received)
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("took %v for %d bytes", took, len(message))
		}
		checkNotice(t, n)
	})
}

// checkNotice checks what holds of whatever is read.
func checkNotice(t *testing.T, n store.Notice) {
	t.Helper()
	switch n.Status {
	case store.Draft:
		if !slices.Equal(n.Missing, n.Draft.Missing()) {
			t.Errorf("got missing %q of %q", n.Missing, n.Draft.Missing())
		}
		if n.Draft.Authority != "" && !strings.HasPrefix(n.SMIME, "valid: ") && !slices.ContainsFunc(n.DKIM, func(s string) bool { return strings.HasSuffix(s, ": pass") }) {
			t.Errorf("got authority %q without proof", n.Draft.Authority)
		}
		checkOpens(t, n.Draft)
	case store.Unreadable:
		if n.Problem == "" {
			t.Error("got no problem of what is unreadable")
		}
	case store.Bounce:
		if (n.Bounced == "") == (n.Problem == "") {
			t.Errorf("got bounced %q, problem %q, want one of them", n.Bounced, n.Problem)
		}
	default:
		t.Errorf("got status %q", n.Status)
	}
	for _, s := range append(n.DKIM, n.From, n.Subject, n.MessageID, n.SMIME, n.Problem) {
		if len([]rune(s)) > 1000 || s != line(s, 1000) {
			t.Errorf("got %q, want one harmless line", s)
		}
	}
}

// checkOpens checks that a person who adds what is missing can open a case with the draft.
func checkOpens(t *testing.T, draft procedure.Notice) {
	t.Helper()
	if draft.Authority == "" {
		draft.Authority = "apd-gba"
	}
	e := procedure.Event{Kind: procedure.Open, Case: "C2026-00001", At: received, Actor: procedure.Actor{Kind: procedure.Operator, Name: "op"}, Notice: &draft}
	_, _, err := procedure.Rules{}.Apply(procedure.Case{}, e, received)
	if invalid, ok := errors.AsType[*procedure.InvalidError](err); ok && invalid.Field != "signed" { // a date in the future is the person's to correct
		t.Errorf("got a draft that cannot be opened: %v", err)
	}
}
