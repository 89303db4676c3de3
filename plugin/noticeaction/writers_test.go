package noticeaction

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"

	"github.com/miekg/dns"

	_ "github.com/coredns/coredns/plugin/bufsize"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/dnstap"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/header"
	_ "github.com/coredns/coredns/plugin/log"
	_ "github.com/coredns/coredns/plugin/metadata"
	_ "github.com/coredns/coredns/plugin/minimal"
	_ "github.com/coredns/coredns/plugin/nsid"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
)

// mangle is a plugin in front that treats an answer as badly as one may: it
// keeps it, lets a copy pass, then appends to it and rewrites its records.
type mangle struct{ next plugin.Handler }

func (mangle) Name() string { return "mangle" }

func (m mangle) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	return plugin.NextOrFailure(m.Name(), m.next, ctx, &mangler{w}, r)
}

type mangler struct{ dns.ResponseWriter }

func (m *mangler) WriteMsg(res *dns.Msg) error {
	if res.Question[0].Name != "example.be." { // the zone's records are shared
		return m.ResponseWriter.WriteMsg(res)
	}
	err := m.ResponseWriter.WriteMsg(res.Copy())
	spoil := &dns.TXT{Hdr: dns.RR_Header{Name: "spoiled.", Rrtype: dns.TypeTXT, Class: dns.ClassINET}}
	for _, section := range [][]dns.RR{res.Answer, res.Ns, res.Extra} {
		_ = append(section, spoil)
		for i, rr := range section {
			rr.Header().Name, rr.Header().Ttl = "spoiled.", 0
			section[i] = spoil
		}
	}
	res.Question[0].Name = "spoiled."
	return err
}

func init() {
	plugin.Register("mangle", func(c *caddy.Controller) error {
		dnsserver.GetConfig(c).AddPlugin(func(next plugin.Handler) plugin.Handler { return mangle{next} })
		return nil
	})
}

// allWriters has everything in front that wraps the writer of an answer or
// keeps it.
const allWriters = `be:%[1]s {
    bind 127.0.0.1
    metadata
    nsid test
    bufsize 1232
    errors
    log
    dnstap %[2]s/dnstap.sock full
    cache
    header {
        response set ra
    }
    dnssec {
        key file %[2]s/Kbe
    }
    mangle
    noticeaction {
        warning_page warning.authority.example 192.0.2.80 2001:db8::80
        database %[2]s/noticeaction.db
    }
    minimal
    file %[2]s/be.zone
}
`

// startAllWriters serves on the port that it returns, with example.be
// flagged.
func startAllWriters(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	writeKey(t, filepath.Join(dir, "Kbe"))
	zone := "$ORIGIN be.\n$TTL 3600\n" + strings.ReplaceAll(smallZone, "%SERIAL", "1")
	if err := os.WriteFile(filepath.Join(dir, "be.zone"), []byte(zone), 0o600); err != nil {
		t.Fatal(err)
	}
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(pc.LocalAddr().String())
	pc.Close()
	if err := dnsserver.SetDirectives([]string{
		"metadata", "nsid", "bufsize", "bind", "errors", "log", "dnstap", "cache", "header", "dnssec", "mangle", pluginName, "minimal", "file",
	}); err != nil {
		t.Fatal(err)
	}
	dnsserver.Quiet = true
	instance, err := caddy.Start(caddy.CaddyfileInput{
		Filepath: "Corefile", Contents: fmt.Appendf(nil, allWriters, port, dir), ServerTypeName: "dns",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, err := range instance.ShutdownCallbacks() {
			t.Errorf("stopping: %v", err)
		}
		if err := instance.Stop(); err != nil {
			t.Errorf("stopping: %v", err)
		}
		instance.Wait()
	})
	_, err = desks.open[0].work.Flag(t.Context(), casework.Order{Actor: "test"},
		casework.FlagRequest{Name: "example.be", Authority: "apd-gba", Reference: "R"})
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func writeKey(t testing.TB, base string) {
	t.Helper()
	key := &dns.DNSKEY{
		Hdr:   dns.RR_Header{Name: "be.", Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 3600},
		Flags: 257, Protocol: 3, Algorithm: dns.ECDSAP256SHA256,
	}
	private, err := key.Generate(256)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{".key": key.String(), ".private": key.PrivateKeyString(private)} {
		if err := os.WriteFile(base+name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestBehindEveryWriter asks from many sides at once, with all plugins in
// front that touch an answer; the race detector watches too. Every answer is
// the same as the first of its kind.
func TestBehindEveryWriter(t *testing.T) {
	port := startAllWriters(t)
	ask := func(qname string, qtype uint16, do bool) (string, error) {
		req := new(dns.Msg).SetQuestion(qname, qtype)
		if do {
			req.SetEdns0(1232, true)
		}
		m, err := dns.Exchange(req, net.JoinHostPort("127.0.0.1", port))
		if err != nil {
			return "", err
		}
		m.Id = 0
		for _, rrs := range [][]dns.RR{m.Answer, m.Ns} {
			for _, rr := range rrs {
				if sig, ok := rr.(*dns.RRSIG); ok { // a cache that overflows signs again
					sig.Signature, sig.Inception, sig.Expiration = "", 0, 0
				}
			}
		}
		lines := strings.Split(m.String(), "\n")
		slices.Sort(lines) // dnssec adds the signatures in any order
		return strings.Join(lines, "\n"), nil
	}
	type kind struct {
		qname string
		qtype uint16
		do    bool
	}
	first := make(map[kind]string)
	for _, qname := range []string{"example.be.", "wWw.Example.BE.", "one.be.", "be.", "absent.be."} {
		for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeMX, dns.TypeTXT, dns.TypeHTTPS, dns.TypeNS, dns.TypeSOA, dns.TypeDS, dns.TypeANY, 65280} {
			for _, do := range []bool{false, true} {
				k := kind{qname, qtype, do}
				got, err := ask(qname, qtype, do)
				if err != nil {
					t.Fatalf("%v: %v", k, err)
				}
				if strings.Contains(got, "spoiled") {
					t.Fatalf("%v: %s", k, got)
				}
				first[k] = got
			}
		}
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for k, want := range first { // map order: everybody asks in an order of their own
				if got, err := ask(k.qname, k.qtype, k.do); err != nil || got != want {
					t.Errorf("%v: %v\n%s\nfirst was\n%s", k, err, got, want)
				}
			}
		})
	}
	wg.Wait()
}
