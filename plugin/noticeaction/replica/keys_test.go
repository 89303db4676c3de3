package replica

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// openssl runs the real openssl in a folder.
func openssl(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("openssl", args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("openssl %v: %v\n%s", args, err, out)
	}
}

// TestKeyFiles reads what openssl makes.
func TestKeyFiles(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"one", "two"} {
		openssl(t, dir, "genpkey", "-algorithm", "ed25519", "-out", name+".key")
		openssl(t, dir, "pkey", "-in", name+".key", "-pubout", "-out", name+".pub")
	}
	openssl(t, dir, "genpkey", "-algorithm", "X25519", "-out", "other.key")
	openssl(t, dir, "pkey", "-in", "other.key", "-pubout", "-out", "other.pub")
	join := func(to string, names ...string) {
		var all []byte
		for _, name := range names {
			b, err := os.ReadFile(path(name))
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, b...)
		}
		if err := os.WriteFile(path(to), all, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	join("both.pub", "one.pub", "two.pub")
	join("both.key", "one.key", "two.key")
	join("empty")

	one, err := ReadSigner(path("one.key"))
	if err != nil {
		t.Fatal(err)
	}
	value := one.value(DefaultPrefix, Record{Name: "example.be", Authority: "apd-gba"})
	for file, trusted := range map[string]bool{"one.pub": true, "both.pub": true, "two.pub": false} {
		keys, err := ReadKeys(path(file))
		if err != nil {
			t.Fatal(err)
		}
		if err := keys.verifyValue(DefaultPrefix, "example.be", value); (err == nil) != trusted {
			t.Errorf("%s: %v", file, err)
		}
	}
	for _, file := range []string{"one.pub", "both.key", "other.key", "empty", "none"} {
		if _, err := ReadSigner(path(file)); err == nil || !strings.Contains(err.Error(), "expected one Ed25519 private key") {
			t.Errorf("%s for the publisher: %v", file, err)
		}
	}
	for _, file := range []string{"one.key", "other.pub", "empty", "none"} {
		if _, err := ReadKeys(path(file)); err == nil || !strings.Contains(err.Error(), "expected Ed25519 public keys") {
			t.Errorf("%s for a follower: %v", file, err)
		}
	}
}
