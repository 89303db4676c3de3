package noticeaction

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/file"
	"github.com/coredns/coredns/plugin/transfer"

	"github.com/miekg/dns"
)

const smallZone = `
@           3600 SOA a.nsset.be. tech.nsset.be. %SERIAL 3600 1800 2419200 600
@          86400 NS  a.nsset.be.
@          86400 NS  a.ns.example.
a.nsset    86400 A   192.0.2.1
example    86400 NS  ns1.hoster.example.
signed     43200 NS  NS1.BigHost.be.
signed      7200 DS  24639 13 2 8c97ae238b4f6817e38386068efe57345bc91b75b523528c6db5c825a0746406
bighost    86400 NS  ns1.bighost.be.
bighost    86400 NS  ns2.bighost.be.
ns1.bighost 86400 A  192.0.2.10
ns2.bighost 86400 A  192.0.2.11
one        86400 NS  ns1.bighost.be.
one        86400 NS  ns2.bighost.be.
two        86400 NS  ns2.bighost.be.
three      86400 NS  ns.one.be.
host       86400 A   192.0.2.12
`

func loadZone(t *testing.T, serial string) *file.File {
	t.Helper()
	z, err := file.Parse(strings.NewReader(strings.ReplaceAll(smallZone, "%SERIAL", serial)), "be.", "be.zone", 0)
	if err != nil {
		t.Fatal(err)
	}
	return &file.File{Zones: file.Zones{Z: map[string]*file.Zone{"be.": z}, Names: []string{"be."}}}
}

func viewOf(f *file.File, exempt ...string) *view {
	hosts := make(hostSet)
	for _, h := range exempt {
		hosts[h] = true
	}
	v := newView(&config{origins: []string{"be."}, exempt: hosts, host: "warning.example.", ttl: 300})
	v.next = func() plugin.Handler { return f }
	v.transferers = []transfer.Transferer{f}
	return v
}

func TestDelegation(t *testing.T) {
	v := viewOf(loadZone(t, "1"))
	for _, tc := range []struct {
		name string
		want delegation
	}{
		{"example.be.", delegation{known: true, servers: []string{"ns1.hoster.example."}, ttl: 86400}},
		{"signed.be.", delegation{known: true, servers: []string{"ns1.bighost.be."}, ttl: 43200, ds: true, dsTTL: 7200}},
		{"host.be.", delegation{known: true}},
		{"absent.be.", delegation{known: true}},
	} {
		got := v.delegation(context.Background(), tc.name)
		if !slices.Equal(got.servers, tc.want.servers) || got.known != tc.want.known || got.ttl != tc.want.ttl || got.ds != tc.want.ds || got.dsTTL != tc.want.dsTTL {
			t.Errorf("%s: %+v, want %+v", tc.name, got, tc.want)
		}
	}
	unloaded := viewOf(&file.File{Zones: file.Zones{Z: map[string]*file.Zone{"be.": nil}, Names: []string{"be."}}})
	if got := unloaded.delegation(context.Background(), "example.be."); got.known {
		t.Errorf("a zone that does not answer: %+v, want nothing known", got)
	}
}

func TestHosting(t *testing.T) {
	for _, tc := range []struct {
		name, of string
		exempt   []string
		count    int
		hosts    []string
		examples []string
	}{
		{"a hoster", "bighost.be.", nil, 3, []string{"ns1.bighost.be.", "ns2.bighost.be."}, []string{"one.be.", "signed.be.", "two.be."}},
		{"one host exempt", "bighost.be.", []string{"ns2.bighost.be."}, 2, []string{"ns1.bighost.be."}, []string{"one.be.", "signed.be."}},
		{"all hosts exempt", "bighost.be.", []string{"ns1.bighost.be.", "ns2.bighost.be."}, 0, nil, nil},
		{"hosts one other", "one.be.", nil, 1, []string{"ns.one.be."}, []string{"three.be."}},
		{"hosts nobody", "example.be.", nil, 0, nil, nil},
		{"hosts the zone", "nsset.be.", nil, 0, nil, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := viewOf(loadZone(t, "1"), tc.exempt...)
			if err := v.learnApexes(context.Background()); err != nil {
				t.Fatal(err)
			}
			v.learnHosting(context.Background())
			got := v.hosting[0].Load().of(tc.of)
			slices.Sort(got.hosts)
			slices.Sort(got.examples)
			if got.count != tc.count || !slices.Equal(got.hosts, tc.hosts) || !slices.Equal(got.examples, tc.examples) {
				t.Errorf("%+v, want %d names on %v: %v", got, tc.count, tc.hosts, tc.examples)
			}
		})
	}
}

// current is a zone that can be replaced while it is read.
type current struct{ atomic.Pointer[file.File] }

func (c *current) Transfer(zone string, serial uint32) (<-chan []dns.RR, error) {
	return c.Load().Transfer(zone, serial)
}

// TestViewFollowsTheZone: a new serial shows within the time that relearn gives.
func TestViewFollowsTheZone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var zone current
		zone.Store(loadZone(t, "1"))
		v := viewOf(nil)
		v.next = func() plugin.Handler { return zone.Load() }
		v.transferers = []transfer.Transferer{&zone}
		if err := v.learnApexes(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go v.run(ctx)
		time.Sleep(retry)
		synctest.Wait()
		if h := v.hosting[0].Load(); h == nil || h.serial != 1 {
			t.Fatalf("hosting at the start: %+v", h)
		}
		zone.Store(loadZone(t, "2"))
		time.Sleep(relearn)
		synctest.Wait()
		if got := v.apex(0).soa.Serial; got != 2 {
			t.Errorf("apex of serial %d, want 2", got)
		}
		if h := v.hosting[0].Load(); h.serial != 2 {
			t.Errorf("hosting of serial %d, want 2", h.serial)
		}
	})
}

func TestPacer(t *testing.T) {
	var p pacer
	begin := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	if !p.ready(begin) {
		t.Error("not ready for the first read")
	}
	p.took(begin, begin.Add(2*time.Second))
	if p.ready(begin.Add(19 * time.Second)) {
		t.Error("ready again although reading would take more than a tenth of the clock")
	}
	if !p.ready(begin.Add(20 * time.Second)) {
		t.Error("not ready after ten times the last read")
	}
}
