package api

import (
	"bufio"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
)

// Tokens is who may call over TCP: SHA-256 sums of bearer tokens and of client
// certificates, never the secrets themselves. Immutable, so any number of
// requests may read it; a nil *Tokens lists nobody.
type Tokens struct{ entries []tokenEntry }

type tokenEntry struct {
	sum [sha256.Size]byte
	id  Identity
}

// find looks at every entry, whether or not one fits, so that the time taken
// tells nothing about the sums kept.
func (t *Tokens) find(sum [sha256.Size]byte) (id Identity, ok bool) {
	if t == nil {
		return Identity{}, false
	}
	for i := range t.entries {
		if subtle.ConstantTimeCompare(t.entries[i].sum[:], sum[:]) == 1 {
			id, ok = t.entries[i].id, true
		}
	}
	return id, ok
}

// ParseTokens reads a tokens file: lines of NAME ROLE SHA256HEX, where the sum
// is that of the token's 43 characters or of a client certificate in DER form.
// Empty lines and what follows "#" do not count. Errors name file and line and
// what was expected, and never repeat the third field, which may be a secret
// put there by mistake.
func ParseTokens(path string) (*Tokens, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("tokens: expected a readable file, got %q: %w", path, err)
	}
	defer f.Close()
	return readTokens(path, f)
}

func readTokens(path string, r io.Reader) (*Tokens, error) {
	t := &Tokens{}
	names := map[string]int{}
	sums := map[[sha256.Size]byte]int{}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		if strings.TrimSpace(text) == "" {
			continue
		}
		entry, err := parseEntry(text)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: tokens: %w", path, n, err)
		}
		if first, ok := names[entry.id.Actor]; ok {
			return nil, fmt.Errorf("%s:%d: tokens: expected each name once, got %q again (first on line %d)", path, n, entry.id.Actor, first)
		}
		if first, ok := sums[entry.sum]; ok {
			return nil, fmt.Errorf("%s:%d: tokens: expected each SHA-256 once, got that of line %d again for %q", path, n, first, entry.id.Actor)
		}
		names[entry.id.Actor], sums[entry.sum] = n, n
		t.entries = append(t.entries, entry)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("tokens: reading %s: %w", path, err)
	}
	return t, nil
}

// tokenName keeps names apart from the actors "uid:1000" and "system".
var tokenName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$`)

func parseEntry(text string) (tokenEntry, error) {
	fields := strings.Fields(text)
	if len(fields) != 3 {
		return tokenEntry{}, fmt.Errorf("expected NAME ROLE SHA256HEX, got \"%d fields\"", len(fields))
	}
	name, role, sum := fields[0], fields[1], fields[2]
	if !tokenName.MatchString(name) || name == "system" {
		return tokenEntry{}, fmt.Errorf("expected a name of 1 to 64 letters, digits, \".\", \"_\", \"@\" or \"-\", got %q", name)
	}
	entry := tokenEntry{id: Identity{Actor: name, Role: role}}
	authority, isAuthority := strings.CutPrefix(role, Authority+":")
	switch {
	case isAuthority && casework.CheckAuthority(authority) == nil:
		entry.id.Role, entry.id.Authority = Authority, authority
	case role != Viewer && role != Operator && role != Admin:
		return tokenEntry{}, fmt.Errorf("expected the role viewer, operator, admin or authority:NAME, got %q", role)
	}
	raw, err := hex.DecodeString(sum)
	if err != nil || len(raw) != sha256.Size {
		return tokenEntry{}, fmt.Errorf("expected a SHA-256 of 64 hex digits, got \"%d characters\"", len(sum))
	}
	copy(entry.sum[:], raw)
	return entry, nil
}

// wellFormed tells whether s is 256 bits in base64url.
func wellFormed(s string) bool {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(raw) == 32
}
