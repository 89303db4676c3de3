package main

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"github.com/coredns-na/coredns-na/internal/randomname"
	"github.com/coredns-na/coredns-na/internal/zonegen"
)

// randomNames returns n names in be that the generated zones do not hold, always the same.
func randomNames(n int) []string { return randomname.Names(n, 1) }

// writeLines writes a file of lines below the lab's folder.
func (l *lab) writeLines(name string, lines []string) (string, error) {
	return l.write(name, strings.Join(lines, "\n")+"\n")
}

func (l *lab) write(name, text string) (string, error) {
	path := filepath.Join(l.dir, name)
	return path, os.WriteFile(path, []byte(text), 0o600)
}

// queries writes a file for dnsperf that asks for the A record of each name,
// in random order.
func (l *lab) queries(file string, names []string) (string, error) {
	lines := make([]string, len(names))
	for i, j := range rand.New(rand.NewPCG(9, 9)).Perm(len(names)) {
		lines[i] = names[j] + " A"
	}
	return l.writeLines(file, lines)
}

// writeZone writes a generated zone and returns its path, and the names that
// it delegates: each is asked for as often as something below it.
func (l *lab) writeZone(delegations int) (path string, below []string, err error) {
	path = filepath.Join(l.dir, fmt.Sprintf("be-%d.zone", delegations))
	f, err := os.Create(path)
	if err != nil {
		return "", nil, err
	}
	defer f.Close()
	if err := zonegen.Write(f, zonegen.Options{Zone: "be", Delegations: delegations, Seed: 1}); err != nil {
		return "", nil, err
	}
	if _, err := f.Seek(0, 0); err != nil {
		return "", nil, err
	}
	last := ""
	for lines := bufio.NewScanner(f); lines.Scan(); {
		owner, record, _ := strings.Cut(lines.Text(), "\t")
		if !strings.HasPrefix(record, "NS\t") || owner == "@" || owner == last {
			continue
		}
		last = owner
		below = append(below, owner+".be", "www."+owner+".be")
	}
	return path, below, nil
}

// zoneData are address records of names in be, as lines of its master file.
func zoneData(names []string) string {
	var b strings.Builder
	for _, name := range names {
		fmt.Fprintf(&b, "%s.\t300\tA\t%s\n", name, warningAddress)
	}
	return b.String()
}
