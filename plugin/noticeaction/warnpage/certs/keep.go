package certs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"
)

// keep is the Manager's own goroutine.
func (m *Manager) keep(ctx context.Context) {
	m.load(ctx)
	timer := time.NewTimer(0)
	defer timer.Stop()
	var looked time.Time
	var took time.Duration
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.wake:
		case <-timer.C:
		}
		m.sweep(ctx)
		m.tidy()
		// looking at a large set takes a hundredth of the time at most
		begin, again := m.cfg.Now(), looked.Add(100*took)
		if !begin.Before(again) || begin.Before(looked) {
			start := time.Now()
			m.look()
			looked, took = begin, time.Since(start)
			again = begin.Add(lookAgain)
		}
		now := m.cfg.Now()
		at := earliest(m.start(ctx, now), again)
		timer.Reset(max(at.Sub(now), time.Millisecond))
	}
}

// load takes up what is on disk.
func (m *Manager) load(ctx context.Context) {
	pending, err := m.folder.revocations(ctx)
	if err != nil {
		m.cfg.Warn(fmt.Sprintf("Certificates: %v", err))
	}
	hosts, err := m.folder.hosts()
	if err != nil {
		m.cfg.Warn(fmt.Sprintf("Certificates: %v", err))
	}
	for _, host := range hosts {
		if ctx.Err() != nil {
			return
		}
		if err := m.hold(ctx, host); err != nil {
			m.cfg.Warn(fmt.Sprintf("Certificates: %s is ordered anew: %v", host, err))
			if err := m.folder.remove(ctx, host); err != nil {
				m.cfg.Warn(fmt.Sprintf("Certificates: %v", err))
			}
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.loaded = true
	for _, r := range pending {
		m.revocations[r.id] = r
	}
}

// hold takes a host's certificate on disk into account. One of a name that is not flagged is swept away later.
func (m *Manager) hold(ctx context.Context, host string) error {
	cert, _, err := m.folder.leaf(ctx, host)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	// a third before its end, as is usual
	m.held[host] = &holding{notAfter: cert.NotAfter, renew: cert.NotAfter.Add(-cert.NotAfter.Sub(cert.NotBefore) / 3)}
	return nil
}

func (m *Manager) addExtra(host, name string) {
	if !isChief(host, name) && !slices.Contains(m.extras[name], host) {
		m.extras[name] = append(m.extras[name], host)
	}
}

// sweep gives up the hosts that are not flagged any more.
func (m *Manager) sweep(ctx context.Context) {
	for _, host := range m.strangers() {
		r, err := m.folder.retire(ctx, host)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			m.cfg.Warn(fmt.Sprintf("Certificates: giving up %s: %v", host, err))
			continue // the next sweep tries again
		}
		m.forget(host)
		m.mu.Lock()
		delete(m.held, host)
		if r != nil {
			m.revocations[r.id] = r
		}
		m.mu.Unlock()
	}
}

// tidy forgets orders of long ago.
func (m *Manager) tidy() {
	m.mu.RLock()
	busy := len(m.running) > 0 // its end would be counted beside what it has begun
	m.mu.RUnlock()
	now := m.cfg.Now()
	if busy || now.Before(m.tidyAt) {
		return
	}
	m.tidyAt = now.Add(tidyAgain)
	if err := m.journal.compact(); err != nil {
		m.cfg.Warn(fmt.Sprintf("Certificates: %v", err))
	}
}

// strangers forgets what it knows of hosts that are not flagged, and returns those that there are certificates of.
func (m *Manager) strangers() (hosts []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.cfg.Now()
	generation := m.cfg.Names.Generation()
	if generation == 0 || generation == m.swept && now.Before(m.sweepAt) {
		return nil // nothing is known yet, or nothing new
	}
	m.swept, m.sweepAt = generation, now.Add(lookAgain)
	for host := range m.held {
		if m.cfg.Names.Standing(host) {
			continue
		}
		if _, running := m.running[host]; running {
			m.sweepAt = now // once it has ended
			continue
		}
		hosts = append(hosts, host)
	}
	for host := range m.attempts {
		if !m.cfg.Names.Standing(host) {
			delete(m.attempts, host)
		}
	}
	for name := range m.extras {
		if !m.cfg.Names.Standing(name) {
			delete(m.extras, name)
		}
	}
	return hosts
}

// look finds what there is to order.
func (m *Manager) look() {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.cfg.Now()
	figures := Figures{Up: m.figures.Up, Revoking: len(m.revocations)}
	m.renewNext = time.Time{}
	var due []job
	for host, h := range m.held {
		name, ok := m.cfg.Names.Flagged(host)
		if !ok {
			continue // kept, not used
		}
		m.addExtra(host, name)
		a := m.attempts[host]
		switch {
		case a != nil && a.tries > 0:
			figures.Failing++
		case now.Before(h.notAfter):
			figures.Valid++
		default:
			figures.Pending++
		}
		figures.Expires = earliest(figures.Expires, h.notAfter)
		switch {
		case now.Before(h.renew):
			m.renewNext = earliest(m.renewNext, h.renew)
		case a != nil && a.waits(now):
			m.renewNext = earliest(m.renewNext, a.at)
		default:
			due = append(due, job{host: host, name: name, renewal: true})
		}
	}
	slices.SortFunc(due, func(a, b job) int {
		return cmp.Or(m.held[a.host].notAfter.Compare(m.held[b.host].notAfter), cmp.Compare(a.host, b.host))
	})
	m.queue.fill(renewals, due)
	m.queue.fill(backlog, m.missing(now, &figures))
	m.countExtras(&figures)
	m.figures = figures
}

// missing returns the first names of the set that want orders, and counts all. Others may have the lock in between.
func (m *Manager) missing(now time.Time, figures *Figures) (line []job) {
	n := 0
	for name := range m.cfg.Names.All() {
		if n++; n%512 == 0 {
			m.mu.Unlock()
			m.mu.Lock()
		}
		if !validHost(name) {
			continue
		}
		for _, host := range chief(name) {
			if at, ok := m.cfg.Names.Flagged(host); !ok || at != name || m.held[host] != nil {
				continue // it may be in the set and not redirected
			}
			a := m.attempts[host]
			if a != nil && a.tries > 0 {
				figures.Failing++
			} else {
				figures.Pending++
			}
			if a != nil && a.waits(now) {
				m.renewNext = earliest(m.renewNext, a.at)
			} else if len(line) < maxBacklog {
				line = append(line, job{host: host, name: name})
			}
		}
	}
	return line
}

// countExtras counts the hosts that visitors asked for and that have no certificate yet.
func (m *Manager) countExtras(figures *Figures) {
	for _, hosts := range m.extras {
		for _, host := range hosts {
			switch a := m.attempts[host]; {
			case m.held[host] != nil:
			case a != nil && a.tries > 0:
				figures.Failing++
			default:
				figures.Pending++
			}
		}
	}
}
