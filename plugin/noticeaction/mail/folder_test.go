package mail

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

func openFolder(t testing.TB, dir string) Sender {
	t.Helper()
	f, err := Folder(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestAMessageInAFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "mails")
	f, l := openFolder(t, dir), leaving("a@a.example")
	for range 2 { // the second time it is there
		if err := f.Send(t.Context(), l); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != "C2026-00001.1@desk.registry.example.eml" {
		t.Fatalf("got %v, %v", entries, err)
	}
	path := filepath.Join(dir, entries[0].Name())
	if text, err := os.ReadFile(path); err != nil || string(text) != string(l.Payload) {
		t.Errorf("got %q, %v", text, err)
	}
	for name, want := range map[string]os.FileMode{dir: 0o700, path: 0o600} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: got %v, %v; want %o", name, info.Mode(), err, want)
		}
	}
}

func TestWhatAFolderRefuses(t *testing.T) {
	f, l := openFolder(t, filepath.Join(t.TempDir(), "mails")), leaving("a@a.example")
	if err := f.Send(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	other := leaving("a@a.example")
	other.Payload = []byte("Subject: y\r\n\r\n")
	wantPermanent(t, f.Send(t.Context(), other))
	other.MessageID = ""
	wantPermanent(t, f.Send(t.Context(), other))

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l.MessageID = "later@desk.registry.example"
	if err := f.Send(ctx, l); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	wantTemporary(t, f.Send(t.Context(), l))
}

func TestWhatACrashLeftIsOverwritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mails")
	f, l := openFolder(t, dir), leaving("a@a.example")
	writeFile(t, filepath.Join(dir, "."+fileName(l.MessageID)+".tmp"), strings.Repeat("half of a message", 100))
	if err := f.Send(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatalf("got %v, %v", entries, err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, entries[0].Name())); err != nil || string(text) != string(l.Payload) {
		t.Errorf("got %q, %v", text, err)
	}
}

func TestTheSameMessageFromManySides(t *testing.T) {
	f, l := openFolder(t, filepath.Join(t.TempDir(), "mails")), leaving("a@a.example")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := f.Send(t.Context(), l); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestAFolderThatOthersMayEnterIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Folder(dir); err == nil || !strings.Contains(err.Error(), "(0700), got 0755") {
		t.Errorf("got %v", err)
	}
	path := filepath.Join(dir, "file")
	writeFile(t, path, "")
	if _, err := Folder(path); err == nil || !strings.HasPrefix(err.Error(), "mail_folder: ") {
		t.Errorf("of a file: got %v", err)
	}
}

// TestFileNames wants a safe name for any Message-ID, and another one for another.
func TestFileNames(t *testing.T) {
	for id, want := range map[string]string{
		"C1.2@desk.example":      "C1.2@desk.example.eml",
		"../../etc/passwd":       "%2E.%2F..%2Fetc%2Fpasswd.eml",
		".hidden":                "%2Ehidden.eml",
		"a/b\x00\nc":             "a%2Fb%00%0Ac.eml",
		strings.Repeat("a", 201): "sha256=a92efd82109373e58f9a2056dee01e807e216ce6075f7051207c0a9f7d666e50.eml",
	} {
		if got := fileName(id); got != want {
			t.Errorf("%q: got %q, want %q", id, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.String().Draw(t, "a"), rapid.String().Draw(t, "b")
		one, other := fileName(a), fileName(b)
		if (a == b) != (one == other) {
			t.Fatalf("%q and %q have the names %q and %q", a, b, one, other)
		}
		if len(one) > 204 || strings.HasPrefix(one, ".") && a != "" || strings.ContainsAny(one, "/\x00\n") || filepath.Base(one) != one {
			t.Fatalf("%q is not safe", one)
		}
	})
}
