// Command cmd writes a generated zone to standard output:
//
//	go run ./internal/zonegen/cmd -zone be -n 10000 -seed 1 > testdata/be.zone
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/coredns-na/coredns-na/internal/zonegen"
)

func main() {
	var o zonegen.Options
	flag.StringVar(&o.Zone, "zone", "be", "zone to write")
	flag.IntVar(&o.Delegations, "n", 10_000, "delegations to write")
	flag.Uint64Var(&o.Seed, "seed", 1, "seed of the choices")
	flag.Parse()

	if err := zonegen.Write(os.Stdout, o); err != nil {
		fmt.Fprintf(os.Stderr, "writing zone: %v\n", err)
		os.Exit(1)
	}
}
