// Command coredns-na is CoreDNS with the noticeaction plugin and the plugins
// that an authoritative name server uses; it resolves and forwards nothing.
package main

import (
	"fmt"
	"os"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"

	"github.com/coredns-na/coredns-na/internal/version"
)

func main() {
	if err := dnsserver.SetDirectives(directives); err != nil {
		fmt.Fprintln(os.Stderr, "setting the directive order:", err)
		os.Exit(1)
	}
	caddy.AppName = "coredns-na"
	caddy.AppVersion = fmt.Sprintf("%s (%s-%s)", version.String(), coremain.CoreName, coremain.CoreVersion)
	coremain.GitCommit = version.Commit()
	coremain.Run()
}
