package peer

import (
	"cmp"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"
)

// Signing is how the zone be is signed.
type Signing string

// The set-ups that a registry can have.
const (
	Unsigned      Signing = "unsigned"
	NSECInFile    Signing = "nsec" // signed before it is loaded, no keys in coredns-na
	OnlineECDSA   Signing = "ecdsa"
	OnlineEd25519 Signing = "ed25519"
)

// Signings are all of them.
var Signings = []Signing{Unsigned, NSECInFile, OnlineECDSA, OnlineEd25519}

// Internet is a root, a hosting company and the registry of be. Below be are
// example.be and victim.be, which are not signed, signed.be and safe.be, which
// are, and lookalikes of the first: fresh1.be to fresh9.be like example.be, and
// names that end or begin as it does.
type Internet struct {
	*Registry
	block int // all addresses are 127.block.x.y
	trust rootTrust
	next  int // resolvers started
}

var blocks, singles atomic.Int32

// newAddr is an address for a server that stands alone.
func newAddr() string { return fmt.Sprintf("127.254.0.%d", singles.Add(1)) }

// lookalikes are delegated as example.be is, but for those in hosted.
var lookalikes = []string{
	"fresh1", "fresh2", "fresh3", "fresh4", "fresh5", "fresh6", "fresh7", "fresh8", "fresh9",
	"myexample", "example-shop", "exampl", "examplee", "xn--caf-dma",
}

// hosted are the lookalikes that have their name server in another name. Of
// those names victim.be uses that server itself, exampl.be does not.
var hosted = map[string]string{"myexample": "ns1.victim.be.", "examplee": "ns1.exampl.be."}

// NewInternet starts the servers of an internet whose zone be is signed in
// one of the ways. lines are more lines of the noticeaction directive, and
// plugins stand beside it in its server block.
func NewInternet(tb testing.TB, signing Signing, lines, plugins string) *Internet {
	tb.Helper()
	n := &Internet{block: int(blocks.Add(1))}
	hosterKeys := n.startHoster(tb)
	be := n.startRegistry(tb, signing, lines, plugins, hosterKeys)
	n.startRoot(tb, be)
	return n
}

func (n *Internet) addr(x, y int) string { return fmt.Sprintf("127.%d.%d.%d", n.block, x, y) }

func (n *Internet) root() string     { return n.addr(0, 1) }
func (n *Internet) registry() string { return n.addr(1, 1) }
func (n *Internet) hoster() string   { return n.addr(2, 1) }

// startHoster serves example. and the children of be from one machine, and
// returns the DS records of the signed ones.
func (n *Internet) startHoster(tb testing.TB) (ds string) {
	tb.Helper()
	zones := []KnotZone{{Name: "example.", Text: "$ORIGIN example.\n$TTL 3600\n" +
		"@ SOA ns.hoster hostmaster 1 3600 600 86400 300\n@ NS ns.hoster\nns.hoster A " + n.hoster() + "\n"}}
	child := func(name string, signed bool) {
		zones = append(zones, KnotZone{Name: name, Signed: signed, Text: "$ORIGIN " + name + `
$TTL 3600
@ SOA ns.hoster.example. hostmaster 1 3600 600 86400 300
@ NS ns.hoster.example.
@ A 198.51.100.1
@ MX 10 mail
@ TXT "child"
* A 198.51.100.2
mail A 198.51.100.3
ns1 A ` + n.hoster() + "\n"})
	}
	for _, name := range append([]string{"example", "victim"}, lookalikes...) {
		child(name+".be.", false)
	}
	child("signed.be.", true)
	child("safe.be.", true)
	Knot(tb, n.hoster(), "", zones...)
	return DS(KeyOf(tb, n.hoster(), "signed.be.")) + DS(KeyOf(tb, n.hoster(), "safe.be."))
}

// zone is be before it is signed, with DS records for its signed children.
func (n *Internet) zone(ds string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `$ORIGIN be.
$TTL 3600
@ SOA a.nsset.be. tech.nsset.be. 2026070100 3600 1800 2419200 600
@ NS a.nsset.be.
a.nsset A %[1]s
example NS ns.hoster.example.
signed NS ns.hoster.example.
safe NS ns.hoster.example.
victim NS ns1.victim.be.
ns1.victim A %[2]s
ns1.exampl A %[2]s
`, n.registry(), n.hoster())
	for _, name := range lookalikes {
		fmt.Fprintf(&b, "%s NS %s\n", name, cmp.Or(hosted[name], "ns.hoster.example."))
	}
	return b.String() + ds
}

// startRegistry serves be and returns its DS record, if any.
func (n *Internet) startRegistry(tb testing.TB, signing Signing, lines, plugins, childDS string) (ds string) {
	tb.Helper()
	dir := Folder(tb)
	file, front := "be.zone", ""
	switch signing {
	case Unsigned:
		Write(tb, dir, file, n.zone(childDS))
	case NSECInFile:
		k := NewKey(tb, dir, "be.", dns.ECDSAP256SHA256)
		file, ds = SignWithNSEC(tb, dir, "be.", n.zone(childDS), k), DS(k.DNSKEY)
	case OnlineECDSA, OnlineEd25519:
		algorithm := map[Signing]uint8{OnlineECDSA: dns.ECDSAP256SHA256, OnlineEd25519: dns.ED25519}[signing]
		k := NewKey(tb, dir, "be.", algorithm)
		Write(tb, dir, file, n.zone(childDS))
		front, ds = "dnssec {\n    key file "+k.Path+"\n}", DS(k.DNSKEY)
	}
	n.Registry = StartRegistry(tb, dir, n.registry(), fmt.Sprintf("be:53 {\nbind %s\n%s\n%s\nfile %s\nerrors\n%s\n}\n",
		n.registry(), front, NoticeAction(lines), file, plugins))
	return ds
}

// startRoot serves a signed root with the delegations of be and example.
func (n *Internet) startRoot(tb testing.TB, beDS string) {
	tb.Helper()
	Knot(tb, n.root(), "", KnotZone{Name: ".", Signed: true, Text: fmt.Sprintf(`$ORIGIN .
$TTL 3600
@ SOA a.rootsrv. hostmaster.rootsrv. 1 3600 600 86400 300
@ NS a.rootsrv.
a.rootsrv. A %s
be. NS a.nsset.be.
a.nsset.be. A %s
example. NS ns.hoster.example.
ns.hoster.example. A %s
%s`, n.root(), n.registry(), n.hoster(), beDS)})
	n.trust = rootTrust{
		hints: fmt.Sprintf(". 3600 IN NS a.rootsrv.\na.rootsrv. 3600 IN A %s\n", n.root()),
		key:   KeyOf(tb, n.root(), "."),
	}
}

// StartResolver runs a resolver that has heard of nothing but the root.
func (n *Internet) StartResolver(tb testing.TB, kind ResolverKind) Resolver {
	tb.Helper()
	n.next++
	r := Resolver{Name: kind.Name, Addr: n.addr(3, n.next)}
	kind.run(tb, Folder(tb), r.Addr, n.trust)
	m := Await(tb, r.Addr, ".", dns.TypeNS, Answers)
	if !m.AuthenticatedData {
		tb.Fatalf("%s does not validate the root:\n%s", r.Name, m)
	}
	return r
}

// Ask asks the resolver as a validating client does.
func (r Resolver) Ask(tb testing.TB, name string, qtype uint16) *dns.Msg {
	tb.Helper()
	m, err := Exchange(r.Addr, NewQuery(name, qtype))
	if err != nil {
		tb.Fatalf("%s: %s %s: %v", r.Name, name, dns.Type(qtype), err)
	}
	return m
}
