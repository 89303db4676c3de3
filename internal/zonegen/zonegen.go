// Package zonegen writes zones shaped like .be in master file format (RFC 1035
// section 5), the same bytes for the same options, for tests and benchmarks.
//
// It streams, so that two million delegations cost no more memory than fifty.
// It refuses to sign: DNSSEC records of the zone itself are another tool's work.
package zonegen

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"

	"github.com/miekg/dns"
)

// Options says which zone to write.
type Options struct {
	Zone        string // the zone's name in lower case, with or without final dot: "be"
	Delegations int    // names delegated from the zone, the fixed ones included: 18 or more
	Seed        uint64 // chooses name servers, addresses and DS records; names do not depend on it
}

// Percentages of the generated names by where their name servers are.
const (
	atBighost  = 15 // ns1 and ns2 below bighost
	atWebhotel = 7  // ns1 and ns2 below webhotel
	atSelf     = 5  // below the name itself, with glue
	atShared   = 48 // one of the large hosters outside the zone
	// The others are with one of many small hosters outside the zone.

	withDS = 15
)

// shared are the large hosters outside the zone, each with its name servers.
var shared = [][]string{
	{"ns1.hosting.example.", "ns2.hosting.example."},
	{"dns1.cloud.example.", "dns2.cloud.example.", "dns3.cloud.example.", "dns4.cloud.example."},
	{"a.parking.example.", "b.parking.example."},
	{"ns.registrar.example.", "ns.registrar.test.", "ns3.registrar.example."},
}

// Write writes the zone of o to w. It returns an error for options out of
// range and the first error of w.
func Write(w io.Writer, o Options) error {
	zone := strings.TrimSuffix(o.Zone, ".")
	if _, ok := dns.IsDomainName(zone); !ok || zone == "" || zone != strings.ToLower(zone) {
		return fmt.Errorf("zone: expected a domain name in lower case, got %q", o.Zone)
	}
	if o.Delegations < len(fixed) {
		return fmt.Errorf("delegations: expected %d or more, got %d", len(fixed), o.Delegations)
	}

	z := &writer{Writer: bufio.NewWriter(w), zone: zone, rng: rand.New(rand.NewPCG(o.Seed, 0))}
	z.apex()
	for _, d := range fixed {
		z.delegate(d)
	}
	if zone == "be" {
		z.academic()
	}
	for i := range o.Delegations - len(fixed) {
		name, err := label(i)
		if err != nil {
			return fmt.Errorf("making label %d: %w", i, err)
		}
		z.delegate(z.generated(name))
	}
	return z.Flush()
}

// fixed are the names that tests rely on. TestShapeOfBe says what for.
var fixed = append([]delegation{
	{label: "example", hosts: shared[0]},
	{label: "myexample", hosts: shared[0]},
	{label: "example-shop", hosts: shared[1]},
	{label: "exampl", hosts: shared[2]},
	{label: "xn--caf-dma", hosts: shared[0]},
	{label: "signed", hosts: shared[3], signed: true},
	{label: "glue", glue: []string{"ns1"}},
	{label: "bighost", glue: []string{"ns1", "ns2"}},
	{label: "webhotel", glue: []string{"ns1", "ns2"}},
}, victims()...)

// victims are the names next to those that tests flag, never flagged
// themselves.
func victims() []delegation {
	var list []delegation
	for _, digit := range "123456789" {
		list = append(list, delegation{label: "victim" + string(digit), hosts: shared[1]})
	}
	return list
}

// generated chooses name servers and DS for name.
func (z *writer) generated(name string) delegation {
	d := delegation{label: name, signed: z.rng.IntN(100) < withDS}
	switch p := z.rng.IntN(100); {
	case p < atBighost:
		d.hosts = []string{"ns1.bighost." + z.zone + ".", "ns2.bighost." + z.zone + "."}
	case p < atBighost+atWebhotel:
		d.hosts = []string{"ns1.webhotel." + z.zone + ".", "ns2.webhotel." + z.zone + "."}
	case p < atBighost+atWebhotel+atSelf:
		d.glue = []string{"ns1", "ns2"}
	case p < atBighost+atWebhotel+atSelf+atShared:
		d.hosts = shared[z.rng.IntN(len(shared))]
	default:
		hoster := fmt.Sprintf("dns%d.example.", z.rng.IntN(500))
		d.hosts = []string{"ns1." + hoster, "ns2." + hoster}
	}
	return d
}
