package certs

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"
)

func TestAFlaggedNameHasCertificates(t *testing.T) {
	w := newWorld(t, "example.be")
	for _, host := range []string{"example.be", "www.example.be"} {
		if cert := w.await(host); len(cert.DNSNames) != 1 || cert.DNSNames[0] != host {
			t.Errorf("%s: got a certificate of %q", host, cert.DNSNames)
		}
	}
	w.figures("both are counted", func(f Figures) bool {
		return f.Valid == 2 && f.Pending == 0 && f.Failing == 0 && f.Up && time.Until(f.Expires) > 80*24*time.Hour
	})
	if got := w.manager.CAA(); got != "pebble.example" {
		t.Errorf("CAA: got %q, want pebble.example", got)
	}
	checkModes(t, w.dir)
}

// checkModes checks that nobody else may read what is in a folder.
func checkModes(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if want := map[bool]fs.FileMode{true: 0o700, false: 0o600}[d.IsDir()]; err == nil && info.Mode().Perm() != want {
			t.Errorf("%s: got mode %s, want %s", path, info.Mode(), want)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestOnlyFlaggedHostsAreAnswered(t *testing.T) {
	w := newWorld(t, "example.be")
	w.await("example.be")
	w.await("www.example.be")
	orders := w.pebble.Orders()
	for _, host := range []string{"other.be", "www.other.be", "example.com", "be", "evil-example.be", "x_y.example.be", "*.example.be"} {
		for range 20 {
			if _, err := w.visit(host); err == nil || !strings.Contains(err.Error(), "unrecognized name") {
				t.Errorf("%s: expected the alert unrecognized_name, got %v", host, err)
			}
		}
	}
	w.set.flag("another.be")
	w.manager.Changed("another.be")
	w.await("another.be")
	w.await("www.another.be")
	if got := w.pebble.Orders() - orders; got < 2 || got > 4 { // a failed challenge makes one more
		t.Errorf("expected the orders of another.be alone, got %d", got)
	}
}

func TestOtherHostsAreOnDemandWithinACap(t *testing.T) {
	w := newWorld(t, "example.be")
	w.await("www.example.be")
	hosts := []string{"a.example.be", "b.example.be", "shop.example.be", "d.example.be", "a.b.c.example.be"}
	for _, host := range hosts {
		w.await(host)
	}
	for range 3 {
		if _, err := w.visit("one.too.many.example.be"); err == nil {
			t.Error("expected no certificate beyond the cap")
		}
	}
	w.figures("those of the cap are there and no other waits", func(f Figures) bool { return f.Valid == 2+maxExtra && f.Pending == 0 })
}

func TestUnflaggingRevokes(t *testing.T) {
	w := newWorld(t, "example.be")
	cert := w.await("example.be")
	www := w.await("www.example.be")
	w.set.unflag("example.be")
	w.manager.Changed()
	w.figures("nothing is left", func(f Figures) bool { return f == Figures{Up: true} })
	for _, c := range []struct{ what, got string }{{"apex", w.pebble.Status(cert.SerialNumber)}, {"www", w.pebble.Status(www.SerialNumber)}} {
		if c.got != "Revoked, reason 5" {
			t.Errorf("%s: expected it revoked as operation has ceased, got %s", c.what, c.got)
		}
	}
	key := filepath.Join(w.dir, filepath.FromSlash(certmagic.StorageKeys.CertsSitePrefix(issuerKey, "example.be")))
	if _, err := os.Stat(key); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("expected the key gone, got %v", err)
	}
	if _, err := w.visit("example.be"); err == nil {
		t.Error("expected no handshake after the name was given back")
	}
}

func TestANameGivenBackWhileItsCertificateIsOrdered(t *testing.T) {
	w := newWorld(t)
	begun, release := make(chan struct{}, 10), make(chan struct{})
	w.manager.mu.Lock()
	w.manager.obtain = func(ctx context.Context, j job) error {
		begun <- struct{}{}
		<-release
		return w.manager.fromCA(ctx, j)
	}
	w.manager.mu.Unlock()
	w.set.flag("example.be")
	w.manager.Changed("example.be")
	<-begun
	<-begun
	w.set.unflag("example.be")
	w.manager.Changed()
	close(release)
	w.figures("they came, and were given up", func(f Figures) bool { return w.pebble.Orders() >= 2 && f == Figures{Up: true} })
	hosts, err := w.manager.folder.hosts()
	if err != nil || len(hosts) > 0 {
		t.Errorf("expected nothing left on disk, got %q, %v", hosts, err)
	}
}

func TestWithoutHTTPHostsAreValidatedOverTLS(t *testing.T) {
	w := newWorld(t)
	w.settings.HTTP = false
	w.manager.Use(w.settings)
	w.set.flag("example.be")
	w.manager.Changed("example.be")
	w.await("example.be")
	w.await("www.example.be")
	if got := w.pebble.Orders(); got != 2 {
		t.Errorf("got %d orders, want one for each host", got)
	}
}

func TestAnotherCA(t *testing.T) {
	w := newWorld(t, "example.be")
	cert := w.await("example.be")
	w.await("www.example.be")
	old := w.pebble
	w.startCA()
	w.manager.Use(w.settings)
	w.set.flag("another.be")
	w.manager.Changed("another.be")
	if got := w.await("another.be"); got.Issuer.CommonName == cert.Issuer.CommonName {
		t.Error("expected a certificate of the new CA for what is flagged now")
	}
	w.set.unflag("example.be")
	w.manager.Changed()
	w.figures("the old ones are revoked", func(f Figures) bool { return f.Valid == 2 && f.Revoking == 0 })
	if got := old.Status(cert.SerialNumber); got != "Revoked, reason 5" {
		t.Errorf("expected the CA that issued it to revoke it, got %s", got)
	}
}

func TestWhileTheCAIsDown(t *testing.T) {
	w := newWorld(t, "example.be")
	cert := w.await("example.be")
	w.await("www.example.be")
	w.pebble.Down()
	w.set.flag("another.be")
	w.manager.Changed("another.be")
	w.figures("the CA is seen to be down", func(f Figures) bool { return !f.Up })
	w.said("expected the CA")
	w.await("www.example.be") // what is held is served on

	w.set.unflag("example.be")
	w.manager.Changed()
	w.figures("revocations wait", func(f Figures) bool { return f.Revoking == 2 && f.Valid == 0 })
	w.close()
	w.open() // and survive a restart
	w.figures("revocations wait", func(f Figures) bool { return f.Revoking == 2 })
	if got := w.manager.CAA(); got != "pebble.example" {
		t.Errorf("CAA after a restart with the CA down: got %q, want pebble.example", got)
	}

	w.pebble.Up()
	w.clock.move(maxPause)
	w.manager.Changed()
	w.await("another.be")
	w.figures("all is done", func(f Figures) bool { return f.Revoking == 0 && f.Valid == 2 && f.Up })
	if got := w.pebble.Status(cert.SerialNumber); got != "Revoked, reason 5" {
		t.Errorf("expected it revoked, got %s", got)
	}
}

func TestARestartKeepsCertificates(t *testing.T) {
	w := newWorld(t, "example.be", "gone.be")
	serials := make(map[string]string)
	for _, host := range []string{"example.be", "www.example.be", "gone.be", "www.gone.be"} {
		serials[host] = w.await(host).SerialNumber.String()
	}
	gone, _, err := w.manager.folder.leaf(t.Context(), "gone.be")
	if err != nil {
		t.Fatal(err)
	}
	orders := w.pebble.Orders()
	w.close()
	w.set.unflag("gone.be")
	w.open()
	for _, host := range []string{"example.be", "www.example.be"} {
		if got := w.await(host).SerialNumber.String(); got != serials[host] {
			t.Errorf("%s: expected the same certificate as before", host)
		}
	}
	w.figures("what was given back meanwhile is revoked", func(f Figures) bool { return f.Valid == 2 && f.Revoking == 0 })
	if got := w.pebble.Status(gone.SerialNumber); got != "Revoked, reason 5" {
		t.Errorf("expected it revoked, got %s", got)
	}
	if got := w.pebble.Orders(); got != orders {
		t.Errorf("expected no order, got %d", got-orders)
	}
}

// unknown is a set of which nothing is known yet, though its names are flagged.
type unknown struct{ *set }

func (unknown) Standing(string) bool { return false }
func (unknown) Generation() uint64   { return 0 }

func TestNothingIsRevokedBeforeTheSetIsKnown(t *testing.T) {
	w := newWorld(t, "example.be")
	cert := w.await("example.be")
	w.close()
	w.names = unknown{w.set}
	w.open()
	if w.await("example.be").SerialNumber.Cmp(cert.SerialNumber) != 0 {
		t.Error("expected the certificate to be kept")
	}
	w.manager.Changed()
	w.await("www.example.be")
	if f := w.manager.Figures(); f.Revoking != 0 {
		t.Errorf("expected nothing to be revoked, got %+v", f)
	}
}

// observed is a set of which no visitor is sent to the page.
type observed struct{ *set }

func (observed) Flagged(string) (string, bool) { return "", false }

func TestWhatIsOnlyObservedIsKeptAndNotServed(t *testing.T) {
	w := newWorld(t, "example.be")
	cert := w.await("example.be")
	w.await("www.example.be")
	orders := w.pebble.Orders()
	w.close()
	w.names = observed{w.set}
	w.open()
	if _, err := w.visit("example.be"); err == nil || !strings.Contains(err.Error(), "unrecognized name") {
		t.Errorf("expected the alert unrecognized_name, got %v", err)
	}
	w.close()
	w.names = w.set
	w.open()
	if w.await("example.be").SerialNumber.Cmp(cert.SerialNumber) != 0 || w.pebble.Orders() != orders {
		t.Error("expected the same certificate as before")
	}
	if got := w.pebble.Status(cert.SerialNumber); got != "Valid" {
		t.Errorf("expected it valid, got %s", got)
	}
}

func TestRenewal(t *testing.T) {
	w := newWorld(t, "example.be")
	first := w.await("example.be")
	w.await("www.example.be")
	w.clock.move(61 * 24 * time.Hour)
	w.manager.Changed()
	w.figures("both are renewed", func(f Figures) bool {
		return f.Valid == 2 && time.Until(f.Expires) > 0 && f.Expires.After(first.NotAfter)
	})
	if second := w.await("example.be"); second.SerialNumber.Cmp(first.SerialNumber) == 0 {
		t.Error("expected the new certificate to be served")
	}
}

func TestAFolderThatOthersMayReadIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Folder: dir, Names: newSet()}); err == nil || !strings.Contains(err.Error(), "mode 0700") {
		t.Errorf("expected an error that names the mode, got %v", err)
	}
}

func TestAFolderHasOneManager(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "certs")
	m, err := Open(Config{Folder: dir, Names: newSet()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Folder: dir, Names: newSet()}); err == nil || !strings.Contains(err.Error(), "another desk or process") {
		t.Errorf("expected an error that names the other one, got %v", err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
}
