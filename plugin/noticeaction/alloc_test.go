package noticeaction

import (
	"context"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/test"
	"github.com/coredns/coredns/request"

	"github.com/miekg/dns"
)

// nothing is a plugin that takes every query and does nothing.
var nothing = plugin.HandlerFunc(func(context.Context, dns.ResponseWriter, *dns.Msg) (int, error) { return 0, nil })

func allocations(h plugin.Handler, qname string, change ...func(*dns.Msg)) float64 {
	ctx := context.WithValue(context.Background(), dnsserver.Key{}, &dnsserver.Server{Addr: "dns://:53"})
	w := &test.ResponseWriter{}
	req := new(dns.Msg).SetQuestion(qname, dns.TypeA)
	for _, f := range change {
		f(req)
	}
	return testing.AllocsPerRun(200, func() { _, _ = h.ServeDNS(ctx, w, req) })
}

// TestPassingOnAllocatesNothing: behind other plugins it is what CoreDNS itself
// allocates to hand a query to the next plugin.
func TestPassingOnAllocatesNothing(t *testing.T) {
	n := flaggedHandler(t, profileInsecure)
	n.Next = nothing
	scrub := request.NewScrubWriter(nil, &test.ResponseWriter{})
	server := plugin.HandlerFunc(func(ctx context.Context, _ dns.ResponseWriter, r *dns.Msg) (int, error) {
		return n.ServeDNS(ctx, scrub, r)
	})
	front := plugin.HandlerFunc(func(ctx context.Context, _ dns.ResponseWriter, r *dns.Msg) (int, error) {
		return plugin.NextOrFailure("front", n, ctx, scrub, r)
	})
	for _, qname := range []string{"exampl.be.", "www.a.b.c.d.NotFlagged.be.", "be.", "example.nl."} {
		if got := allocations(server, qname); got > 0 {
			t.Errorf("%s: %v allocations, want none", qname, got)
		}
		if got := allocations(front, qname); got > 2 {
			t.Errorf("%s, behind another plugin: %v allocations, want at most one for each plugin", qname, got)
		}
	}
}

// TestPassingOnMakesRoom: the stack is large enough for plugin file before it is asked, as growing it there takes longer.
func TestPassingOnMakesRoom(t *testing.T) {
	n := flaggedHandler(t, profileInsecure)
	const goroutines, each = 1000, 8 << 10
	var inNext, ended sync.WaitGroup
	release := make(chan struct{})
	n.Next = plugin.HandlerFunc(func(context.Context, dns.ResponseWriter, *dns.Msg) (int, error) {
		inNext.Done()
		<-release
		return 0, nil
	})
	req := new(dns.Msg).SetQuestion("another.be.", dns.TypeA)
	runtime.GC()                                     // gives free stacks back
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // it would shrink the others
	before := stacks()
	for range goroutines {
		inNext.Add(1)
		ended.Go(func() {
			_, _ = n.ServeDNS(context.Background(), request.NewScrubWriter(req, &test.ResponseWriter{}), req)
		})
	}
	inNext.Wait()
	if got := (stacks() - before) / goroutines; got < each*9/10 {
		t.Errorf("%d bytes a stack, want %d", got, each)
	}
	close(release)
	ended.Wait()
}

// stacks is the bytes that stacks take.
func stacks() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.StackInuse
}

// tracker is the writer of a plugin that wants to know who answers.
type tracker struct {
	test.ResponseWriter
	by string
}

func (t *tracker) SetPlugin(name string) { t.by = name }
func (t *tracker) GetPlugin() string     { return t.by }

func TestPassingOnSaysWhoAnswers(t *testing.T) {
	n := flaggedHandler(t, profileInsecure)
	w := new(tracker)
	if _, err := n.ServeDNS(context.Background(), w, new(dns.Msg).SetQuestion("another.be.", dns.TypeA)); err != nil || w.by != n.Next.Name() {
		t.Errorf("answered by %q, %v; want %q", w.by, err, n.Next.Name())
	}
}

// TestPassingOnToNobody: a chain that ends here is a fault, whoever the writer is of.
func TestPassingOnToNobody(t *testing.T) {
	n := flaggedHandler(t, profileInsecure)
	n.Next = nil
	req := new(dns.Msg).SetQuestion("another.be.", dns.TypeA)
	for _, w := range []dns.ResponseWriter{new(tracker), request.NewScrubWriter(req, new(tracker))} {
		if rcode, err := n.ServeDNS(context.Background(), w, req); rcode != dns.RcodeServerFailure || err == nil {
			t.Errorf("%T: rcode %d, %v; want SERVFAIL", w, rcode, err)
		}
	}
}

// TestAnsweringAllocates: the reply, and for a query in mixed case its owner.
func TestAnsweringAllocates(t *testing.T) {
	n := flaggedHandler(t, profileInsecure)
	for _, tc := range []struct {
		name, qname string
		change      func(*dns.Msg)
		most        float64
	}{
		{"plain", "www.example.be.", func(*dns.Msg) {}, 1},
		{"with OPT", "www.example.be.", func(r *dns.Msg) { r.SetEdns0(1232, false) }, 1},
		{"mixed case", "wWw.ExAmple.be.", func(*dns.Msg) {}, 2},
	} {
		if got := allocations(n, tc.qname, tc.change); got > tc.most {
			t.Errorf("%s: %v allocations, want at most %v", tc.name, got, tc.most)
		}
	}
}
