package main

import (
	"fmt"
	"os"
	"slices"
)

// flaggedServer starts a coredns-na over a zone with names flagged. It is
// started anew after the import, whose garbage would let the heap grow far
// beyond what the caches hold before the collector runs again.
func (l *lab) flaggedServer(name, zone, cores, before string, names []string) (*server, error) {
	return l.directiveServer(name, zone, cores, before+noticeaction, names)
}

// directiveServer is flaggedServer with these lines in the Corefile.
func (l *lab) directiveServer(name, zone, cores, lines string, names []string) (*server, error) {
	s, err := l.startCoreDNS(name, lines, zone, cores)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return s, nil
	}
	err = newDesk(s).imports(importBody(names, "DOS-2026-00412"))
	s.stop()
	if err != nil {
		return nil, err
	}
	return l.startCoreDNS(name, lines, zone, cores)
}

// measurePass: what the directive costs the queries that it leaves alone.
func (l *lab) measurePass() error {
	zone, below, err := l.writeZone(l.zone)
	if err != nil {
		return err
	}
	file, err := l.queries("pass.queries", below)
	if err != nil {
		return err
	}
	var rivals []*rival
	defer func() { stopAll(rivals) }()
	names := randomNames(l.many)
	for _, n := range []int{0, 1000, l.many} {
		s, err := l.flaggedServer(fmt.Sprintf("pass %d", n), zone, serverCore, "", names[:n])
		if err != nil {
			return err
		}
		rivals = append(rivals, &rival{name: count(n) + " flags", server: s, load: load{file: file}})
	}
	s, err := l.startCoreDNS("without", "", zone, serverCore)
	if err != nil {
		return err
	}
	without := &rival{name: "without the directive", server: s, load: load{file: file}}
	rivals = append(rivals, without)
	if err := l.compareLives(l.lives, rivals); err != nil {
		return err
	}
	l.passed = rivals[2]
	for _, r := range rivals[:len(rivals)-1] {
		l.report.goal("pass-through, "+r.name, "the same binary without the directive", "CPU", r.cpu.over(without.cpu), 1.02)
	}
	l.tabulate("Pass-through", fmt.Sprintf("Referrals of a zone of %s delegations, half of the queries for names below.", count(l.zone)), rivals...)
	return nil
}

// contestants starts everything in CoreDNS that can answer the names with an
// address, all over the same zone: first ours, then template, and last the
// least that a plugin can do.
func (l *lab) contestants(names []string) (rivals []*rival, err error) {
	defer func() {
		if err != nil {
			stopAll(rivals)
		}
	}()
	zone, _, err := l.writeZone(l.zone)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(zone)
	if err != nil {
		return nil, err
	}
	withNames, err := l.write("names.zone", string(text)+zoneData(names))
	if err != nil {
		return nil, err
	}
	lines := []string{"192.0.2.1 " + probe}
	for _, name := range names {
		lines = append(lines, warningAddress+" "+name)
	}
	hosts, err := l.writeLines("names.hosts", lines)
	if err != nil {
		return nil, err
	}
	file, err := l.queries("flagged.queries", names)
	if err != nil {
		return nil, err
	}
	s, err := l.flaggedServer("flagged", zone, serverCore, "", names)
	if err != nil {
		return nil, err
	}
	rivals = append(rivals, &rival{name: "noticeaction", server: s, load: load{file: file}})
	for _, p := range []struct {
		name, lines, zone string
		inSmoke           bool
	}{
		{"template", "    template IN A be {\n        answer \"{{ .Name }} 300 IN A " + warningAddress + "\"\n    }", zone, true},
		{"hosts", "    hosts " + hosts + " be {\n        ttl 300\n        no_reverse\n        reload 0\n    }", zone, false},
		{"file", "", withNames, false},
		{"a fixed answer", "    fixed", zone, true},
	} {
		if l.smoke && !p.inSmoke {
			continue
		}
		s, err := l.startCoreDNS(p.name, p.lines, p.zone, serverCore)
		if err != nil {
			return rivals, err
		}
		rivals = append(rivals, &rival{name: p.name, server: s, load: load{file: file}})
	}
	return rivals, nil
}

// measureFlagged: an answer of ours beside those of other plugins.
func (l *lab) measureFlagged() error {
	names := randomNames(l.many)
	rivals, err := l.contestants(names[:l.few])
	if err != nil {
		return err
	}
	defer func() { stopAll(rivals) }()
	million, err := l.millionRival(names)
	if err != nil {
		return err
	}
	rivals = append([]*rival{rivals[0], million}, rivals[1:]...)
	groups := [][]*rival{rivals}
	edns := withEDNS(rivals)
	if !l.smoke {
		groups = append(groups, edns)
	}
	if err := l.compareLives((l.lives+1)/2, groups...); err != nil {
		return err
	}
	l.answered = million
	template, fixed := rivals[2], rivals[len(rivals)-1]
	l.report.goal("flagged answer, UDP", "template", "CPU", rivals[0].cpu.over(template.cpu), 0.65)
	l.report.goal("flagged answer, UDP", "a fixed answer in a do-nothing plugin", "CPU", rivals[0].cpu.over(fixed.cpu), 1.08)
	l.report.goal("flagged answer, UDP, "+count(l.many)+" flags, cold", "a fixed answer in a do-nothing plugin", "CPU", million.cpu.over(fixed.cpu), 1.08)
	note := fmt.Sprintf("A queries without EDNS for %s names; the zone behind has %s delegations for all.", count(l.few), count(l.zone))
	l.tabulate("Flagged answer, in CoreDNS", note, rivals...)
	if l.smoke {
		return nil
	}
	l.report.goal("flagged answer, UDP, EDNS", "a fixed answer in a do-nothing plugin, which explains nothing", "CPU", edns[0].cpu.over(edns[len(edns)-1].cpu), 1.08)
	l.tabulate("Flagged answer, in CoreDNS, with EDNS", "The same with OPT in the query: only noticeaction adds an extended error.", edns...)
	return nil
}

// parts is how many files the names of millionRival are in: each for as many rounds as there are in a life, and more.
const parts = 8

// millionRival is noticeaction with many flags, each round asking for others.
func (l *lab) millionRival(names []string) (*rival, error) {
	zone, _, err := l.writeZone(l.zone)
	if err != nil {
		return nil, err
	}
	var work load
	for part := range slices.Chunk(names, len(names)/parts) {
		file, err := l.queries(fmt.Sprintf("million-%d.queries", len(work.parts)), part)
		if err != nil {
			return nil, err
		}
		work.parts = append(work.parts, file)
	}
	s, err := l.flaggedServer("million", zone, serverCore, "", names)
	return &rival{name: "noticeaction, " + count(l.many) + " flags", server: s, load: work}, err
}

// withEDNS are the same servers, asked with OPT.
func withEDNS(rivals []*rival) (edns []*rival) {
	for _, r := range rivals {
		e := &rival{name: r.name, server: r.server, load: r.load}
		e.load.edns = true
		edns = append(edns, e)
	}
	return edns
}

// estimateNode is arithmetic from what was measured.
func (l *lab) estimateNode() {
	if l.passed == nil || l.answered == nil {
		return
	}
	const most = 0.7 // of a core, so that a burst finds it free
	pass, answer := l.passed.cpu.median(), l.answered.cpu.median()
	t := table{title: "A node at 1M queries a second",
		note: fmt.Sprintf("By arithmetic: the CPU time a query of this run with %s flags, times a million, over cores that are busy %.0f %% of the time. It takes for granted that cores do not slow each other down.", count(l.many), most*100),
		head: []string{"queries for flagged names", "CPU µs a query", "cores of this kind"}}
	for _, share := range []float64{0, 0.01, 0.5, 1} {
		each := pass*(1-share) + answer*share
		t.rows = append(t.rows, []string{fmt.Sprintf("%.0f %%", share*100), fmt.Sprintf("%.1f", each), fmt.Sprintf("%.0f", each/most)})
	}
	l.report.add(t)
}
