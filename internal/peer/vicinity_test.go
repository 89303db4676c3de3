package peer

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// Names beside a flagged one resolve as ever before it is flagged, while it
// is, and after, for resolvers that knew them and for those that did not. The
// flagged name comes back for whoever did not ask for it meanwhile.
func TestVicinity(t *testing.T) {
	for _, be := range Signings {
		t.Run(string(be), func(t *testing.T) {
			n := NewInternet(t, be, profileOf(be), "")
			early := n.everyone(t)[1:]
			for _, r := range early {
				vicinity(t, be, r, "before")
			}
			flagged := []string{"example.be", "signed.be", "fresh1.be"}
			n.Flag(t, flagged...)
			late := n.everyone(t)[1:]
			for _, r := range append(late, early...) {
				vicinity(t, be, r, "during")
				resolves(t, be, r, "nowhere.fresh1.be", "192.0.2.80", be == OnlineECDSA || be == OnlineEd25519)
				vicinity(t, be, r, "later")
			}
			n.Unflag(t, flagged...)
			for _, r := range append(early, late...) {
				vicinity(t, be, r, "after")
				resolves(t, be, r, "www.example.be", "198.51.100.2", false)
				resolves(t, be, r, "www.signed.be", "198.51.100.2", be != Unsigned)
			}
		})
	}
}

// A child with a DS is bogus when it is flagged in the insecure profile: the
// API says so at once, resolvers hold the answer back, and one who forgoes
// validation sees it. In the signed profile there is nothing to say.
func TestChildWithDS(t *testing.T) {
	const warning = `"child-has-ds"`
	n := NewInternet(t, NSECInFile, "profile insecure", "")
	if replies := n.Flag(t, "example.be"); strings.Contains(replies, warning) {
		t.Errorf("a child without DS: want no warning %s, got:\n%s", warning, replies)
	}
	if replies := n.Flag(t, "signed.be"); !strings.Contains(replies, warning) {
		t.Errorf("a child with DS: want the warning %s, got:\n%s", warning, replies)
	}
	for _, r := range n.everyone(t)[1:] {
		if m := r.Ask(t, "www.signed.be", dns.TypeA); m.Rcode != dns.RcodeServerFailure {
			t.Errorf("%s: want SERVFAIL, got:\n%s", r.Name, m)
		}
		q := NewQuery("www.signed.be", dns.TypeA)
		q.CheckingDisabled = true
		m, err := Exchange(r.Addr, q)
		if err != nil || !strings.Contains(m.String(), "192.0.2.80") {
			t.Errorf("%s with CD: want the warning page, got error %v and:\n%s", r.Name, err, m)
		}
	}

	n = NewInternet(t, OnlineECDSA, "profile signed", "")
	if replies := n.Flag(t, "signed.be"); strings.Contains(replies, warning) {
		t.Errorf("signed profile: want no warning %s, got:\n%s", warning, replies)
	}
}

// vicinity asks for names that nobody flags, below a label that is new.
func vicinity(t *testing.T, be Signing, r Resolver, label string) {
	t.Helper()
	for _, name := range []string{"victim.be", "myexample.be", "example-shop.be", "exampl.be", "examplee.be", "xn--caf-dma.be"} {
		resolves(t, be, r, label+"."+name, "198.51.100.2", false)
	}
	resolves(t, be, r, label+".safe.be", "198.51.100.2", be != Unsigned)
}

func resolves(t *testing.T, be Signing, r Resolver, name, address string, authentic bool) {
	t.Helper()
	m := r.Ask(t, name, dns.TypeA)
	ok := false
	for _, rr := range m.Answer {
		if a, is := rr.(*dns.A); is {
			ok = a.A.String() == address
		}
	}
	if !ok || m.AuthenticatedData != authentic {
		t.Errorf("be %s, %s: want %s A %s with AD %t, got:\n%s", be, r.Name, name, address, authentic, m)
	}
}
