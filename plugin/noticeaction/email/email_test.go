package email

import (
	"errors"
	"net/mail"
	"strings"
	"testing"
)

func TestTaken(t *testing.T) {
	tests := []struct{ name, address, want string }{
		{"plain", "holder@site.example", "holder@site.example"},
		{"a dot in the local part", "jan.janssens@site.example", "jan.janssens@site.example"},
		{"all that an atom may hold", "a!#$%&'*+-/=?^_`{|}~1@site.example", "a!#$%&'*+-/=?^_`{|}~1@site.example"},
		{"a domain in capitals", "Holder@SITE.Example", "Holder@site.example"},
		{"a domain in U-labels", "jos@café.example", "jos@xn--caf-dma.example"},
		{"a domain in A-labels", "jos@xn--caf-dma.example", "jos@xn--caf-dma.example"},
		{"two hyphens within a label", "a@r3--x.example", "a@r3--x.example"},
		{"a local part beyond ASCII", "josé@site.example", "josé@site.example"},
		{"the longest local part", strings.Repeat("a", 64) + "@site.example", strings.Repeat("a", 64) + "@site.example"},
		{"what stands for an erased one", "erased@erased.invalid", "erased@erased.invalid"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := Canonical(tt.address); err != nil || got != tt.want {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	tests := []struct {
		name, address string
		want          error
	}{
		{"nothing", "", errShape},
		{"no @", "holder", errShape},
		{"not UTF-8", "hold\xffer@site.example", errShape},
		{"a name with it", "Holder <holder@site.example>", errLocal},
		{"two addresses", "a@site.example,b@site.example", errLocal},
		{"a space", "hol der@site.example", errLocal},
		{"a space before it", " holder@site.example", errLocal},
		{"a space behind it", "holder@site.example ", errDomain},
		{"a line end", "holder@site.example\r\nBcc: x@y.example", errLocal},
		{"no local part", "@site.example", errLocal},
		{"a dot first", ".holder@site.example", errLocal},
		{"a dot last", "holder.@site.example", errLocal},
		{"two dots", "hol..der@site.example", errLocal},
		{"two @", "holder@home@site.example", errLocal},
		{"a quoted local part", `"hol der"@site.example`, errLocal},
		{"a route", "mailto:holder@site.example", errLocal},
		{"a zero byte", "hold\x00er@site.example", errLocal},
		{"a mark that turns the line", "hold\u202eer@site.example", errLocal},
		{"no domain", "holder@", errDomain},
		{"one label", "holder@localhost", errDomain},
		{"an empty label", "holder@site..example", errDomain},
		{"a dot before the domain", "holder@.site.example", errDomain},
		{"a dot behind the domain", "holder@site.example.", errDomain},
		{"a hyphen at the start of a label", "holder@-site.example", errDomain},
		{"a hyphen at the end of a label", "holder@site-.example", errDomain},
		{"an underscore", "holder@my_site.example", errDomain},
		{"an address of IPv4", "holder@192.0.2.1", errDomain},
		{"an address literal", "holder@[192.0.2.1]", errDomain},
		{"a port", "holder@site.example:25", errDomain},
		{"a comment", "holder@site.example(x)", errDomain},
		{"A-labels of nothing", "holder@xn--a.example", errDomain},
		{"a label too long", "holder@" + strings.Repeat("a", 64) + ".example", errDomain},
		{"a local part too long", strings.Repeat("a", 65) + "@site.example", errLength},
		{"all of it too long", "aaa@" + strings.Repeat("a.", 125) + "be", errLength},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := Check(tt.address); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestASCII(t *testing.T) {
	if !ASCII("holder@site.example") || ASCII("josé@site.example") {
		t.Error("ASCII holds of the wrong one")
	}
}

// FuzzCanonical: what is taken stands in a header and an envelope as it is, and is canonical already.
func FuzzCanonical(f *testing.F) {
	for _, seed := range []string{"holder@site.example", "jos@café.example", "josé@xn--caf-dma.example", "a..b@c.example", "a@b", "\"a b\"@c.example", "a@b.example\r\nBcc: c@d.example"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := Canonical(s)
		if err != nil {
			return
		}
		if again, err := Canonical(got); err != nil || again != got {
			t.Errorf("%q is %q, which is %q, %v", s, got, again, err)
		}
		if a, err := mail.ParseAddress(got); err != nil || a.Address != got || a.Name != "" || len(got) > 254 {
			t.Errorf("%q is %q, which reads as %v, %v", s, got, a, err)
		}
	})
}
