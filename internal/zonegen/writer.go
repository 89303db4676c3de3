package zonegen

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strconv"
)

// delegation is one name handed to other name servers.
type delegation struct {
	label  string
	hosts  []string // absolute names of servers elsewhere
	glue   []string // labels of servers below the name itself, written with A and AAAA
	signed bool     // has a DS
}

// writer writes records. Its errors stick in the bufio.Writer until Flush.
type writer struct {
	*bufio.Writer
	zone string // without final dot
	rng  *rand.Rand
}

// apex writes what the zone says about itself. nsset is no delegation: it
// holds the addresses of the zone's own name servers.
func (z *writer) apex() {
	nsset := "nsset." + z.zone + "."
	fmt.Fprintf(z, "$ORIGIN %s.\n$TTL 86400\n", z.zone)
	fmt.Fprintf(z, "@\tSOA\ta.%s tech.%s 2026070100 3600 1800 2419200 600\n", nsset, nsset)
	z.record("@", "NS", "a."+nsset)
	z.record("@", "NS", "b."+nsset)
	z.record("a.nsset", "A", "192.0.2.1")
	z.record("a.nsset", "AAAA", "2001:db8::1")
	z.record("b.nsset", "A", "192.0.2.2")
	z.record("b.nsset", "AAAA", "2001:db8::2")
}

// academic writes delegations below ac.be, which is itself a public suffix
// without records, like the real one.
func (z *writer) academic() {
	z.delegate(delegation{label: "ulb.ac", glue: []string{"ns1", "ns2"}})
	z.delegate(delegation{label: "kuleuven.ac", hosts: shared[0], signed: true})
	z.delegate(delegation{label: "umons.ac", hosts: shared[1]})
}

func (z *writer) delegate(d delegation) {
	for _, host := range d.hosts {
		z.record(d.label, "NS", host)
	}
	for _, server := range d.glue {
		z.record(d.label, "NS", server+"."+d.label+"."+z.zone+".")
	}
	if d.signed {
		z.record(d.label, "DS", z.ds())
	}
	for _, server := range d.glue {
		last := z.rng.IntN(250) + 3
		z.record(server+"."+d.label, "A", "198.51.100."+strconv.Itoa(last))
		z.record(server+"."+d.label, "AAAA", "2001:db8:51::"+strconv.FormatInt(int64(last), 16))
	}
}

// ds returns the data of a DS record that looks like a real one, ECDSA P-256
// (13) or RSA (8) with a SHA-256 digest (2), of a key that nobody has.
func (z *writer) ds() string {
	algorithm := " 13 2 "
	if z.rng.IntN(4) == 0 {
		algorithm = " 8 2 "
	}
	var digest [32]byte
	for i := range digest {
		digest[i] = byte(z.rng.Uint32())
	}
	return strconv.Itoa(z.rng.IntN(1<<16)) + algorithm + hex.EncodeToString(digest[:])
}

func (z *writer) record(owner, rrtype, data string) {
	for _, s := range [...]string{owner, "\t", rrtype, "\t", data, "\n"} {
		z.WriteString(s)
	}
}
