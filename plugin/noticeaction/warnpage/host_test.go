package warnpage

import (
	"strings"
	"testing"
)

func TestHostName(t *testing.T) {
	tests := []struct {
		name, header, want string // empty: it is none
	}{
		{"a name", "example.be", "example.be"},
		{"in capitals", "WWW.Example.BE", "www.example.be"},
		{"with a port", "example.be:8080", "example.be"},
		{"with an empty port", "example.be:", "example.be"},
		{"with a final dot", "example.be.", "example.be"},
		{"with both", "example.be.:80", "example.be"},
		{"in U-labels", "CAFÉ.be", "xn--caf-dma.be"},
		{"with the dots of another script", "café。be", "xn--caf-dma.be"},
		{"in A-labels", "XN--CAF-DMA.be", "xn--caf-dma.be"},
		{"with an underscore", "_dmarc.example.be", "_dmarc.example.be"},
		{"deep", strings.Repeat("a.", 120) + "example.be", strings.Repeat("a.", 120) + "example.be"},
		{"none", "", ""},
		{"a dot", ".", ""},
		{"two final dots", "example.be..", ""},
		{"an empty label", "www..example.be", ""},
		{"a dot before", ".example.be", ""},
		{"an IPv6 address", "[2001:db8::1]:80", ""},
		{"an IPv6 address without brackets", "2001:db8::1", ""},
		{"a port that is none", "example.be:http", ""},
		{"an escape", `foo\.example.be`, ""},
		{"percent", "ex%61mple.be", ""},
		{"a space", "example .be", ""},
		{"a user", "u@example.be", ""},
		{"a zero byte", "example\x00.be", ""},
		{"not UTF-8", "example\xff.be", ""},
		{"a long label", strings.Repeat("a", 64) + ".be", ""},
		{"too long", strings.Repeat("a.", 130) + "be", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := hostName(tt.header)
			if got != tt.want || ok != (tt.want != "") {
				t.Errorf("%q: got %q, %v; want %q", tt.header, got, ok, tt.want)
			}
		})
	}
}

// FuzzHostName: what is read is a name in its one spelling, which reads as itself.
func FuzzHostName(f *testing.F) {
	for _, header := range []string{"example.be", "CAFÉ.be.:80", "[::1]", "a\\.b.be", "xn--caf-dma.be", "。.be", "ß.be", "\u212a.be", "a_b.be"} {
		f.Add(header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		host, ok := hostName(header)
		if !ok {
			if host != "" {
				t.Fatalf("%q: refused, but got %q", header, host)
			}
			return
		}
		if again, ok := hostName(host + ".:443"); again != host || !ok {
			t.Fatalf("%q: got %q, which reads as %q, %v", header, host, again, ok)
		}
		for i := range len(host) {
			if c := host[i]; c >= 0x80 || 'A' <= c && c <= 'Z' || c != '.' && notLDH(rune(c)) {
				t.Fatalf("%q: got %q", header, host)
			}
		}
		if host[0] == '.' || host[len(host)-1] == '.' || strings.Contains(host, "..") || len(host) > 253 {
			t.Fatalf("%q: got %q", header, host)
		}
	})
}
