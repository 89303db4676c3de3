package e2e

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// Dig runs dig against a loopback port and returns what it printed.
func Dig(tb testing.TB, port string, args ...string) string {
	tb.Helper()
	out, err := exec.Command("dig", append([]string{"@127.0.0.1", "-p", port, "+time=5", "+tries=1"}, args...)...).CombinedOutput()
	if err != nil {
		tb.Fatalf("dig %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// Address is "127.0.0.1:port".
func Address(port string) string { return fmt.Sprintf("127.0.0.1:%s", port) }
