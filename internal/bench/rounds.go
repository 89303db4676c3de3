package main

import (
	"fmt"
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

// turn is how long a rival is under load in a round: short, so that neighbours
// in time share what else the machine does.
const turn = 330 * time.Millisecond

// compare gives each rival its turn in every round, each round beginning with
// another, A B C B C A, after one that does not count.
func (l *lab) compare(rounds int, rivals ...*rival) error {
	for round := range rounds + 1 {
		for i := range rivals {
			r := rivals[(round+i)%len(rivals)]
			before, err := r.server.cpu()
			if err != nil {
				return err
			}
			begin := time.Now()
			t, err := r.load.send(r.server.port, turn, false)
			if err != nil {
				return fmt.Errorf("asking %s: %w", r.name, err)
			}
			took := time.Since(begin)
			after, err := r.server.cpu()
			if err != nil {
				return err
			}
			if round > 0 {
				r.cpu = append(r.cpu, float64(after-before)/float64(time.Microsecond)/float64(t.completed))
				r.rate = append(r.rate, float64(t.completed)/took.Seconds())
			}
		}
	}
	for _, r := range rivals {
		l.say("  %-40s %6.2f µs a query, %6.0f q/s", r.name, r.cpu.median(), r.rate.median())
	}
	return nil
}

// compareLives is compare over several lives of the rivals' servers: where
// luck placed a zone in memory is worth some hundredths for as long as a
// process lives.
func (l *lab) compareLives(lives, rounds int, rivals ...*rival) error {
	for life := range lives {
		for _, r := range rivals {
			if life > 0 {
				r.server.stop()
				if err := r.server.again(); err != nil {
					return err
				}
			}
			if err := r.server.settle(); err != nil {
				return err
			}
		}
		if err := l.compare(rounds/lives, rivals...); err != nil {
			return err
		}
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
