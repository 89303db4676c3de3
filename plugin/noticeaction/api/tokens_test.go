package api

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// hexSum is the SHA-256 of the token that stands for seed.
func hexSum(seed string) string {
	sum := sha256.Sum256([]byte(tokenFor(seed)))
	return hex.EncodeToString(sum[:])
}

// tokenFor is a well-formed token, always the same for a seed.
func tokenFor(seed string) string {
	bits := sha256.Sum256([]byte(seed))
	return base64.RawURLEncoding.EncodeToString(bits[:])
}

func TestParseTokens(t *testing.T) {
	sum, other := hexSum("a"), hexSum("b")
	tests := []struct {
		name, text string
		want       []Identity
		err        string // fragment; empty: none
	}{
		{"empty file", "", nil, ""},
		{"comments and empty lines", "# who may\n\n   \n  # nobody\n", nil, ""},
		{"every role", "ann viewer " + sum + "\nbob operator " + hexSum("2") + "\nroot admin " + hexSum("3") + "\ndpa authority:apd-gba " + hexSum("4"),
			[]Identity{{"ann", Viewer, ""}, {"bob", Operator, ""}, {"root", Admin, ""}, {"dpa", Authority, "apd-gba"}}, ""},
		{"upper-case hex, tabs, a comment behind, CRLF", "ann\tviewer  " + strings.ToUpper(sum) + " # since May\r\n", []Identity{{"ann", Viewer, ""}}, ""},
		{"a name like a mail address", "ann@desk.example viewer " + sum, []Identity{{"ann@desk.example", Viewer, ""}}, ""},
		{"two fields", "ann viewer", nil, `tokens:1: tokens: expected NAME ROLE SHA256HEX, got "2 fields"`},
		{"four fields", "\nann viewer x " + sum, nil, `tokens:2: tokens: expected NAME ROLE SHA256HEX, got "4 fields"`},
		{"unknown role", "ann boss " + sum, nil, `tokens: expected the role viewer, operator, admin or authority:NAME, got "boss"`},
		{"role in capitals", "ann Admin " + sum, nil, `expected the role viewer, operator, admin or authority:NAME, got "Admin"`},
		{"authority without name", "ann authority: " + sum, nil, `got "authority:"`},
		{"authority alone", "ann authority " + sum, nil, `got "authority"`},
		{"authority with capitals", "ann authority:APD " + sum, nil, `got "authority:APD"`},
		{"authority with a hyphen in front", "ann authority:-apd " + sum, nil, `got "authority:-apd"`},
		{"authority with a hyphen behind", "ann authority:apd- " + sum, nil, `got "authority:apd-"`},
		{"short sum", "ann viewer abcd", nil, `tokens: expected a SHA-256 of 64 hex digits, got "4 characters"`},
		{"a token in place of its sum", "ann viewer " + tokenFor("a"), nil, `got "43 characters"`},
		{"not hex", "ann viewer " + strings.Repeat("z", 64), nil, `expected a SHA-256 of 64 hex digits`},
		{"name taken twice", "ann viewer " + sum + "\nann admin " + other, nil, `tokens:2: tokens: expected each name once, got "ann" again (first on line 1)`},
		{"sum taken twice", "ann viewer " + sum + "\nbob admin " + sum, nil, `tokens:2: tokens: expected each SHA-256 once, got that of line 1 again for "bob"`},
		{"a name like a uid", "uid:0 admin " + sum, nil, `expected a name of 1 to 64 letters`},
		{"the name of the desk itself", "system admin " + sum, nil, `expected a name of 1 to 64 letters`},
		{"name of 65 letters", strings.Repeat("a", 65) + " admin " + sum, nil, `expected a name of 1 to 64 letters`},
		{"a line without end", strings.Repeat("a", 1<<17), nil, `reading`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "tokens")
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := ParseTokens(path)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("got error %v, want one with %q", err, tt.err)
				}
				if strings.Contains(err.Error(), tokenFor("a")) {
					t.Errorf("the error repeats a secret: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(got.entries) != len(tt.want) {
				t.Fatalf("got %d entries, want %d", len(got.entries), len(tt.want))
			}
			for i, e := range got.entries {
				if e.id != tt.want[i] {
					t.Errorf("entry %d: got %+v, want %+v", i, e.id, tt.want[i])
				}
			}
		})
	}
}

func TestParseTokensNamesAMissingFile(t *testing.T) {
	_, err := ParseTokens("/nonexistent/tokens")
	if err == nil || !strings.Contains(err.Error(), `tokens: expected a readable file, got "/nonexistent/tokens"`) {
		t.Errorf("got %v", err)
	}
}

func TestNilTokensListNobody(t *testing.T) {
	var none *Tokens
	if _, ok := none.find(sha256.Sum256(nil)); ok {
		t.Error("a nil list found somebody")
	}
}

// FuzzTokens checks that whatever is accepted can be written down again and
// read as the same entries, and that nothing makes the parser panic.
func FuzzTokens(f *testing.F) {
	f.Add("ann viewer " + hexSum("a") + "\n")
	f.Add("# none\n\n\tdpa authority:apd-gba " + hexSum("b") + " # since May")
	f.Add("ann boss abcd")
	f.Fuzz(func(t *testing.T, text string) {
		first, err := readTokens("tokens", strings.NewReader(text))
		if err != nil {
			if !strings.Contains(err.Error(), "tokens") {
				t.Errorf("the error names no file: %v", err)
			}
			return
		}
		var again strings.Builder
		for _, e := range first.entries {
			role := e.id.Role
			if role == Authority {
				role += ":" + e.id.Authority
			}
			fmt.Fprintf(&again, "%s %s %x\n", e.id.Actor, role, e.sum)
		}
		second, err := readTokens("tokens", strings.NewReader(again.String()))
		if err != nil {
			t.Fatalf("what was accepted is refused when written down: %v", err)
		}
		if len(first.entries) != len(second.entries) {
			t.Fatalf("got %d entries, then %d", len(first.entries), len(second.entries))
		}
		for i := range first.entries {
			if first.entries[i] != second.entries[i] {
				t.Errorf("entry %d: got %v, then %v", i, first.entries[i], second.entries[i])
			}
		}
	})
}
