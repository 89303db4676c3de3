package main

import (
	"fmt"
	"slices"
	"time"
)

// rival is one of the servers that are compared on the same work.
type rival struct {
	name   string
	server *server
	load   load
	cpu    samples // microseconds of server time a query, by round
	rate   samples // queries answered a second
}

// In a round each rival is under load for a turn, in slices during which the others' loads are stopped: so short that
// rivals share what else the machine does.
const (
	turn  = 330 * time.Millisecond
	slice = 20 * time.Millisecond
)

// compare gives each rival its turn in every round, each round beginning with
// another, after one that does not count.
func (l *lab) compare(rounds int, rivals ...*rival) error {
	for round := range rounds + 1 {
		first := round % len(rivals)
		if err := l.oneRound(round, slices.Concat(rivals[first:], rivals[:first])); err != nil {
			return err
		}
	}
	for _, r := range rivals {
		l.say("  %-40s %6.2f µs a query, %6.0f q/s", r.name, r.cpu.median(), r.rate.median())
	}
	return nil
}

// oneRound has the rivals' loads take slices in turn until all have ended. The first only warms up.
func (l *lab) oneRound(round int, rivals []*rival) error {
	var loads []*sliced
	defer func() {
		for _, load := range loads {
			load.kill()
		}
	}()
	for _, r := range rivals {
		load, err := l.start(r, r.load.of(round), time.Duration(len(rivals))*turn)
		if err != nil {
			return err
		}
		loads = append(loads, load)
	}
	for left := len(loads); left > 0; {
		left = 0
		for _, load := range loads {
			if load.step() {
				left++
			}
		}
	}
	for _, load := range loads {
		if err := load.take(round > 0); err != nil {
			return fmt.Errorf("asking %s: %w", load.of.name, err)
		}
	}
	return nil
}

// roundsOfLife is how many rounds a life of the servers is measured by.
const roundsOfLife = 5

// compareLives is compare over several lives of the rivals' servers: where
// luck placed a zone in memory is worth some hundredths for as long as a
// process lives. So a life is one sample, however many rounds it has, unless there is only one.
// In each life the groups are compared one after the other; the servers are those of the first.
func (l *lab) compareLives(lives int, groups ...[]*rival) error {
	for life := range lives {
		for _, r := range groups[0] {
			if life > 0 {
				r.server.stop()
				if err := r.server.again(); err != nil {
					return err
				}
			}
		}
		for _, r := range groups[0] {
			if err := r.server.settle(); err != nil {
				return err
			}
		}
		for _, rivals := range groups {
			if err := l.compareLife(lives > 1, rivals); err != nil {
				return err
			}
		}
	}
	return nil
}

// compareLife adds what one life shows of rivals to their samples: one, or its rounds.
func (l *lab) compareLife(one bool, rivals []*rival) error {
	var living []*rival
	for _, r := range rivals {
		living = append(living, &rival{name: r.name, server: r.server, load: r.load})
	}
	if err := l.compare(roundsOfLife, living...); err != nil {
		return err
	}
	for i, r := range rivals {
		cpu, rate := living[i].cpu, living[i].rate
		if one {
			cpu, rate = samples{cpu.median()}, samples{rate.median()}
		}
		r.cpu, r.rate = append(r.cpu, cpu...), append(r.rate, rate...)
	}
	return nil
}

// tabulate reports rivals beside the last of them.
func (l *lab) tabulate(title, note string, rivals ...*rival) {
	peer := rivals[len(rivals)-1]
	t := table{title: title, note: note, head: []string{"server", "CPU µs a query", "× " + peer.name, "q/s on one core"}}
	for _, r := range rivals {
		t.rows = append(t.rows, []string{r.name, fmt.Sprintf("%.2f", r.cpu.median()), r.cpu.over(peer.cpu).String(), fmt.Sprintf("%.0f", r.rate.median())})
	}
	l.report.add(t)
}

// stopAll stops the rivals' servers, each once.
func stopAll(rivals []*rival) {
	stopped := make(map[*server]bool)
	for _, r := range rivals {
		if r.server != nil && !stopped[r.server] {
			stopped[r.server] = true
			r.server.stop()
		}
	}
}
