package wire

import (
	"bytes"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// question packs a query.
func question(tb testing.TB, qname string, qtype uint16, change ...func(*dns.Msg)) []byte {
	tb.Helper()
	m := new(dns.Msg).SetQuestion(qname, qtype)
	for _, f := range change {
		f(m)
	}
	packet, err := m.Pack()
	if err != nil {
		tb.Fatal(err)
	}
	return packet
}

func TestParse(t *testing.T) {
	edns := func(change func(*dns.OPT)) func(*dns.Msg) {
		return func(m *dns.Msg) { change(m.SetEdns0(1232, true).IsEdns0()) }
	}
	plain := question(t, "WwW.example.be.", dns.TypeA)
	for _, tc := range []struct {
		name   string
		packet []byte
		want   bool
	}{
		{"plain", plain, true},
		{"the root", question(t, ".", dns.TypeNS), true},
		{"the longest name", question(t, strings.Repeat("x.", 127), dns.TypeA), true},
		{"trailing bytes", append(bytes.Clone(plain), 1, 2, 3), true},
		{"OPT", question(t, "x.", dns.TypeA, edns(func(*dns.OPT) {})), true},
		{"a cookie", question(t, "x.", dns.TypeA, edns(func(o *dns.OPT) {
			o.Option = []dns.EDNS0{&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0011223344556677"}}
		})), true},
		{"a client subnet", question(t, "x.", dns.TypeA, edns(func(o *dns.OPT) {
			o.Option = []dns.EDNS0{&dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET}}
		})), false},
		{"another version", question(t, "x.", dns.TypeA, edns(func(o *dns.OPT) { o.SetVersion(1) })), false},
		{"half an OPT", question(t, "x.", dns.TypeA, edns(func(*dns.OPT) {}))[:29], false},
		{"a signature", question(t, "x.", dns.TypeA, func(m *dns.Msg) { m.SetTsig("k.", dns.HmacSHA256, 300, 1) }), false},
		{"a response", question(t, "x.", dns.TypeA, func(m *dns.Msg) { m.Response = true }), false},
		{"NOTIFY", question(t, "x.", dns.TypeSOA, func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify }), false},
		{"class CH", question(t, "x.", dns.TypeTXT, func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }), false},
		{"no question", question(t, "x.", dns.TypeA, func(m *dns.Msg) { m.Question = nil }), false},
		{"an escaped character", question(t, `a\032b.be.`, dns.TypeA), false},
		{"an octet beyond ASCII", question(t, `\255.be.`, dns.TypeA), false},
		{"a dot in a label", question(t, `a\.b.be.`, dns.TypeA), false},
		{"a pointer to itself", append(plain[:12:12], 0xc0, 12, 0, 1, 0, 1), false},
		{"a name that is too long", append(plain[:12:12], append(bytes.Repeat([]byte{1, 'x'}, 127), 1, 'x', 0, 0, 1, 0, 1)...), false},
		{"a name that does not end", plain[:20], false},
		{"a question that does not end", plain[:len(plain)-1], false},
		{"nothing", nil, false},
	} {
		if got := new(Query).Parse(tc.packet); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

// FuzzParse: what is taken is what CoreDNS's library reads, and all of it.
func FuzzParse(f *testing.F) {
	for _, qname := range []string{".", "be.", "WwW.eXample.be.", strings.Repeat("x.", 127)} {
		f.Add(question(f, qname, dns.TypeA))
		f.Add(question(f, qname, dns.TypeAAAA, func(m *dns.Msg) { m.SetEdns0(4096, true) }))
	}
	var q Query
	f.Fuzz(func(t *testing.T, packet []byte) {
		if !q.Parse(packet) {
			return
		}
		m := new(dns.Msg)
		if err := m.Unpack(packet); err != nil {
			t.Fatalf("taken, but %v", err)
		}
		asked, opt := m.Question[0], m.IsEdns0()
		name, _, err := dns.UnpackDomainName(q.Name(), 0)
		if err != nil || name != strings.ToLower(asked.Name) || q.Type != asked.Qtype || q.ID != m.Id || q.Length != m.Len() {
			t.Errorf("%s type %d id %d length %d (%v), want %v", name, q.Type, q.ID, q.Length, err, m)
		}
		if q.RD != m.RecursionDesired || q.CD != m.CheckingDisabled || q.EDNS != (opt != nil) || opt != nil && (q.DO != opt.Do() || q.UDPSize != opt.UDPSize()) {
			t.Errorf("%+v, want %v", q, m)
		}
		if q.Labels() != dns.CountLabel(asked.Name) {
			t.Fatalf("%d labels in %s", q.Labels(), asked.Name)
		}
		for i, at := range dns.Split(name) {
			if got, want := string(q.Text(i)), strings.TrimSuffix(name[at:], "."); got != want {
				t.Errorf("text from label %d: %q, want %q", i, got, want)
			}
		}
	})
}
