package peer

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// itself is what the table calls coredns-na.
const itself = "itself"

var owners = []struct{ word, prefix string }{
	{"name", ""}, {"www", "www."}, {"deep", "a.b.c."}, {"dmarc", "_dmarc."}, {"bang", "!a."}, {"star", "*."},
}

var types = []uint16{
	dns.TypeA, dns.TypeAAAA, dns.TypeMX, dns.TypeTXT, dns.TypeHTTPS, dns.TypeCAA,
	dns.TypeNS, dns.TypeSOA, dns.TypeDS, dns.TypeANY, 65280,
}

// profileOf is the line that chooses a set-up's profile.
func profileOf(s Signing) string {
	if s == OnlineECDSA || s == OnlineEd25519 {
		return "profile signed"
	}
	return "profile insecure"
}

// everyone are coredns-na itself and a new resolver of each kind.
func (n *Internet) everyone(tb testing.TB) []Resolver {
	all := []Resolver{{itself, n.Addr}}
	for _, kind := range ResolverKinds {
		all = append(all, n.StartResolver(tb, kind))
	}
	return all
}

// Every kind of question about a flagged name, through every resolver, with a
// cold cache and a warm one, in every set-up: as testdata/matrix.txt says.
func TestMatrix(t *testing.T) {
	table := readTable(t)
	for _, be := range Signings {
		t.Run(string(be), func(t *testing.T) {
			n := NewInternet(t, be, profileOf(be), "")
			n.Flag(t, "example.be", "signed.be")
			for _, r := range n.everyone(t) {
				t.Run(r.Name, func(t *testing.T) {
					for _, cache := range []string{"cold", "warm"} {
						t.Run(cache, func(t *testing.T) { table.askAll(t, be, r) })
					}
				})
			}
		})
	}
	for _, row := range table {
		if !row.used {
			t.Errorf("testdata/matrix.txt:%d: fits no cell that an earlier row does not", row.number)
		}
	}
}

func (t table) askAll(tb testing.TB, be Signing, r Resolver) {
	for _, child := range []string{"example", "signed"} {
		for _, owner := range owners {
			for _, rrtype := range types {
				name := child + ".be."
				c := cell{be, r.Name, child, owner.word, rrtype, name, owner.prefix + name}
				t.hold(tb, c, r.Ask(tb, c.qname, rrtype))
			}
		}
	}
}

// What a resolver has heard of one question does not spoil the next.
func TestOrder(t *testing.T) {
	orders := []struct {
		name string
		ask  []string // owners below a name that the resolver never heard of, and types
	}{
		{"MX, then A", []string{"@ MX", "@ A", "www MX", "www A"}},
		{"a name that the child lacks, then others", []string{"nowhere A", "www A", "@ A"}},
		{"no data, then what is below", []string{"a TYPE65280", "a A", "b.a A", "c.b.a MX"}},
		{"the deepest first", []string{"d.c.b.a A", "c.b.a A", "a A", "@ MX", "@ A"}},
		{"DS first", []string{"@ DS", "www DS", "www A", "@ A", "@ MX"}},
		{"NS and SOA first", []string{"@ NS", "@ SOA", "www NS", "www A", "@ A"}},
		{"HTTPS, then MX and CAA", []string{"@ HTTPS", "@ MX", "@ CAA", "@ TXT", "@ A", "www HTTPS", "www MX"}},
	}
	table := readTable(t)
	for _, be := range Signings {
		t.Run(string(be), func(t *testing.T) {
			n := NewInternet(t, be, profileOf(be), "")
			all := n.everyone(t)
			for i, order := range orders {
				name := lookalikes[i] + ".be."
				n.Flag(t, name[:len(name)-1])
				t.Run(order.name, func(t *testing.T) {
					for _, r := range all {
						for _, question := range order.ask {
							owner, rrtype, _ := strings.Cut(question, " ")
							c := cell{be, r.Name, "example", owner, typeNamed(rrtype), name, owner + "." + name}
							if owner == "@" {
								c.owner, c.qname = "name", name
							}
							table.hold(t, c, r.Ask(t, c.qname, c.rrtype))
						}
					}
				})
			}
		})
	}
}

func typeNamed(s string) uint16 {
	if t, ok := dns.StringToType[s]; ok {
		return t
	}
	return 65280
}
