package zonegen

import (
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"golang.org/x/net/idna"
)

// What other tests rely on in the committed be.zone.
func TestShapeOfBe(t *testing.T) {
	data := generate(t, committed[0])
	servers := map[string][]string{} // of each name
	signed := map[string]bool{}
	addresses := map[string]int{}
	uses := map[string]int{} // of each name server
	for _, rr := range records(t, "be", data) {
		owner := rr.Header().Name
		switch rr := rr.(type) {
		case *dns.NS:
			servers[owner] = append(servers[owner], rr.Ns)
			uses[rr.Ns]++
		case *dns.DS:
			signed[owner] = true
		case *dns.A, *dns.AAAA:
			addresses[owner]++
		case *dns.DNSKEY, *dns.RRSIG, *dns.NSEC, *dns.NSEC3, *dns.NSEC3PARAM:
			t.Errorf("expected no DNSSEC of the zone itself, got %v", rr)
		}
	}

	external := []string{"example.be.", "myexample.be.", "example-shop.be.", "exampl.be.", "xn--caf-dma.be."}
	for digit := range 9 {
		external = append(external, "victim"+string(rune('1'+digit))+".be.")
	}
	for _, name := range external {
		if len(servers[name]) < 2 || signed[name] || slices.ContainsFunc(servers[name], func(ns string) bool { return dns.IsSubDomain("be.", ns) }) {
			t.Errorf("%s: expected two name servers elsewhere and no DS, got %v, DS %t", name, servers[name], signed[name])
		}
	}
	if !signed["signed.be."] {
		t.Error("signed.be: expected a DS")
	}
	for _, host := range []string{"ns1.glue.be.", "ns1.bighost.be.", "ns2.bighost.be.", "a.nsset.be.", "b.nsset.be."} {
		if addresses[host] != 2 {
			t.Errorf("%s: expected A and AAAA, got %d addresses", host, addresses[host])
		}
	}
	if got := servers["be."]; !slices.Equal(got, []string{"a.nsset.be.", "b.nsset.be."}) {
		t.Errorf("be: expected its own name servers below nsset.be, got %v", got)
	}
	if len(servers["ac.be."]) != 0 || len(servers["ulb.ac.be."]) == 0 {
		t.Error("expected ulb.ac.be delegated and ac.be not")
	}
	delete(servers, "be.")

	atLeast := func(what string, got, low, high int) {
		t.Helper()
		if got < low || got > high {
			t.Errorf("%s: expected %d to %d, got %d", what, low, high, got)
		}
	}
	own, international := 0, 0
	for name, list := range servers {
		if strings.HasPrefix(list[0], "ns1."+name) {
			own++
		}
		if strings.HasPrefix(name, "xn--") {
			international++
		}
	}
	atLeast("delegations", len(servers), 10_000, 10_003)
	atLeast("names at bighost.be", uses["ns1.bighost.be."], 1_300, 1_700)
	atLeast("names with a DS", len(signed), 1_300, 1_700)
	atLeast("names with glue of their own", own, 350, 650)
	atLeast("internationalised names", international, 190, 210)
}

func TestLabelsAreDistinctHostLabels(t *testing.T) {
	const many = 200_000
	seen := make(map[string]int, many)
	for i := range many {
		name, err := label(i)
		if err != nil {
			t.Fatal(err)
		}
		if before, ok := seen[name]; ok {
			t.Fatalf("labels %d and %d are both %q", before, i, name)
		}
		seen[name] = i
		if _, err := idna.Registration.ToUnicode(name); err != nil || len(name) > 63 {
			t.Fatalf("label %d: expected a valid label, got %q: %v", i, name, err)
		}
	}
	for _, d := range fixed {
		if i, ok := seen[d.label]; ok {
			t.Errorf("label %d is the fixed name %q", i, d.label)
		}
	}
}

func TestWordsAllowNoAmbiguity(t *testing.T) {
	for _, words := range [][]string{trades, accented} {
		for _, a := range words {
			for _, b := range words {
				if a != b && strings.HasPrefix(b, a) {
					t.Errorf("%q begins with %q", b, a)
				}
			}
			if strings.HasPrefix(a, "my") {
				t.Errorf("%q begins with my", a)
			}
		}
	}
	if slices.Contains(towns, "shop") {
		t.Error("a town is shop")
	}
}
