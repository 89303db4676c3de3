package peer

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// ask runs dig or kdig against coredns-na.
func (n *Internet) ask(tb testing.TB, client string, args ...string) string {
	tb.Helper()
	return tool(tb, "", client, append([]string{"@" + n.Addr, "+retry=0", "+time=5"}, args...)...)
}

// lacking is what text should match and does not, or should not and does.
func lacking(text string, want []string) (out []string) {
	for _, w := range want {
		pattern, not := strings.CutPrefix(w, "!")
		if regexp.MustCompile(pattern).MatchString(text) == not {
			out = append(out, w)
		}
	}
	return out
}

// How the messages look to the usual clients, in both profiles. A pattern
// after ! must not match.
func TestMessages(t *testing.T) {
	const mixed = "wWw.eXaMpLe.Be"
	messages := []struct {
		name, args string
		want       []string
	}{
		{"over UDP", "www.example.be A", []string{`status: NOERROR`, `192\.0\.2\.80`}},
		{"over TCP", "+tcp www.example.be A", []string{`status: NOERROR`, `192\.0\.2\.80`, `\(TCP\)`}},
		{"no OPT unasked", "+noedns www.example.be A", []string{`192\.0\.2\.80`, `!OPT PSEUDOSECTION`, `!EDE`}},
		{"no OPT unasked in NODATA", "+noedns www.example.be TXT", []string{`ANSWER: 0`, `!OPT PSEUDOSECTION`}},
		{"no OPT unasked over TCP", "+tcp +noedns www.example.be A", []string{`192\.0\.2\.80`, `!OPT PSEUDOSECTION`}},
		{"OPT when asked", "+edns=0 www.example.be A", []string{`EDNS: version: 0, flags:;`}},
		{"DO echoed", "+dnssec www.example.be A", []string{`EDNS: version: 0, flags: do;`}},
		{"DO echoed in NODATA", "+dnssec www.example.be TXT", []string{`EDNS: version: 0, flags: do;`}},
		{"RD copied, RA clear", "+rec www.example.be A", []string{`flags: qr aa rd;`}},
		{"RD clear copied", "+norec www.example.be A", []string{`flags: qr aa;`}},
		{"CD copied", "+norec +cdflag www.example.be A", []string{`flags: qr aa cd;`}},
		{"AD asked is not AD given", "+norec +adflag www.example.be A", []string{`flags: qr aa;`}},
		{"0x20 echoed, owners in lower case", "+noadflag " + mixed + " A", []string{`;` + strings.ReplaceAll(mixed, ".", `\.`) + `\.\s+IN\s+A`, `(?m)^www\.example\.be\..*192\.0\.2\.80`}},
		{"EDE of a redirect", "+edns=0 www.example.be A", []string{`EDE: 4 \(Forged Answer\): \([^)]*apd-gba`}},
		{"EDE of NODATA", "+edns=0 www.example.be TXT", []string{`EDE: 16 \(Censored\): \([^)]*apd-gba`}},
		{"EDE over TCP", "+tcp +edns=0 www.example.be AAAA", []string{`EDE: 4 \(Forged Answer\)`}},
		{"no EDE about others", "+edns=0 www.victim.be A", []string{`status: NOERROR`, `!EDE`}},
		{"BADVERS", "+edns=1 +noednsnegotiation www.example.be A", []string{`status: BADVERS`, `ANSWER: 0`}},
		{"another opcode", "+opcode=status www.example.be A", []string{`opcode: STATUS`, `!192\.0\.2\.80`}},
		{"another class", "-c CH www.example.be TXT", []string{`!status: NOERROR, id: \d+\n.*ANSWER: 1`, `!192\.0\.2\.80`}},
		{"never NXDOMAIN", "_nothing.at.all.example.be A", []string{`status: NOERROR`, `192\.0\.2\.80`}},
		{"NXDOMAIN where there is nothing", "nothing-at-all.be A", []string{`!192\.0\.2\.80`, `!EDE`}},
	}
	for _, be := range []Signing{Unsigned, OnlineECDSA} {
		n := NewInternet(t, be, profileOf(be), "")
		n.Flag(t, "example.be")
		for _, m := range messages {
			t.Run(string(be)+"/"+m.name, func(t *testing.T) {
				text := n.ask(t, "dig", strings.Fields(m.args)...)
				if out := lacking(text, m.want); out != nil {
					t.Errorf("dig %s: not as wanted %q:\n%s", m.args, out, text)
				}
			})
		}
	}
}

// kdig is another parser: no note of malformed data, the same facts.
func TestMessagesWithKdig(t *testing.T) {
	n := NewInternet(t, OnlineECDSA, "profile signed", "")
	n.Flag(t, "example.be")
	for _, transport := range []string{"+notcp", "+tcp"} {
		for _, rrtype := range []string{"A", "AAAA", "MX", "TXT", "CAA", "HTTPS", "NS", "ANY", "TYPE65280"} {
			text := n.ask(t, "kdig", transport, "+dnssec", "example.be", rrtype)
			want := []string{`status: NOERROR`, `Flags: qr aa rd`, `flags: do`, `EDE: \d+ \([^)]*\)`, `RRSIG`, `!WARNING|;; ERROR|malformed`}
			if out := lacking(text, want); out != nil {
				t.Errorf("kdig %s %s: not as wanted %q:\n%s", transport, rrtype, out, text)
			}
		}
	}
}

// An answer that does not fit 512 octets is truncated for a client without
// EDNS, and whole over TCP.
func TestTruncation(t *testing.T) {
	var addresses strings.Builder
	for i := range 40 {
		fmt.Fprintf(&addresses, " 192.0.2.%d", 100+i)
	}
	dir, addr := Folder(t), newAddr()
	Write(t, dir, "be.zone", "$ORIGIN be.\n$TTL 300\n@ SOA a.nsset tech 1 3600 600 86400 300\n@ NS a.nsset\na.nsset A 192.0.2.1\nexample NS ns.hoster.example.\n")
	r := StartRegistry(t, dir, addr, fmt.Sprintf("be:53 {\nbind %s\n%s\nfile be.zone\n}\n", addr,
		strings.Replace(NoticeAction(), "192.0.2.80 2001:db8::80", addresses.String(), 1)))
	r.Flag(t, "example.be")
	n := &Internet{Registry: r}
	for args, want := range map[string][]string{
		"+noedns +ignore www.example.be A":       {`flags: qr aa tc`, `!OPT PSEUDOSECTION`},
		"+bufsize=512 +ignore www.example.be A":  {`flags: qr aa tc`, `OPT PSEUDOSECTION`},
		"+noedns www.example.be A":               {`ANSWER: 40`, `\(TCP\)`, `!flags: qr aa tc`},
		"+bufsize=1232 +ignore www.example.be A": {`ANSWER: 40`, `!flags: qr aa tc`},
	} {
		text := n.ask(t, "dig", strings.Fields(args)...)
		if out := lacking(text, want); out != nil {
			t.Errorf("dig %s: not as wanted %q:\n%s", args, out, text)
		}
	}
	question := variations("www.example.be.")[:1]
	c := dial(t, "udp", addr)
	if err := send(c, question); err != nil {
		t.Fatal(err)
	}
	answer, err := receive(c, 1)
	if err != nil {
		t.Fatal(err)
	}
	if size := len(answer[0]); size > 512 {
		t.Errorf("%d octets to a client without EDNS, want 512 at most", size)
	}
}

// delv finds the signatures right, of an answer and of a denial.
func TestDelv(t *testing.T) {
	for _, be := range []Signing{OnlineECDSA, OnlineEd25519} {
		t.Run(string(be), func(t *testing.T) {
			n := NewInternet(t, be, "profile signed", "")
			n.Flag(t, "example.be", "signed.be")
			k := KeyOf(t, n.Addr, "be.")
			anchors := Write(t, Folder(t), "anchors", fmt.Sprintf("trust-anchors { be. static-key %d %d %d %q; };\n", k.Flags, k.Protocol, k.Algorithm, k.PublicKey))
			for question, want := range map[string]string{
				"www.example.be A":      `(?s)fully validated.*192\.0\.2\.80`,
				"example.be MX":         `(?s)fully validated.*MX\s+0 \.`,
				"signed.be AAAA":        `(?s)fully validated.*2001:db8::80`,
				"!a.b.c.signed.be A":    `(?s)fully validated.*192\.0\.2\.80`,
				"example.be CAA":        `(?s)fully validated.*0 issue ";"`,
				"signed.be DS":          `(?s)ncache nxrrset.*negative response, fully validated`,
				"www.example.be TXT":    `(?s)ncache nxrrset.*negative response, fully validated`,
				"_dmarc.example.be TXT": `(?s)ncache nxrrset.*negative response, fully validated`,
			} {
				args := append([]string{"@" + n.Addr, "-a", anchors, "+root=be."}, strings.Fields(question)...)
				if text := tool(t, filepath.Dir(anchors), "delv", args...); lacking(text, []string{want}) != nil {
					t.Errorf("delv %s: want %s, got:\n%s", question, want, text)
				}
			}
		})
	}
}

// With cache in the server block, flagging and unflagging show at once.
func TestCachePlugin(t *testing.T) {
	for _, be := range []Signing{Unsigned, OnlineECDSA} {
		t.Run(string(be), func(t *testing.T) {
			n := NewInternet(t, be, profileOf(be), "cache 3600")
			asked := Resolver{itself, n.Addr}
			for round := range 3 {
				for _, rrtype := range []uint16{dns.TypeA, dns.TypeMX, dns.TypeTXT} {
					if m := asked.Ask(t, "example.be", rrtype); m.Authoritative || len(m.Ns) == 0 || m.Ns[0].Header().Rrtype != dns.TypeNS {
						t.Fatalf("round %d, not flagged: want the delegation, got:\n%s", round, m)
					}
				}
				n.Flag(t, "example.be")
				for _, rrtype := range []uint16{dns.TypeA, dns.TypeMX, dns.TypeTXT} {
					if m := asked.Ask(t, "example.be", rrtype); !m.Authoritative || len(m.Answer) == 0 {
						t.Fatalf("round %d, flagged: want an answer, got:\n%s", round, m)
					}
				}
				n.Unflag(t, "example.be")
			}
		})
	}
}
