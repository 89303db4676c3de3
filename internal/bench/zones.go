package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/coredns-na/coredns-na/internal/zonegen"
)

// measureZones: one directive for sixteen zones beside one for one. The
// queries are for be, the last of the sixteen that a query is compared with.
func (l *lab) measureZones() error {
	names := randomNames(l.few)
	file, err := l.queries("zones.queries", names)
	if err != nil {
		return err
	}
	var rivals []*rival
	defer func() { stopAll(rivals) }()
	for _, n := range []int{16, 1} {
		s, err := l.startZones(n)
		if err != nil {
			return err
		}
		rivals = append(rivals, &rival{name: fmt.Sprintf("%d zones", n), server: s, load: load{file: file}})
		if err := newDesk(s).imports(importBody(names, "DOS-2026-00412")); err != nil {
			return err
		}
	}
	rivals[1].name = "one zone"
	if err := l.compare(l.rounds, rivals...); err != nil {
		return err
	}
	l.tabulate("Growth in zones", fmt.Sprintf("Flagged answers, %s flags.", count(l.few)), rivals...)
	return nil
}

// startZones runs a server of be and n-1 other zones in one block.
func (l *lab) startZones(n int) (*server, error) {
	s, err := l.newServer(fmt.Sprintf("zones %d", n))
	if err != nil {
		return nil, err
	}
	keys, files := []string{}, []string{}
	for i := range n {
		zone := "be"
		if i > 0 {
			zone = fmt.Sprintf("province%02d", i)
		}
		path := filepath.Join(s.dir, zone+".zone")
		f, err := os.Create(path)
		if err != nil {
			return nil, err
		}
		err = zonegen.Write(f, zonegen.Options{Zone: zone, Delegations: 1000, Seed: 1})
		f.Close()
		if err != nil {
			return nil, err
		}
		keys, files = append(keys, zone+":"+s.port), append(files, "    file "+path+" "+zone)
	}
	text := strings.Join(keys, " ") + " {\n    bind 127.0.0.1\n" + noticeaction + "\n" + strings.Join(files, "\n") + "\n}\n"
	if err := os.WriteFile(filepath.Join(s.dir, "Corefile"), []byte(text), 0o600); err != nil {
		return nil, err
	}
	return s, l.startServer(s, serverCore, probe, l.coredns, "-conf", "Corefile")
}
