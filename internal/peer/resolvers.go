package peer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// Resolver is a validating resolver that runs until the test ends. It starts
// with an empty cache.
type Resolver struct {
	Name string
	Addr string // port 53 of it serves
}

// ResolverKind is a resolver program with the settings that matter here.
type ResolverKind struct {
	Name string
	run  func(tb testing.TB, dir, addr string, root rootTrust)
}

// rootTrust is what a resolver is told of the world before it asks.
type rootTrust struct {
	hints string // root hints as a master file
	key   *dns.DNSKEY
}

// ResolverKinds are the resolvers that the public uses.
var ResolverKinds = []ResolverKind{
	{"unbound", unbound("no")},
	{"unbound-qmin", unbound("yes")},
	{"named", named("off")},
	{"named-qmin", named("strict")},
	{"named-relaxed", named("relaxed")},
	{"kresd", kresd},
	{"pdns", pdnsRecursor},
}

// unbound uses NSEC aggressively (RFC 8198); qmin turns QNAME minimisation
// (RFC 9156) and its strict form on or off.
func unbound(qmin string) func(testing.TB, string, string, rootTrust) {
	return func(tb testing.TB, dir, addr string, root rootTrust) {
		Write(tb, dir, "hints", root.hints)
		start(tb, dir, "unbound", "-d", "-c", Write(tb, dir, "unbound.conf", fmt.Sprintf(`server:
  interface: %[1]s
  outgoing-interface: %[1]s
  access-control: 127.0.0.0/8 allow
  do-not-query-localhost: no
  do-ip6: no
  directory: "%[2]s"
  username: ""
  chroot: ""
  pidfile: ""
  use-syslog: no
  val-log-level: 2
  ede: yes
  root-hints: hints
  trust-anchor: "%[3]s"
  trust-anchor-signaling: no
  aggressive-nsec: yes
  qname-minimisation: %[4]s
  qname-minimisation-strict: %[4]s
remote-control:
  control-enable: no
`, addr, dir, root.key.String(), qmin)))
	}
}

// named uses NSEC aggressively and minimises names in the relaxed way, as are
// its defaults; qmin says otherwise.
func named(qmin string) func(testing.TB, string, string, rootTrust) {
	return func(tb testing.TB, dir, addr string, root rootTrust) {
		if err := addAddress(strings.Trim(strings.TrimPrefix(addr, "127"), "."), addr); err != nil {
			tb.Fatal(err)
		}
		Write(tb, dir, "hints", root.hints)
		k := root.key
		start(tb, dir, "named", "-g", "-4", "-n", "1", "-c", Write(tb, dir, "named.conf", fmt.Sprintf(`options {
  directory "%[2]s";
  listen-on { %[1]s; };
  query-source address %[1]s;
  allow-query { any; };
  allow-recursion { any; };
  dnssec-validation yes;
  qname-minimization %[4]s;
  trust-anchor-telemetry no;
  pid-file none;
  session-keyfile none;
  empty-zones-enable no;
};
controls {};
zone "." { type hint; file "hints"; };
trust-anchors { . static-key %[3]s; };
`, addr, dir, fmt.Sprintf("%d %d %d %q", k.Flags, k.Protocol, k.Algorithm, k.PublicKey), qmin)))
	}
}

// kresd minimises names and uses NSEC aggressively, as are its defaults.
func kresd(tb testing.TB, dir, addr string, root rootTrust) {
	Write(tb, dir, "hints", root.hints)
	start(tb, dir, "kresd", "-n", "-c", Write(tb, dir, "kresd.conf", fmt.Sprintf(`
net.listen('%[1]s', 53)
net.outgoing_v4('%[1]s')
net.ipv6 = false
option('ALLOW_LOCAL', true)
cache.size = 10 * MB
for _, module in ipairs({'ta_update', 'ta_signal_query', 'priming', 'detect_time_skew'}) do
  modules.unload(module)
end
modules = { 'hints > iterate' }
hints.root_file('%[2]s/hints')
trust_anchors.remove('.')
trust_anchors.add([[%[3]s]])
`, addr, dir, root.key.String())), dir)
}

// pdnsRecursor minimises names and uses NSEC aggressively, as are its defaults.
func pdnsRecursor(tb testing.TB, dir, addr string, root rootTrust) {
	Write(tb, dir, "hints", root.hints)
	ds := root.key.ToDS(dns.SHA256)
	Write(tb, dir, "anchor.lua", fmt.Sprintf("clearTA('.')\naddTA('.', '%d %d %d %s')\n",
		ds.KeyTag, ds.Algorithm, ds.DigestType, ds.Digest))
	Write(tb, dir, "recursor.conf", fmt.Sprintf(`
local-address=%[1]s
local-port=53
query-local-address=%[1]s
allow-from=127.0.0.0/8
dont-query=
hint-file=%[2]s/hints
lua-config-file=%[2]s/anchor.lua
socket-dir=%[2]s
dnssec=validate
extended-resolution-errors=yes
threads=1
daemon=no
write-pid=no
disable-syslog=yes
security-poll-suffix=
`, addr, dir))
	start(tb, dir, "pdns_recursor", "--config-dir="+dir)
}
