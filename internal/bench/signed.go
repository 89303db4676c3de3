package main

import (
	"fmt"
	"os"

	"github.com/miekg/dns"
)

// measureSigned: the answers below one flagged name, signed by dnssec, beside
// the same names as data of the zone, signed by it too.
func (l *lab) measureSigned() error {
	zone, _, err := l.writeZone(l.few)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(zone)
	if err != nil {
		return err
	}
	const flagged = "zzsigned.be"
	var names []string
	for i := range l.few {
		names = append(names, fmt.Sprintf("host%d.%s", i, flagged))
	}
	withNames, err := l.write("signed.zone", string(text)+zoneData(names))
	if err != nil {
		return err
	}
	file, err := l.queries("signed.queries", names)
	if err != nil {
		return err
	}
	key, err := l.writeKey("be.")
	if err != nil {
		return err
	}
	dnssec := "    dnssec {\n        key file " + key + "\n    }\n"
	var rivals []*rival
	defer func() { stopAll(rivals) }()
	s, err := l.flaggedServer("signed", zone, serverCore, dnssec, []string{flagged})
	if err != nil {
		return err
	}
	work := load{file: file, dnssec: true}
	rivals = append(rivals, &rival{name: "dnssec, noticeaction", server: s, load: work})
	if s, err = l.startCoreDNS("signed file", dnssec, withNames, serverCore); err != nil {
		return err
	}
	rivals = append(rivals, &rival{name: "dnssec, file", server: s, load: work})
	if err := l.compare(l.rounds, rivals...); err != nil {
		return err
	}
	l.report.goal("signed answers, "+count(l.few)+" names below one flagged", "dnssec over file", "CPU", rivals[0].cpu.over(rivals[1].cpu), 1)
	l.tabulate("Signed answers", "A queries with DO; the signature cache has its default size, which is the number of names.", rivals...)
	return nil
}

// writeKey makes a key for a zone in BIND's two files and returns their path
// without the endings.
func (l *lab) writeKey(zone string) (string, error) {
	k := &dns.DNSKEY{
		Hdr:       dns.RR_Header{Name: zone, Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 3600},
		Flags:     dns.ZONE | dns.SEP,
		Protocol:  3,
		Algorithm: dns.ECDSAP256SHA256,
	}
	private, err := k.Generate(256)
	if err != nil {
		return "", fmt.Errorf("making a key: %w", err)
	}
	base := fmt.Sprintf("K%s+%03d+%05d", zone, k.Algorithm, k.KeyTag())
	if _, err := l.write(base+".private", k.PrivateKeyString(private)); err != nil {
		return "", err
	}
	path, err := l.write(base+".key", k.String()+"\n")
	return path[:len(path)-len(".key")], err
}
