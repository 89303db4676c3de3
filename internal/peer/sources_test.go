package peer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// plainZone is be with one name to flag and one to leave alone.
const plainZone = `$ORIGIN be.
$TTL 300
@ SOA a.nsset.be. tech.nsset.be. 1 3600 600 86400 300
@ NS a.nsset.be.
a.nsset A 192.0.2.1
example NS ns.hoster.example.
victim NS ns.hoster.example.
`

// laterZone is the next version of it.
var laterZone = strings.Replace(plainZone, "be. 1 3600", "be. 2 3600", 1) + "later NS ns.hoster.example.\n"

const (
	keyName   = "transfer.be."
	keySecret = "i9M+00yrECfVZG2qCjr4mPpaGim/Bq+IWMiNrLjUO4Y=" // of no other use
	knotKey   = "key:\n  - id: " + keyName + "\n    algorithm: hmac-sha256\n    secret: " + keySecret + "\n"
)

// redirected asks for a name below example.be and wants the warning page.
func redirected(t *testing.T, r Resolver) {
	t.Helper()
	m := r.Ask(t, "www.example.be", dns.TypeA)
	if !m.Authoritative || !strings.Contains(m.String(), "192.0.2.80") {
		t.Errorf("want the warning page, got:\n%s", m)
	}
}

// delegated wants the zone's own answer about a name.
func delegated(t *testing.T, r Resolver, name string) {
	t.Helper()
	if m := r.Ask(t, name, dns.TypeA); !refers(m) {
		t.Errorf("want the delegation of %s, got:\n%s", name, m)
	}
}

func refers(m *dns.Msg) bool {
	return !m.Authoritative && len(m.Answer) == 0 && len(m.Ns) == 1 && m.Ns[0].Header().Rrtype == dns.TypeNS
}

// serial is satisfied by a SOA with that serial number.
func serial(want uint32) func(*dns.Msg) bool {
	return func(m *dns.Msg) bool {
		if len(m.Answer) == 0 {
			return false
		}
		soa, ok := m.Answer[0].(*dns.SOA)
		return ok && soa.Serial == want
	}
}

// follows wants the new version of the zone behind to show everywhere: its
// new name, the flagged name as before, and the flagged name's SOA.
func follows(t *testing.T, r *Registry) {
	t.Helper()
	Await(t, r.Addr, "later.be", dns.TypeA, refers)
	redirected(t, Resolver{itself, r.Addr})
	delegated(t, Resolver{itself, r.Addr}, "victim.be")
	Await(t, r.Addr, "example.be", dns.TypeSOA, serial(2))
}

// Zone files that CoreDNS looks at again by itself.
func TestReloadedZone(t *testing.T) {
	for source, lines := range map[string]string{
		"file": "file db.be {\n    reload 100ms\n}",
		"auto": "auto {\n    directory . db\\.(.*) {1}\n    reload 1s\n}",
	} {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			dir, addr := Folder(t), newAddr()
			Write(t, dir, "db.be", plainZone)
			r := StartRegistry(t, dir, addr, fmt.Sprintf("be:53 {\nbind %s\n%s\n%s\n}\n", addr, NoticeAction(), lines))
			Await(t, addr, "be", dns.TypeSOA, serial(1))
			r.Flag(t, "example.be")
			redirected(t, Resolver{itself, addr})
			Write(t, dir, "db.be", laterZone)
			follows(t, r)
		})
	}
}

// A zone from a primary: Knot sends it with TSIG to a Knot on the same
// machine, for CoreDNS's secondary signs no request, and that one to
// coredns-na. Changes arrive by NOTIFY alone: the SOA's refresh is an hour.
func TestSecondary(t *testing.T) {
	primary, relay, addr := newAddr(), newAddr(), newAddr()
	Knot(t, primary, knotKey+fmt.Sprintf(`remote:
  - id: relay
    address: %s@53
    key: %[2]s
acl:
  - id: transfer
    key: %[2]s
    action: transfer
  - id: update
    key: %[2]s
    action: update
`, relay, keyName), KnotZone{Name: "be.", Text: plainZone, Extra: "    notify: relay\n    acl: [transfer, update]\n"})
	Knot(t, relay, knotKey+fmt.Sprintf(`remote:
  - id: primary
    address: %s@53
    key: %[3]s
  - id: public
    address: %[2]s@53
    via: %[4]s
acl:
  - id: notify
    key: %[3]s
    action: notify
  - id: transfer
    address: 127.0.0.0/8
    action: transfer
`, primary, addr, keyName, relay), KnotZone{Name: "be.", Extra: "    master: primary\n    notify: public\n    acl: [notify, transfer]\n"})
	Await(t, relay, "be", dns.TypeSOA, serial(1))

	r := StartRegistry(t, Folder(t), addr, fmt.Sprintf("be:53 {\nbind %s\n%s\nsecondary {\n    transfer from %s\n}\n}\n", addr, NoticeAction(), relay))
	Await(t, addr, "be", dns.TypeSOA, serial(1))
	r.Flag(t, "example.be")
	redirected(t, Resolver{itself, addr})
	update(t, primary, "add later.be 300 NS ns.hoster.example.", "-y", "hmac-sha256:"+keyName+":"+keySecret)
	follows(t, r)
}

// tryUpdate sends one RFC 2136 change with nsupdate and returns what it
// printed, and an error if the server did not take it.
func tryUpdate(t *testing.T, server, change string, args ...string) (string, error) {
	t.Helper()
	script := Write(t, Folder(t), "update", fmt.Sprintf("server %s 53\nzone be\nupdate %s\nsend\n", server, change))
	return try("", "nsupdate", append(args, script)...)
}

func update(t *testing.T, server, change string, args ...string) {
	t.Helper()
	if text, err := tryUpdate(t, server, change, args...); err != nil {
		t.Fatalf("nsupdate: %v\n%s", err, text)
	}
}

// A zone that changes by UPDATE, of a flagged name too: the transfer shows it,
// the answers do not until the name is unflagged.
func TestDynamicUpdate(t *testing.T) {
	dir, addr := Folder(t), newAddr()
	key := []string{"-y", "hmac-sha256:" + keyName + ":" + keySecret}
	Write(t, dir, "be.zone", plainZone)
	r := StartRegistry(t, dir, addr, fmt.Sprintf(`be:53 {
bind %s
tsig {
    secret %s %s
    require_opcode UPDATE
}
%s
transfer {
    to *
}
dynupdate {
    file be.zone
    database zone.db
    allow %[2]s * *
}
}
`, addr, keyName, keySecret, NoticeAction()))
	Await(t, addr, "be", dns.TypeSOA, serial(1))
	r.Flag(t, "example.be")
	if text, err := tryUpdate(t, addr, "add refused.be 300 NS ns.hoster.example."); err == nil || !strings.Contains(text, "REFUSED") {
		t.Errorf("unsigned update: want REFUSED, got %v\n%s", err, text)
	}
	update(t, addr, "add later.be 300 NS ns.hoster.example.", key...)
	follows(t, r)
	update(t, addr, "add example.be 300 NS ns2.hoster.example.", key...)
	if text := tool(t, "", "dig", "@"+addr, "be", "AXFR"); !strings.Contains(text, "ns2.hoster.example.") {
		t.Errorf("the transfer lacks what the update added:\n%s", text)
	}
	redirected(t, Resolver{itself, addr})
	r.Unflag(t, "example.be")
	if m := (Resolver{itself, addr}).Ask(t, "www.example.be", dns.TypeA); len(m.Ns) != 2 {
		t.Errorf("unflagged: want both name servers, got:\n%s", m)
	}
}

// A secondary gets the real zone while names are flagged: at first, and after
// a change that it hears of by NOTIFY.
func TestTransferOut(t *testing.T) {
	dir, addr, knot := Folder(t), newAddr(), newAddr()
	Write(t, dir, "be.zone", plainZone)
	r := StartRegistry(t, dir, addr, fmt.Sprintf(`be:53 {
bind %s
tsig {
    secret %s %s
    require AXFR IXFR
}
%s
transfer {
    to * %s
    source %[1]s
}
file be.zone {
    reload 100ms
}
}
`, addr, keyName, keySecret, NoticeAction(), knot))
	r.Flag(t, "example.be", "victim.be")
	Knot(t, knot, knotKey+fmt.Sprintf(`remote:
  - id: primary
    address: %[1]s@53
    key: %[2]s
acl:
  - id: notify
    address: %[1]s
    action: notify
`, addr, keyName), KnotZone{Name: "be.", Extra: "    master: primary\n    acl: notify\n"})
	real := func() {
		t.Helper()
		for _, name := range []string{"www.example.be", "victim.be"} {
			delegated(t, Resolver{"knot", knot}, name)
		}
		redirected(t, Resolver{itself, addr})
	}
	Await(t, knot, "be", dns.TypeSOA, serial(1))
	real()
	Write(t, dir, "be.zone", laterZone)
	Await(t, knot, "be", dns.TypeSOA, serial(2))
	real()
	text := tool(t, "", "dig", "@"+addr, "-y", "hmac-sha256:"+keyName+":"+keySecret, "be", "AXFR")
	if out := lacking(text, []string{`example\.be\.\s+300\s+IN\s+NS\s+ns\.hoster\.example\.`, `XFR size: 7 records`, `!192\.0\.2\.80`}); out != nil {
		t.Errorf("dig AXFR: not as wanted %q:\n%s", out, text)
	}
	if text := tool(t, "", "dig", "@"+addr, "be", "AXFR"); !strings.Contains(text, "Transfer failed") {
		t.Errorf("AXFR without TSIG: want it refused, got:\n%s", text)
	}
}

// Several listeners and a view share one desk: a flag shows on all of them,
// and a view without the directive shows the zone as it is.
func TestViewAndListeners(t *testing.T) {
	dir, first, second, third := Folder(t), newAddr(), newAddr(), newAddr()
	Write(t, dir, "be.zone", plainZone)
	r := StartRegistry(t, dir, first, fmt.Sprintf(`be:53 {
bind %[1]s
view monitoring {
    expr incidr(client_ip(), '127.253.9.0/24')
}
file be.zone
}
be:53 {
bind %[1]s
%[4]s
file be.zone
}
be:53 {
bind %[2]s %[3]s
%[4]s
file be.zone
}
`, first, second, third, NoticeAction()))
	from := func(source, server string) string {
		return tool(t, "", "dig", "-b", source, "@"+server, "+norec", "www.example.be", "A")
	}
	check := func(flagged bool) {
		t.Helper()
		for _, server := range []string{first, second, third} {
			for _, source := range []string{"127.0.0.1", "127.253.9.1"} {
				want := flagged && (source == "127.0.0.1" || server != first)
				if got := strings.Contains(from(source, server), "192.0.2.80"); got != want {
					t.Errorf("flagged %t, %s asks %s: redirected %t, want %t", flagged, source, server, got, want)
				}
			}
		}
	}
	check(false)
	r.Flag(t, "example.be")
	check(true)
	r.Unflag(t, "example.be")
	check(false)
}
