package peer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// KnotZone is a zone that a Knot serves.
type KnotZone struct {
	Name   string // with the final dot
	Text   string // master file; empty for a secondary
	Signed bool   // by Knot, with one ECDSA P-256 key and NSEC
	Extra  string // more lines of the zone's section
}

// Knot runs Knot DNS as authoritative server of zones on port 53 of addr until
// the test ends. The sections in extra come before the zones.
func Knot(tb testing.TB, addr, extra string, zones ...KnotZone) {
	tb.Helper()
	dir := Folder(tb)
	var conf strings.Builder
	fmt.Fprintf(&conf, `server:
  listen: %[1]s@53
  rundir: %[2]s
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
database:
  storage: %[2]s
log:
  - target: stderr
    any: info
policy:
  - id: own
    algorithm: ecdsap256sha256
    single-type-signing: on
    nsec3: off
%[3]s
zone:
`, addr, dir, extra)
	for i, z := range zones {
		file := fmt.Sprintf("zone%d", i)
		if z.Text != "" {
			Write(tb, dir, file, z.Text)
		}
		fmt.Fprintf(&conf, "  - domain: %s\n    storage: %s\n    file: %s\n%s", z.Name, dir, file, z.Extra)
		if z.Signed {
			conf.WriteString("    dnssec-signing: on\n    dnssec-policy: own\n")
		}
	}
	start(tb, dir, "knotd", "-c", Write(tb, dir, "knot.conf", conf.String()))
	for _, z := range zones {
		if z.Text == "" {
			continue // a secondary has to hear from its primary first
		}
		qtype := dns.TypeSOA
		if z.Signed {
			qtype = dns.TypeDNSKEY
		}
		Await(tb, addr, z.Name, qtype, Answers)
	}
}

// KeyOf returns the key that the server at addr signs zone with.
func KeyOf(tb testing.TB, addr, zone string) *dns.DNSKEY {
	tb.Helper()
	for _, rr := range Await(tb, addr, zone, dns.TypeDNSKEY, Answers).Answer {
		if key, ok := rr.(*dns.DNSKEY); ok && key.Flags&dns.SEP != 0 {
			return key
		}
	}
	tb.Fatalf("%s: no secure entry point in the keys at %s", zone, addr)
	return nil
}
