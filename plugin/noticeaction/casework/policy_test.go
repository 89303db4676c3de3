package casework

import (
	"errors"
	"strings"
	"testing"
)

// nameFor is what Flag makes of a name that may be flagged.
func nameFor(p *Policy, input string) (string, error) {
	name, err := canonical(input)
	if err != nil {
		return "", err
	}
	return name, p.checker(nil).check(name)
}

func TestPolicyName(t *testing.T) {
	p := &Policy{
		Zones:        []string{"be.", "vlaanderen.", "Brussels.", "gov.be."},
		WarningHosts: []string{"waarschuwing.apd-gba.be."},
		Protect:      []string{"DNSBelgium.be", "www.belgium.be", "münchen.be"},
		Servers: func(zone string) ([]string, bool) {
			return map[string][]string{"be.": {"a.nsset.be.", "b.ns.vlaanderen."}, "Brussels.": {"x.dns.brussels."}}[zone], true
		},
	}
	label63 := strings.Repeat("a", 63)
	for _, tt := range []struct {
		input, want string
		kind        Kind   // 0: allowed
		text        string // of the refusal
	}{
		{input: "example.be", want: "example.be"},
		{input: "EXAMPLE.Be.", want: "example.be"},
		{input: "Café.be", want: "xn--caf-dma.be"},
		{input: "CAFÉ.BE", want: "xn--caf-dma.be"},
		{input: "cafe\u0301.be", want: "xn--caf-dma.be"},
		{input: "XN--CAF-DMA.be", want: "xn--caf-dma.be"},
		{input: "straße.be", want: "xn--strae-oqa.be"},
		{input: "0.be", want: "0.be"},
		{input: "a-b.vlaanderen", want: "a-b.vlaanderen"},
		{input: "x.gov.be", want: "x.gov.be"},
		{input: label63 + ".be", want: label63 + ".be"},
		{input: "belgium.vlaanderen", want: "belgium.vlaanderen"},
		{input: "ns.be", want: "ns.be"},
		{input: "et.be", want: "et.be"}, // ends a.nsset.be without a dot

		{input: "", kind: Invalid, text: "got none"},
		{input: ".", kind: Invalid, text: "got none"},
		{input: "be", kind: Invalid, text: "zone itself"},
		{input: "BE.", kind: Invalid, text: "zone itself"},
		{input: "gov.be", kind: Invalid, text: "zone itself"},
		{input: "www.example.be", kind: Invalid, text: "such as example.be"},
		{input: "a.b.c.example.be", kind: Invalid, text: "such as example.be"},
		{input: "example.nl", kind: Invalid, text: "be, brussels, gov.be, vlaanderen"},
		{input: "example", kind: Invalid, text: "one of the zones"},
		{input: "examplebe", kind: Invalid, text: "one of the zones"},
		{input: "example..be", kind: Invalid, text: "empty label"},
		{input: ".example.be", kind: Invalid, text: "empty label"},
		{input: "example.be..", kind: Invalid, text: "empty label"},
		{input: `foo\.example.be`, kind: Invalid, text: "escapes"},
		{input: `\101.be`, kind: Invalid, text: "escapes"},
		{input: "foo bar.be", kind: Invalid, text: "letters, digits and hyphens"},
		{input: " example.be", kind: Invalid, text: "letters, digits and hyphens"},
		{input: "foo_bar.be", kind: Invalid, text: `got "_"`},
		{input: "*.be", kind: Invalid, text: `got "*"`},
		{input: "a/b.be", kind: Invalid, text: `got "/"`},
		{input: "a\x00b.be", kind: Invalid, text: "letters"},
		{input: "a\xff.be", kind: Invalid, text: "UTF-8"},
		{input: "-a.be", kind: Invalid, text: "IDNA2008"},
		{input: "a-.be", kind: Invalid, text: "IDNA2008"},
		{input: "ab--cd.be", kind: Invalid, text: "IDNA2008"},
		{input: "xn--.be", kind: Invalid, text: "label"},
		{input: "xn--a.be", kind: Invalid, text: "label"},
		{input: "xn--example-.be", kind: Invalid, text: "label"},
		{input: "xn--zzzzzzzzz999.be", kind: Invalid, text: "label"},
		{input: "ｅxample.be", kind: Invalid, text: "IDNA2008"},
		{input: "example。be", kind: Invalid, text: "IDNA2008"},
		{input: "a\u200db.be", kind: Invalid, text: "IDNA2008"},
		{input: "אa.be", kind: Invalid, text: "IDNA2008"},
		{input: label63 + "a.be", kind: Invalid, text: "63 octets"},
		{input: strings.Repeat("é", 60) + ".be", kind: Invalid, text: "63 octets"},
		{input: strings.Repeat("abcdefghi.", 26) + "be", kind: Invalid, text: "253 octets"},
		{input: strings.Repeat("a", 5000), kind: Invalid, text: "253 octets"},
		{input: "192.0.2.1", kind: Invalid, text: "IP address"},
		{input: "2001:db8::1", kind: Invalid, text: "IP address"},
		{input: "[::1]", kind: Invalid, text: "IP address"},
		{input: "ac.be", kind: Invalid, text: "public suffix"},
		{input: "transurl.be", kind: Forbidden, text: "private-suffix"},
		{input: "apd-gba.be", kind: Forbidden, text: "waarschuwing.apd-gba.be"},
		{input: "nsset.be", kind: Forbidden, text: "a.nsset.be"},
		{input: "ns.vlaanderen", kind: Forbidden, text: "b.ns.vlaanderen, a name server of the zone be"},
		{input: "dns.brussels", kind: Forbidden, text: "x.dns.brussels"},
		{input: "dnsbelgium.be", kind: Forbidden, text: "protects dnsbelgium.be"},
		{input: "belgium.be", kind: Forbidden, text: "protects www.belgium.be"},
		{input: "MÜNCHEN.be", kind: Forbidden, text: "protects xn--mnchen-3ya.be"},
	} {
		t.Run(Clip(tt.input), func(t *testing.T) {
			got, err := nameFor(p, tt.input)
			if tt.kind == 0 {
				if err != nil || got != tt.want {
					t.Fatalf("name = %q, %v; want %q", got, err, tt.want)
				}
				if again, err := nameFor(p, got); err != nil || again != got {
					t.Errorf("%q is not its own form: %q, %v", got, again, err)
				}
				if back, err := nameFor(p, Unicode(got)); err != nil || back != got {
					t.Errorf("the U-label form %q leads to %q, %v", Unicode(got), back, err)
				}
				return
			}
			if e := refusalOf(t, err, tt.kind); !strings.Contains(e.Detail, tt.text) || e.Field != "name" {
				t.Errorf("refusal of field %q = %q, want one that says %q", e.Field, e.Detail, tt.text)
			}
		})
	}
}

func TestPolicyPrivateSuffixForced(t *testing.T) {
	p := &Policy{Zones: []string{"be."}}
	if err := p.checker([]Force{ForcePrivateSuffix}).check("transurl.be"); err != nil {
		t.Errorf("forced private suffix: %v", err)
	}
	wantKind(t, p.checker([]Force{ForcePrivateSuffix, ForceBrake}).check("ac.be"), Invalid)
}

func TestPolicyValidate(t *testing.T) {
	for _, tt := range []struct {
		name   string
		policy *Policy
		want   string
	}{
		{"whole", testPolicy(), ""},
		{"the root", &Policy{Zones: []string{"."}}, "zones"},
		{"a protected name that is none", &Policy{Zones: []string{"be."}, Protect: []string{"foo_bar.be"}}, "protect"},
		{"a warning host that is none", &Policy{Zones: []string{"be."}, WarningHosts: []string{"192.0.2.1"}}, "warning_page"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.policy.Validate()
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("error = %v, want one about %q", err, tt.want)
			}
		})
	}
}

func TestUnicode(t *testing.T) {
	for name, want := range map[string]string{
		"xn--caf-dma.be": "café.be",
		"example.be":     "example.be",
		"xn--zzzz.be":    "xn--zzzz.be",
	} {
		if got := Unicode(name); got != want {
			t.Errorf("Unicode(%q) = %q, want %q", name, got, want)
		}
	}
}

func FuzzPolicyName(f *testing.F) {
	for _, s := range []string{"example.be", "Café.be.", "xn--caf-dma.be", `foo\.be`, "a\u200d.be", "..", "ac.be", "xn--.be"} {
		f.Add(s)
	}
	p := &Policy{Zones: []string{"be."}}
	f.Fuzz(func(t *testing.T, input string) {
		name, err := nameFor(p, input)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Detail == "" {
				t.Fatalf("refusal of %q = %v, want an *Error", input, err)
			}
			return
		}
		label, ok := strings.CutSuffix(name, ".be")
		if !ok || len(label) < 1 || len(label) > maxLabel || strings.ContainsFunc(label, func(r rune) bool { return r > 'z' || !ldh(byte(r)) }) {
			t.Fatalf("%q became %q", input, name)
		}
		for _, form := range []string{name, strings.ToUpper(name), name + ".", Unicode(name)} {
			if again, err := nameFor(p, form); err != nil || again != name {
				t.Fatalf("%q became %q, but %q became %q, %v", input, name, form, again, err)
			}
		}
	})
}
