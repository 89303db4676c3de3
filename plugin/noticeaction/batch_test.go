package noticeaction

import (
	"strings"
	"testing"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin/pkg/transport"
)

// TestServedElsewhere: queries for a zone are answered inside the packet only
// where CoreDNS would give all of them to our server block.
func TestServedElsewhere(t *testing.T) {
	key := func(protocol, zone, port string) *dnsserver.Config {
		return &dnsserver.Config{Transport: protocol, Zone: zone, Port: port}
	}
	for _, tc := range []struct {
		name, zone string
		own        []*dnsserver.Config
		others     blocks
		want       string // part of the reason; empty: none
	}{
		{"its own key", "be.", []*dnsserver.Config{key(transport.DNS, "be.", "53")}, nil, ""},
		{"a key above", "be.", []*dnsserver.Config{key(transport.DNS, ".", "53")}, nil, ""},
		{"others beside and below", "be.", []*dnsserver.Config{key(transport.DNS, "be.", "53")}, blocks{{zones: []string{"nl.", "x.be.", "."}}}, ""},
		{"the same key", "be.", []*dnsserver.Config{key(transport.DNS, "be.", "53")}, blocks{{zones: []string{"be."}}}, "another server block"},
		{"another between", "ac.be.", []*dnsserver.Config{key(transport.DNS, ".", "53")}, blocks{{zones: []string{"be."}}}, "another server block"},
		{"two ports, one of each zone", "be.", []*dnsserver.Config{key(transport.DNS, "be.", "53"), key(transport.DNS, "vlaanderen.", "1053")}, nil, "port 1053"},
		{"two ports, both of the zone", "be.", []*dnsserver.Config{key(transport.DNS, "be.", "53"), key(transport.DNS, ".", "1053")}, nil, ""},
		{"a port of another transport", "be.", []*dnsserver.Config{key(transport.DNS, "be.", "53"), key(transport.TLS, "vlaanderen.", "853")}, nil, ""},
	} {
		got := servedElsewhere(tc.zone, tc.own, tc.others)
		if (got == "") != (tc.want == "") || !strings.Contains(got, tc.want) {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}
