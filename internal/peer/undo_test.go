package peer

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// meanwhile are questions about a flagged name, or one below it, whose answers
// a resolver keeps. denied are those that have a denial at the name itself.
var (
	meanwhile = []string{"during A", "during NS", "during HTTPS", "@ MX", "@ DS"}
	denied    = []string{"@ NS", "@ HTTPS", "@ SOA", "@ TYPE65280"}
)

// After an unflag the holder's servers are reached at once by whoever asked
// meanwhile: only the very answers that a resolver has may live out their TTL.
//
// With the signed profile there is one exception. A denial at the name proves
// that it is no delegation. A resolver that has it, and looks there for what
// it knows about a DS, takes the holder's unsigned answers for bogus as long
// as the denial lives: SERVFAIL, but nobody's wrong address.
func TestUndo(t *testing.T) {
	questions := append(append([]string{}, meanwhile...), denied...)
	names := lookalikes[:len(questions)]
	for _, be := range Signings {
		t.Run(string(be), func(t *testing.T) {
			n := NewInternet(t, be, profileOf(be), "")
			all, signed := n.everyone(t)[1:], profileOf(be) == "profile signed"
			for _, name := range names {
				n.Flag(t, name+".be")
			}
			n.Flag(t, "example.be")
			for _, r := range all {
				for i, question := range questions {
					for _, name := range []string{names[i], "example"} { // by itself, and with all others
						qname, rrtype := about(question, name+".be")
						m := r.Ask(t, qname, rrtype)
						if question != "@ DS" || signed {
							shortLived(t, r, m)
						}
					}
				}
				resolves(t, be, r, "during.example.be", "192.0.2.80", signed)
			}
			for _, name := range names {
				n.Unflag(t, name+".be")
			}
			n.Unflag(t, "example.be")
			for _, r := range all {
				for i, question := range append(questions, "all of them") {
					name := append(names[:len(names):len(names)], "example")[i]
					t.Run(r.Name+"/"+question, func(t *testing.T) {
						bogus := i >= len(meanwhile) && signed
						undone(t, be, r, "fresh."+name+".be", "198.51.100.2", bogus)
						undone(t, be, r, "a.b.c."+name+".be", "198.51.100.2", bogus)
						undone(t, be, r, "mail."+name+".be", "198.51.100.3", bogus)
					})
				}
			}
		})
	}
}

// about reads a question, an owner and a type, as one about name or, unless
// the owner is @, about what is below it.
func about(question, name string) (qname string, rrtype uint16) {
	owner, word, _ := strings.Cut(question, " ")
	if owner != "@" {
		name = owner + "." + name
	}
	return name, typeNamed(word)
}

// shortLived wants a denial of ours to be forgotten as soon as an answer is.
func shortLived(t *testing.T, r Resolver, m *dns.Msg) {
	t.Helper()
	for _, rr := range m.Ns {
		if most := uint32(300); rr.Header().Ttl > most {
			t.Errorf("%s: lives %d seconds, want %d at most: %s", r.Name, rr.Header().Ttl, most, rr)
		}
	}
}

// undone wants the holder's address, or where the resolver may find it bogus
// SERVFAIL.
func undone(t *testing.T, be Signing, r Resolver, name, address string, bogus bool) {
	t.Helper()
	if bogus && r.Ask(t, name, dns.TypeA).Rcode == dns.RcodeServerFailure {
		t.Logf("%s finds %s bogus until the denial's TTL ends", r.Name, name)
		return
	}
	resolves(t, be, r, name, address, false)
}
