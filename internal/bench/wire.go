package main

import (
	"fmt"
	"time"
)

// measureWire: UDP in batches beside CoreDNS's own way, and beside a server
// that does nothing but spoof.
func (l *lab) measureWire() error {
	zone, below, err := l.writeZone(l.zone)
	if err != nil {
		return err
	}
	names := randomNames(l.few)
	flagged, err := l.queries("wire.flagged.queries", names)
	if err != nil {
		return err
	}
	passed, err := l.queries("wire.pass.queries", below)
	if err != nil {
		return err
	}
	mixed, err := l.queries("wire.mixed.queries", append(below[:len(names):len(names)], names...))
	if err != nil {
		return err
	}
	var servers []*rival
	defer func() { stopAll(servers) }()
	for _, start := range []func() (*server, error){
		func() (*server, error) { return l.directiveServer("wire batched", zone, serverCore, batched, names) },
		func() (*server, error) { return l.flaggedServer("wire chain", zone, serverCore, "", names) },
		func() (*server, error) { return l.startCoreDNS("wire without", "", zone, serverCore) },
		func() (*server, error) { return l.startOther(others[0], names, zone) },
	} {
		s, err := start()
		if err != nil {
			return err
		}
		servers = append(servers, &rival{server: s})
	}
	on := func(i int, name, file string) *rival {
		return &rival{name: name, server: servers[i].server, load: load{file: file}}
	}
	if err := l.compareFlagged(on(0, "noticeaction, udp_batch", flagged), on(1, "noticeaction", flagged), on(3, others[0].name, flagged)); err != nil {
		return err
	}
	batch, plain := on(0, "udp_batch", passed), on(2, "without the directive", passed)
	if err := l.compare(l.rounds, batch, plain); err != nil {
		return err
	}
	l.report.goal("referral, udp_batch", "the same binary without the directive", "CPU", batch.cpu.over(plain.cpu), 0.7)
	l.tabulate("Referrals, UDP in batches", fmt.Sprintf("Of a zone of %s delegations, half of the queries for names below.", count(l.zone)), batch, plain)
	if err := l.compareLatency(on(0, "udp_batch", mixed), on(1, "noticeaction", mixed)); err != nil {
		return err
	}
	return l.overload(batch, plain)
}

func (l *lab) compareFlagged(batch, chain, spoof *rival) error {
	if err := l.compare(l.rounds, batch, chain, spoof); err != nil {
		return err
	}
	l.report.goal("flagged answer, udp_batch", "dnsdist, SpoofAction", "CPU", batch.cpu.over(spoof.cpu), 0.9)
	l.tabulate("Flagged answer, inside the packet", fmt.Sprintf("A queries without EDNS for %s names.", count(l.few)), batch, chain, spoof)
	return nil
}

const (
	loadSeconds = 2 // for which a rate is held
	loadsOfEach = 3 // in a round, by each server in turn
)

// shareOfPeak are the loads at which latencies are compared, in percent of what
// the slower server answers at most.
var shareOfPeak = []int{10, 40, 70, 90}

// compareLatency: how long answers take at several loads.
func (l *lab) compareLatency(batch, chain *rival) error {
	if err := l.compare(1, batch, chain); err != nil {
		return err
	}
	peak := min(batch.rate.median(), chain.rate.median())
	t := table{title: "Latency, UDP in batches", note: "Half of the queries are flagged, the other half referrals; the server has one core, dnsperf the other.",
		head: []string{"queries a second", "p50 ms, udp_batch", "p50 ms, chain", "p99 ms, udp_batch", "p99 ms, chain", "p99 ×"}}
	for _, share := range shareOfPeak {
		var p50, p99 [2]samples
		rate := int(peak) * share / 100
		for range loadsOfEach * l.long {
			for i, r := range []*rival{batch, chain} {
				work := r.load
				work.rate = rate
				got, err := work.send(r.server.port, loadSeconds*time.Second, true)
				if err != nil {
					return fmt.Errorf("asking %s: %w", r.name, err)
				}
				if len(got.latencies) == 0 {
					return fmt.Errorf("asking %s: expected dnsperf to print latencies", r.name)
				}
				ms := func(q float64) float64 { return float64(quantile(got.latencies, q)) / float64(time.Millisecond) }
				p50[i], p99[i] = append(p50[i], ms(0.5)), append(p99[i], ms(0.99))
			}
		}
		over := p99[0].over(p99[1])
		l.report.goal(fmt.Sprintf("p99 of answers, udp_batch, at %d %% of the peak", share), "noticeaction in the chain", "time", over, 1)
		t.rows = append(t.rows, []string{fmt.Sprint(rate), fmt.Sprintf("%.3f", p50[0].median()), fmt.Sprintf("%.3f", p50[1].median()),
			fmt.Sprintf("%.3f", p99[0].median()), fmt.Sprintf("%.3f", p99[1].median()), over.String()})
		l.say("  at %6d q/s p99 %.3f ms, in the chain %.3f ms", rate, p99[0].median(), p99[1].median())
	}
	l.report.add(t)
	return nil
}
