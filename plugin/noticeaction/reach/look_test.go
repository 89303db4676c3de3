package reach

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// ourRedirect is what a redirect looks like in the tests.
var ourRedirect = Redirect{
	Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.80"), netip.MustParseAddr("2001:db8::80")},
	Servers:   []string{"a.nsset.be", "b.nsset.be"},
}

const usual = `
$NAME A 198.51.100.1
$NAME AAAA 2001:db8:1::1
www.$NAME CNAME Web.host.example.
web.host.example. A 198.51.100.2
web.host.example. A 198.51.100.1
$NAME NS ns2.Host.example.
$NAME NS ns1.host.example.
$NAME MX 20 mx.backup.example.
$NAME MX 10 Mail.$NAME
mail.$NAME A 198.51.100.3
mail.$NAME AAAA 2001:db8:1::3
mx.backup.example. A 203.0.113.1
`

const usualRecord = `example.be [198.51.100.1 2001:db8:1::1]
www.example.be [198.51.100.1 198.51.100.2]
NS [ns1.host.example ns2.host.example]
MX 10 mail.example.be [198.51.100.3 2001:db8:1::3]
MX 20 mx.backup.example [203.0.113.1]
`

func TestLook(t *testing.T) {
	for _, tt := range []struct{ name, zone, want string }{
		{"everything", usual, usualRecord},
		{"nothing", "$NAME TXT x", ""},
		{"no such name", "other.be. A 198.51.100.1", ""},
		{"a null MX", "$NAME MX 0 .", ""},
		{"an alias without end", "www.$NAME CNAME www.$NAME", ""},
		{"an alias for the whole name", "$NAME CNAME other.example.\nother.example. MX 5 mx.example.\nother.example. A 198.51.100.9",
			"example.be [198.51.100.9]\nMX 5 mx.example []\n"},
		{"the same exchange twice", "$NAME MX 5 mx.example.\n$NAME MX 5 MX.example.\nmx.example. A 198.51.100.9",
			"MX 5 mx.example [198.51.100.9]\n"},
		{"an exchange that no host is named like", "$NAME MX 5 m\\032x.example.\n$NAME MX 6 mx.example.", "MX 6 mx.example []\n"},
		{"the zone's own name servers", "$NAME A 198.51.100.1\n$NAME NS a.nsset.be.\n$NAME NS B.nsset.be.", "example.be [198.51.100.1]\n"},
		{"one of the zone's name servers", "$NAME NS a.nsset.be.\n$NAME NS ns.example.", "NS [a.nsset.be ns.example]\n"},
		{"an exchange behind another redirect", "$NAME MX 5 mx.other.be.\nmx.other.be. A 192.0.2.80", "MX 5 mx.other.be []\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := NewResolver(serve(t, zone(t, tt.zone))).Look(t.Context(), "example.be", ourRedirect)
			if err != nil || text(got) != tt.want {
				t.Errorf("record, %v:\n%swant\n%s", err, text(got), tt.want)
			}
			if got.Empty() != (tt.want == "") {
				t.Errorf("empty = %v", got.Empty())
			}
		})
	}
}

func TestLookSeesARedirect(t *testing.T) {
	for _, tt := range []struct{ name, line string }{
		{"at the name", "$NAME A 192.0.2.80"},
		{"at the name, beside another address", "$NAME A 192.0.2.80\n$NAME A 198.51.100.1"},
		{"in the other family", "$NAME AAAA 2001:db8::80"},
		{"at www", "www.$NAME A 192.0.2.80"},
		{"at the mail host", "$NAME MX 10 mail.$NAME\nmail.$NAME A 192.0.2.80"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := NewResolver(serve(t, zone(t, tt.line))).Look(t.Context(), "example.be", ourRedirect)
			if !errors.Is(err, ErrRedirected) || !got.Empty() {
				t.Errorf("record %+v, %v; want none, %v", got, err, ErrRedirected)
			}
		})
	}
}

func TestLookBelievesWhatAResolverOwnsUpTo(t *testing.T) {
	for code, want := range map[uint16]error{
		dns.ExtendedErrorCodeForgedAnswer: ErrRedirected,
		dns.ExtendedErrorCodeBlocked:      ErrRedirected,
		dns.ExtendedErrorCodeCensored:     ErrRedirected,
		dns.ExtendedErrorCodeFiltered:     ErrRedirected,
		dns.ExtendedErrorCodeStaleAnswer:  nil,
	} {
		server := serve(t, func(w dns.ResponseWriter, req *dns.Msg) {
			m := new(dns.Msg).SetReply(req).SetEdns0(udpSize, false)
			m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_EDE{InfoCode: code}}
			send(w, req, m)
		})
		if _, err := NewResolver(server).Look(t.Context(), "example.be", ourRedirect); !errors.Is(err, want) {
			t.Errorf("extended error %d: %v, want %v", code, err, want)
		}
	}
}

// Servers that give no answer are passed over, and what they say is told when no other one helps.
func TestLookTriesTheNext(t *testing.T) {
	bad := map[string]struct {
		handler dns.HandlerFunc
		text    string
	}{
		"SERVFAIL": {rcode(dns.RcodeServerFailure), "SERVFAIL"},
		"REFUSED":  {rcode(dns.RcodeRefused), "REFUSED"},
		"a referral": {func(w dns.ResponseWriter, req *dns.Msg) {
			m := new(dns.Msg).SetReply(req)
			m.Ns = []dns.RR{&dns.NS{Hdr: dns.RR_Header{Name: "be.", Rrtype: dns.TypeNS, Class: dns.ClassINET}, Ns: "a.nsset.be."}}
			send(w, req, m)
		}, "referral"},
		"another question": {func(w dns.ResponseWriter, req *dns.Msg) {
			m := new(dns.Msg).SetReply(req)
			m.Question[0].Name = "other.be."
			send(w, req, m)
		}, "answer to the question"},
		"no answer but a query": {func(w dns.ResponseWriter, req *dns.Msg) { send(w, req, req.Copy()) }, "answer to the question"},
		"no message":            {func(w dns.ResponseWriter, req *dns.Msg) { _, _ = w.Write(make([]byte, 12)) }, ""},
		"hung up over TCP": {func(w dns.ResponseWriter, req *dns.Msg) {
			if w.RemoteAddr().Network() == "tcp" {
				w.Close()
				return
			}
			m := new(dns.Msg).SetReply(req)
			m.Truncated = true
			_ = w.WriteMsg(m)
		}, "EOF"},
	}
	good := serve(t, zone(t, usual))
	for name, tt := range bad {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lame := serve(t, tt.handler)
			if got, err := NewResolver(lame, good).Look(t.Context(), "example.be", ourRedirect); err != nil || text(got) != usualRecord {
				t.Errorf("with another behind it: %v\n%s", err, text(got))
			}
			got, err := NewResolver(lame).Look(t.Context(), "example.be", ourRedirect)
			if err == nil || !got.Empty() || !strings.Contains(err.Error(), tt.text) || !strings.Contains(err.Error(), lame.String()) {
				t.Errorf("alone: %+v, %v; want an error that tells of %s and %q", got, err, lame, tt.text)
			}
		})
	}
}

func TestLookWithoutAnswerEndsInTime(t *testing.T) {
	t.Parallel()
	good, quiet := serve(t, zone(t, usual)), silent(t)
	for _, tt := range []struct {
		name    string
		servers []netip.AddrPort
		want    string
	}{
		{"the first is silent", []netip.AddrPort{quiet, good}, usualRecord},
		{"all are silent", []netip.AddrPort{quiet, silent(t), silent(t)}, ""},
		{"nobody is there", []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:9")}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			got, err := NewResolver(tt.servers...).Look(t.Context(), "example.be", ourRedirect)
			if text(got) != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("record, %v:\n%s", err, text(got))
			}
			if d := time.Since(start); d > 2*roundTime+time.Second {
				t.Errorf("it took %s", d)
			}
		})
	}
}

func TestLookEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("closing")
	cancel(cause)
	if got, err := NewResolver(silent(t)).Look(ctx, "example.be", ourRedirect); err == nil || !got.Empty() {
		t.Errorf("%+v, %v; want an error", got, err)
	}
}

// What was learned counts, even when a part is missing.
func TestLookInPart(t *testing.T) {
	whole := zone(t, usual)
	server := serve(t, func(w dns.ResponseWriter, req *dns.Msg) {
		if q := req.Question[0]; q.Qtype == dns.TypeAAAA || q.Qtype == dns.TypeNS {
			rcode(dns.RcodeServerFailure)(w, req)
			return
		}
		whole(w, req)
	})
	got, err := NewResolver(server).Look(t.Context(), "example.be", ourRedirect)
	if err == nil || !strings.HasPrefix(err.Error(), "5 questions without an answer, the first: asking for example.be. AAAA: ") {
		t.Errorf("error %v, want one that counts 5", err)
	}
	want := "example.be [198.51.100.1]\nwww.example.be [198.51.100.1 198.51.100.2]\nMX 10 mail.example.be [198.51.100.3]\nMX 20 mx.backup.example [203.0.113.1]\n"
	if text(got) != want {
		t.Errorf("record\n%swant\n%s", text(got), want)
	}
}

// Answers that fit in no datagram are asked for over TCP, and a record holds no more than it may.
func TestLookBounds(t *testing.T) {
	var huge strings.Builder
	for i := range 500 {
		fmt.Fprintf(&huge, "$NAME A 198.51.%d.%d\n$NAME NS ns%03d.example.\n$NAME MX %d mx%03d.example.\n", i/250, i%250, i, i, i)
	}
	server := serve(t, zone(t, huge.String()))
	got, err := NewResolver(server).Look(t.Context(), "example.be", ourRedirect)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Hosts) != 1 || len(got.Hosts[0].Addresses) != MaxAddresses || len(got.Servers) != MaxServers || len(got.Mail) != MaxExchanges {
		t.Errorf("record of %d hosts, %d name servers, %d exchanges:\n%s", len(got.Hosts), len(got.Servers), len(got.Mail), text(got))
	}
	if got.Mail[0].Host != "mx000.example" {
		t.Errorf("first exchange %s, want the one most preferred", got.Mail[0].Host)
	}
}

// However many look-ups run, only so many questions are under way: the others wait for their turn.
func TestLookWaitsForItsTurn(t *testing.T) {
	var asked atomic.Int64
	whole := zone(t, usual)
	r := NewResolver(serve(t, func(w dns.ResponseWriter, req *dns.Msg) {
		asked.Add(1)
		whole(w, req)
	}))
	for range maxAtOnce {
		r.slots <- struct{}{}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := r.Look(ctx, "example.be", ourRedirect); !errors.Is(err, context.DeadlineExceeded) || asked.Load() != 0 {
		t.Errorf("%d questions asked out of turn, error %v", asked.Load(), err)
	}
	<-r.slots
	if got, err := r.Look(t.Context(), "example.be", ourRedirect); err != nil || text(got) != usualRecord {
		t.Errorf("one at a time: %v\n%s", err, text(got))
	}
}

func TestOver(t *testing.T) {
	addr := []netip.Addr{netip.MustParseAddr("198.51.100.1")}
	old := Record{At: time.Unix(1, 0), Hosts: []Host{{"example.be", addr}}, Servers: []string{"ns.example"}, Mail: []Exchange{{10, "mx.example", addr}}}
	now := time.Unix(2, 0)
	for _, tt := range []struct {
		name string
		r    Record
		want string
	}{
		{"nothing new", Record{At: now}, text(old)},
		{"all new", Record{At: now, Hosts: []Host{{"www.example.be", addr}}, Servers: []string{"ns.new"}, Mail: []Exchange{{5, "mx.new", nil}}},
			"www.example.be [198.51.100.1]\nNS [ns.new]\nMX 5 mx.new []\n"},
		{"mail hidden", Record{At: now, Servers: []string{"ns.new"}}, "example.be [198.51.100.1]\nNS [ns.new]\nMX 10 mx.example [198.51.100.1]\n"},
	} {
		if got := tt.r.Over(old); text(got) != tt.want || got.At != now {
			t.Errorf("%s: at %s\n%swant\n%s", tt.name, got.At, text(got), tt.want)
		}
	}
}
