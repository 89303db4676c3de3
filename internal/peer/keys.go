package peer

import (
	"fmt"
	"testing"

	"github.com/miekg/dns"
)

// Key is a DNSSEC key in BIND's two files.
type Key struct {
	*dns.DNSKEY
	Path string // of both files, without .key and .private
}

// NewKey makes the one key of a zone and writes its files in dir.
func NewKey(tb testing.TB, dir, zone string, algorithm uint8) Key {
	tb.Helper()
	k := &dns.DNSKEY{
		Hdr:       dns.RR_Header{Name: zone, Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 3600},
		Flags:     dns.ZONE | dns.SEP,
		Protocol:  3,
		Algorithm: algorithm,
	}
	private, err := k.Generate(256)
	if err != nil {
		tb.Fatal(err)
	}
	name := fmt.Sprintf("K%s+%03d+%05d", zone, algorithm, k.KeyTag())
	path := Write(tb, dir, name+".key", k.String()+"\n")
	Write(tb, dir, name+".private", k.PrivateKeyString(private))
	return Key{k, path[:len(path)-len(".key")]}
}

// DS is the record that a parent publishes for the key.
func DS(k *dns.DNSKEY) string { return k.ToDS(dns.SHA256).String() + "\n" }

// SignWithNSEC signs a zone file in dir with dnssec-signzone and returns the
// path of the signed one.
func SignWithNSEC(tb testing.TB, dir, zone, text string, k Key) string {
	tb.Helper()
	file := Write(tb, dir, "unsigned.zone", text+k.String()+"\n")
	tool(tb, dir, "dnssec-signzone", "-z", "-o", zone, "-f", file+".signed", file, k.Path)
	return file + ".signed"
}
