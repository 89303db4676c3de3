// Package peer gives a test a small DNS internet of its own: a root signed by
// Knot, a hosting company with signed and unsigned children, coredns-na as the
// registry of be, and the resolvers and tools that the public uses. Every
// server has port 53 of its own loopback address in a private network
// namespace, and the resolvers iterate from root hints and a trust anchor, as
// they do in life.
//
// It starts servers, asks, and stops them with the test. It knows nothing of
// what a right answer is, never reaches the real network, and never skips:
// where something is missing the test fails and says what. It is imported by
// tests only.
package peer

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/coredns-na/coredns-na/internal/e2e"
)

// inside is set in the environment of a test binary that has its namespaces.
const inside = "COREDNS_NA_PEER_INSIDE"

// Main runs the tests of a package in network and process namespaces of their
// own, with coredns-na and nactl built and on PATH, and exits. When the tests
// end, by whatever cause, the kernel ends every server with them.
func Main(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	if os.Getenv(inside) != "" {
		if err := loopbackUp(); err != nil {
			return 0, err
		}
		if code := m.Run(); code != 0 {
			return code, nil
		}
		return 0, goleak.Find()
	}
	// Daemons are in the sbin folders, which a user's PATH may lack.
	if err := os.Setenv("PATH", os.Getenv("PATH")+":/usr/local/sbin:/usr/sbin:/sbin"); err != nil {
		return 0, err
	}
	remove, err := e2e.Build()
	if err != nil {
		return 0, err
	}
	defer remove()
	return isolated()
}
