package noticeaction

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/coredns/coredns/plugin/test"

	"github.com/miekg/dns"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/reach"
)

// mx is an exchange as it was recorded.
func mx(preference uint16, host string, addrs ...string) reach.Exchange {
	x := reach.Exchange{Preference: preference, Host: host}
	for _, a := range addrs {
		x.Addresses = append(x.Addresses, netip.MustParseAddr(a))
	}
	return x
}

// preservingHandler is flaggedHandler with mail preserve and these exchanges
// recorded of example.be.
func preservingHandler(tb testing.TB, p profile, mail ...reach.Exchange) *NoticeAction {
	tb.Helper()
	n := flaggedHandler(tb, p)
	n.preserve, n.mailboxes = true, new(mailboxes)
	n.mailboxes.set("example.be", &reach.Record{Mail: mail})
	return n
}

// usualMail has a host of each kind.
var usualMail = []reach.Exchange{
	mx(10, "mail.example.be", "198.51.100.3", "2001:db8:1::3"),
	mx(15, "example.be", "198.51.100.1"),
	mx(15, "www.example.be", "198.51.100.1"),
	mx(20, "mx.backup.example", "203.0.113.1"),
	mx(30, "in.v6.example.be", "2001:db8:1::4"),
	mx(40, "lost.example.be"),
	mx(50, "mail.example.be", "198.51.100.3", "2001:db8:1::3"),
	mx(60, "elsewhere.example"),
}

func TestMailPreserve(t *testing.T) {
	const (
		usualMX = "answer: example.be. 300 IN MX 10 mail.example.be.\nanswer: example.be. 300 IN MX 15 kept-mail1.example.be.\n" +
			"answer: example.be. 300 IN MX 15 kept-mail2.example.be.\nanswer: example.be. 300 IN MX 20 mx.backup.example.\n" +
			"answer: example.be. 300 IN MX 30 in.v6.example.be.\nanswer: example.be. 300 IN MX 50 mail.example.be.\nanswer: example.be. 300 IN MX 60 elsewhere.example."
		page = " 300 IN A 192.0.2.80"
	)
	for _, tc := range []struct {
		name, qname string
		qtype       uint16
		insecure    string
		signed      string // "" when the same
	}{
		{"MX", "example.be.", dns.TypeMX, usualMX, ""},
		{"MX mixed case", "ExAmple.be.", dns.TypeMX, usualMX, ""},
		{"MX below", "mail.example.be.", dns.TypeMX, "answer: mail.example.be. 300 IN MX 0 .", ""},
		{"TXT", "example.be.", dns.TypeTXT, childSOA, zoneSOA},
		{"TXT below", "_dmarc.example.be.", dns.TypeTXT, childSOA, zoneSOA},
		{"A of the mail host", "mail.example.be.", dns.TypeA, "answer: mail.example.be. 300 IN A 198.51.100.3", ""},
		{"AAAA of the mail host", "MAIL.example.be.", dns.TypeAAAA, "answer: mail.example.be. 300 IN AAAA 2001:db8:1::3", ""},
		{"ANY of the mail host", "mail.example.be.", dns.TypeANY, "answer: mail.example.be. 300 IN A 198.51.100.3\nanswer: mail.example.be. 300 IN AAAA 2001:db8:1::3", ""},
		{"HTTPS of the mail host", "mail.example.be.", dns.TypeHTTPS, childSOA, zoneSOA},
		{"A of a mail host without", "in.v6.example.be.", dns.TypeA, childSOA, zoneSOA},
		{"AAAA of a mail host deeper", "in.v6.example.be.", dns.TypeAAAA, "answer: in.v6.example.be. 300 IN AAAA 2001:db8:1::4", ""},
		{"A of a mail host not found", "lost.example.be.", dns.TypeA, "answer: lost.example.be." + page, ""},
		{"A of the name", "example.be.", dns.TypeA, "answer: example.be." + page, ""},
		{"A of www", "www.example.be.", dns.TypeA, "answer: www.example.be." + page, ""},
		{"A below the mail host", "x.mail.example.be.", dns.TypeA, "answer: x.mail.example.be." + page, ""},
		{"A between", "v6.example.be.", dns.TypeA, "answer: v6.example.be." + page, ""},
		{"ANY of the name", "example.be.", dns.TypeANY, "answer: example.be." + page + "\nanswer: example.be. 300 IN AAAA 2001:db8::80", ""},
		{"MX of a name without a record", "xn--caf-dma.be.", dns.TypeMX, "answer: xn--caf-dma.be. 300 IN MX 0 .", ""},
		{"TXT of a name without a record", "xn--caf-dma.be.", dns.TypeTXT, `answer: xn--caf-dma.be. 300 IN TXT "v=spf1 -all"`, ""},
		{"the same host of another name", "mail.xn--caf-dma.be.", dns.TypeA, "answer: mail.xn--caf-dma.be." + page, ""},
		{"not flagged", "mail.exampl.be.", dns.TypeA, "answer: mail.exampl.be." + behind, ""},
	} {
		if tc.signed == "" {
			tc.signed = tc.insecure
		}
		for _, p := range []struct {
			name string
			profile
			want string
		}{{"insecure", profileInsecure, tc.insecure}, {"signed", profileSigned, tc.signed}} {
			t.Run(tc.name+"/"+p.name, func(t *testing.T) {
				n := preservingHandler(t, p.profile, usualMail...)
				if got := sections(ask(t, n, tc.qname, tc.qtype)); got != p.want {
					t.Errorf("%s %s:\n%s\nwant\n%s", tc.qname, dns.Type(tc.qtype), got, p.want)
				}
			})
		}
	}
}

// What delivers no mail is as good as no record.
func TestMailPreserveFallsBackToNull(t *testing.T) {
	for name, mail := range map[string][]reach.Exchange{
		"no exchange":         nil,
		"a host not found":    {mx(10, "mail.example.be")},
		"the name, not found": {mx(10, "example.be")},
		"several of no avail": {mx(10, "mail.example.be"), mx(20, "www.example.be")},
	} {
		n := preservingHandler(t, profileInsecure, mail...)
		for qtype, want := range map[uint16]string{
			dns.TypeMX:  "answer: example.be. 300 IN MX 0 .",
			dns.TypeTXT: `answer: example.be. 300 IN TXT "v=spf1 -all"`,
		} {
			if got := sections(ask(t, n, "example.be.", qtype)); got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
	}
}

// The name and www are redirected for the web, so their mail goes to hosts of
// another name with the same addresses.
func TestMailOfTheWebsHostsIsKept(t *testing.T) {
	n := preservingHandler(t, profileInsecure, mx(10, "example.be", "198.51.100.1"), mx(20, "www.example.be", "198.51.100.2"))
	for _, tc := range []struct {
		qname string
		qtype uint16
		want  string
	}{
		{"example.be.", dns.TypeMX, "answer: example.be. 300 IN MX 10 kept-mail0.example.be.\nanswer: example.be. 300 IN MX 20 kept-mail1.example.be."},
		{"kept-mail0.example.be.", dns.TypeA, "answer: kept-mail0.example.be. 300 IN A 198.51.100.1"},
		{"kept-mail1.example.be.", dns.TypeA, "answer: kept-mail1.example.be. 300 IN A 198.51.100.2"},
		{"example.be.", dns.TypeA, "answer: example.be. 300 IN A 192.0.2.80"},
		{"www.example.be.", dns.TypeA, "answer: www.example.be. 300 IN A 192.0.2.80"},
	} {
		if got := sections(ask(t, n, tc.qname, tc.qtype)); got != tc.want {
			t.Errorf("%s %s: %s, want %s", tc.qname, dns.Type(tc.qtype), got, tc.want)
		}
	}
}

// What is recorded matters only where a directive says preserve, and only as long as the desk says so.
func TestMailboxesFollowTheDesk(t *testing.T) {
	n := preservingHandler(t, profileInsecure, usualMail...)
	null := "answer: example.be. 300 IN MX 0 ."
	mxNow := func() string { return sections(ask(t, n, "example.be.", dns.TypeMX)) }
	n.preserve = false
	if got := mxNow(); got != null {
		t.Errorf("without preserve: %s", got)
	}
	n.preserve = true
	n.mailboxes.set("example.be", &reach.Record{Mail: []reach.Exchange{mx(5, "new.example")}})
	if got := mxNow(); got != "answer: example.be. 300 IN MX 5 new.example." {
		t.Errorf("after a change: %s", got)
	}
	n.mailboxes.set("example.be", &reach.Record{})
	if got := mxNow(); got != null {
		t.Errorf("after the mail is gone: %s", got)
	}
	n.mailboxes.set("example.be", &reach.Record{Mail: usualMail})
	n.mailboxes.set("example.be", nil)
	if got := mxNow(); got != null {
		t.Errorf("after the flag is gone: %s", got)
	}
}

func TestPreservedAnswersAreIndependent(t *testing.T) {
	n := preservingHandler(t, profileInsecure, usualMail...)
	for qname, qtype := range map[string]uint16{"example.be.": dns.TypeMX, "mail.example.be.": dns.TypeANY} {
		before := ask(t, n, qname, qtype)
		want := before.String()
		if cap(before.Answer) != len(before.Answer) {
			t.Errorf("%s: answer of %d with room for %d", dns.Type(qtype), len(before.Answer), cap(before.Answer))
		}
		_ = append(before.Answer, test.TXT("spoiled. 1 IN TXT spoiled"))
		for _, rr := range slices.Clone(before.Answer) {
			rr.Header().Ttl = 1
		}
		after := ask(t, n, qname, qtype)
		after.Id = before.Id
		if got := after.String(); got != want {
			t.Errorf("%s: %s\nwant %s", dns.Type(qtype), got, want)
		}
	}
}

// Preserving costs the answers about the web no allocation, and other names
// nothing at all.
func TestPreservingAllocates(t *testing.T) {
	n := preservingHandler(t, profileInsecure, usualMail...)
	n.Next = nothing
	for _, qname := range []string{"www.example.be.", "mail.example.be.", "example.be.", "mail.exampl.be."} {
		if got := allocations(n, qname); got > 1 {
			t.Errorf("%s: %v allocations, want at most 1", qname, got)
		}
	}
	asMX := func(r *dns.Msg) { r.Question[0].Qtype = dns.TypeMX }
	if got := allocations(n, "example.be.", asMX); got > 3 {
		t.Errorf("MX: %v allocations, want the reply, its records and their list", got)
	}
}

// An answer says that it is not the name's own, whatever it holds.
func TestPreservedAnswersSayWhoseTheyAre(t *testing.T) {
	n := preservingHandler(t, profileInsecure, usualMail...)
	m := ask(t, n, "example.be.", dns.TypeMX, func(r *dns.Msg) { r.SetEdns0(1232, false) })
	if got := m.IsEdns0().String(); !strings.Contains(got, "apd-gba") {
		t.Errorf("OPT %s, want the authority", got)
	}
}
