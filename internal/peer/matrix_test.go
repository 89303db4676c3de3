package peer

import (
	"fmt"
	"os"
	"testing"

	"github.com/miekg/dns"
)

var owners = []struct{ word, prefix string }{
	{"name", ""}, {"www", "www."}, {"deep", "a.b.c."}, {"dmarc", "_dmarc."}, {"bang", "!a."}, {"star", "*."},
}

var types = []uint16{
	dns.TypeA, dns.TypeAAAA, dns.TypeMX, dns.TypeTXT, dns.TypeHTTPS, dns.TypeCAA,
	dns.TypeNS, dns.TypeSOA, dns.TypeDS, dns.TypeANY, 65280,
}

// profileLine sets the profile that a set-up asks for.
func profileLine(s Signing) string {
	if s == OnlineECDSA || s == OnlineEd25519 {
		return "profile signed"
	}
	return "profile insecure"
}

func TestDump(t *testing.T) {
	f, _ := os.Create("/tmp/w/dump.txt")
	for _, signing := range Signings {
		t.Run(string(signing), func(t *testing.T) {
			n := NewInternet(t, signing, profileLine(signing), "")
			t.Log(n.Flag(t, "example.be", "signed.be"))
			for _, kind := range ResolverKinds {
				r := n.StartResolver(t, kind)
				for pass := range 2 {
					for _, child := range []string{"example", "signed"} {
						for _, o := range owners {
							for _, typ := range types {
								m := r.Ask(t, o.prefix+child+".be", typ)
								fmt.Fprintln(f, signing, r.Name, child, o.word, dns.Type(typ), "|", pass, "|", outcomeOf(m))
							}
						}
					}
				}
			}
		})
	}
}
