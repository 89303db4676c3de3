package main

import (
	"context"
	"crypto/tls"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/coredns-na/coredns-na/internal/e2e"
)

const (
	strangers = 32 // that shake hands at once
	perName   = 7  // hosts of a name that get a certificate
)

// TestSoakHandshakes: whatever hosts strangers name in handshakes, no certificate is ordered that is not due, memory
// stays bounded, and queries in the same process are answered as they are without.
func TestSoakHandshakes(t *testing.T) {
	s := servePage(t)
	if err := e2e.Await("the certificates of the name", func() (bool, error) { return s.ca.Orders() >= 2, nil }); err != nil {
		t.Fatal(err)
	}
	before := measure(t, s, quiet)
	for _, tt := range []struct {
		name  string
		hosts []string // in turn, with a number for each #
		good  bool     // that there is a certificate of
	}{
		{"hosts that are not flagged", []string{"n#.be", "h#.example2.be", "n#.example", "_#.example.be", "#.be"}, false},
		{"hosts below a flagged name, by chance", []string{"h#.example.be"}, true},
		{"a flagged host", []string{"www.example.be"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			var did, good atomic.Int64
			var running sync.WaitGroup
			for range strangers {
				running.Go(func() {
					for ctx.Err() == nil {
						n := int(did.Add(1))
						sni := strings.ReplaceAll(tt.hosts[n%len(tt.hosts)], "#", strconv.Itoa(n))
						dialer := tls.Dialer{Config: &tls.Config{ServerName: sni, RootCAs: s.ca.Roots()}}
						if c, err := dialer.DialContext(ctx, "tcp", s.secure); err == nil {
							good.Add(1)
							c.Close()
						}
					}
				})
			}
			during := measure(t, s, quiet)
			cancel()
			running.Wait()
			t.Logf("%d handshakes, %d good; quiet: %v; meanwhile: %v", did.Load(), good.Load(), before, during)
			if before.answered < answered || during.answered < answered {
				t.Errorf("answered %.4f of the queries without and %.4f with it, want %.2f", before.answered, during.answered, answered)
			}
			if grown := during.mib - before.mib; grown > mostMiB {
				t.Errorf("memory grew by %d MiB, want at most %d", grown, mostMiB)
			}
			if got := good.Load(); got > 0 && !tt.good {
				t.Errorf("got %d good handshakes", got)
			}
			if got := s.ca.Orders(); got > 2*perName { // a validation that fails under the load makes one more
				t.Errorf("got %d orders, want %d at most", got, 2*perName)
			}
		})
	}
}
