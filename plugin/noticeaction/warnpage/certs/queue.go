package certs

import (
	"slices"
	"sync"
	"time"
)

// job is one order.
type job struct {
	host, name string
	renewal    bool
}

// class is why there is to be an order. Those that come first go first.
type class int

const (
	renewals class = iota // a certificate in use is about to end
	asked                 // a visitor came
	recents               // a person has just flagged the name
	backlog               // all other names
	classes
)

// ceilings are how many of the account's orders may have been made already, in the CA's window, for one of a class to
// be made: what comes in bulk, or at the wish of strangers, leaves room for the rest.
var ceilings = [classes]int{renewals: 300, asked: 250, recents: 300, backlog: 200}

// queue holds what waits for its order, and no more of it than its bounds: what does not fit, or is dropped as it
// cannot be ordered yet, is found again by looking at the set.
type queue struct {
	mu    sync.Mutex // for what others bring: asked and recents
	lines [classes][]job
}

// ask puts a host at the end of its line; false: it is there already, or the line is full.
func (q *queue) ask(j job) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	line := &q.lines[asked]
	if len(*line) >= maxAsked || slices.Contains(*line, j) {
		return false
	}
	*line = append(*line, j)
	return true
}

// remember puts names at the front of their line, the last one first; the oldest fall out at the other end.
func (q *queue) remember(names []string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var fresh []job
	for _, name := range slices.Backward(names) {
		for _, host := range chief(name) {
			fresh = append(fresh, job{host: host, name: name})
		}
	}
	line := slices.Concat(fresh, q.lines[recents])
	q.lines[recents] = line[:min(len(line), maxRecent)]
}

// fill replaces a line.
func (q *queue) fill(c class, line []job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lines[c] = line
}

// take removes and returns the first job of a line that is ready; those before it are dropped.
func (q *queue) take(c class, ready func(job) bool) (job, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, j := range q.lines[c] {
		if ready(j) {
			q.lines[c] = q.lines[c][i+1:]
			return j, true
		}
	}
	q.lines[c] = nil
	return job{}, false
}

func (q *queue) empty(c class) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.lines[c]) == 0
}

// next takes the next job, or returns when there may be one: zero, when something else happens first.
func (m *Manager) next(now time.Time) (j job, ok bool, at time.Time) {
	for c := range classes {
		if m.queue.empty(c) {
			continue
		}
		var free time.Time
		m.journal.read(func(l *limits) { free = l.account(ceilings[c]-len(m.running), now) })
		if free.After(now) {
			at = earliest(at, free)
			continue
		}
		if j, ok = m.queue.take(c, func(j job) bool { return m.ready(j, now) }); ok {
			return j, true, at
		}
	}
	return job{}, false, at
}

// ready reports whether a job may start now. One that the CA's limits hold up waits until they do not.
func (m *Manager) ready(j job, now time.Time) bool {
	if name, ok := m.cfg.Names.Flagged(j.host); !ok || name != j.name {
		return false
	}
	h := m.held[j.host]
	if j.renewal != (h != nil) || h != nil && now.Before(h.renew) { // the order it was for may have ended since
		return false
	}
	a := m.attempts[j.host]
	if _, running := m.running[j.host]; running || a != nil && a.waits(now) {
		return false
	}
	var free time.Time
	m.journal.read(func(l *limits) { free = l.host(j.name, j.host, now) })
	if free.After(now) {
		m.attempt(j).until(now, free)
		return false
	}
	return true
}

// earliest is the earlier of two times; a zero one is none.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
