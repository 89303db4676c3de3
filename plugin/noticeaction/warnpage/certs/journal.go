package certs

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// kind is what a line of the journal of orders tells.
type kind string

const (
	ordered kind = "order"  // one is about to be sent
	issued  kind = "issued" // its certificate is here
	failed  kind = "failed" // the CA said no
)

// event is a line of the journal of orders: "2026-05-12T09:30:00Z order www.example.be example.be".
type event struct {
	at         time.Time
	kind       kind
	host, name string // the flagged name that the host is or lies below
}

func (e event) String() string {
	return fmt.Sprintf("%s %s %s %s\n", e.at.UTC().Format(time.RFC3339), e.kind, e.host, e.name)
}

// parseEvent reads a line; false if it is none, such as the last line before a power cut.
func parseEvent(line string) (event, bool) {
	field := strings.Split(strings.TrimSuffix(line, "\n"), " ")
	if len(field) != 4 || !validHost(field[2]) || !validHost(field[3]) || !within(field[2], field[3]) {
		return event{}, false
	}
	at, err := time.Parse(time.RFC3339, field[0])
	e := event{at: at.UTC(), kind: kind(field[1]), host: field[2], name: field[3]}
	return e, err == nil && (e.kind == ordered || e.kind == issued || e.kind == failed) && e.String() == strings.TrimSuffix(line, "\n")+"\n"
}

// journal keeps the limits across restarts. An order stands in it before the CA sees it. Safe for concurrent use.
type journal struct {
	path string
	now  func() time.Time

	mu     sync.Mutex
	file   *os.File
	torn   bool // it may end in part of a line
	limits *limits
}

// openJournal reads the journal in a folder, and leaves out what counts no more.
func openJournal(folder string, now func() time.Time) (*journal, error) {
	j := &journal{path: filepath.Join(folder, "orders"), now: now}
	return j, j.compact()
}

// compact reads the journal, and writes it anew without what counts no more, if there is any of that.
func (j *journal) compact() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	text, err := os.ReadFile(j.path)
	missing := errors.Is(err, os.ErrNotExist)
	if err != nil && !missing {
		return fmt.Errorf("reading the journal of orders: %w", err)
	}
	events := recent(string(text), j.now().Add(-remembered))
	if missing || j.file == nil || j.torn || len(events) < strings.Count(string(text), "\n") {
		if err := j.rewrite(events); err != nil {
			return fmt.Errorf("writing the journal of orders: %w", err)
		}
	}
	j.limits = replay(events)
	return nil
}

// recent returns the events after a time. Lines that are none are left out: to count too little for a week is
// better than to have no certificates.
func recent(text string, after time.Time) (events []event) {
	for line := range strings.Lines(text) {
		if e, ok := parseEvent(line); ok && e.at.After(after) {
			events = append(events, e)
		}
	}
	return events
}

// replay counts the events. An order whose end is not told, as the program ended before, counts as a certificate.
func replay(events []event) *limits {
	l := newLimits()
	open := make(map[string]event)
	for _, e := range events {
		switch e.kind {
		case ordered:
			l.ordered(e.at)
			open[e.host] = e
			continue
		case issued:
			l.issued(e.name, e.host, e.at)
		case failed:
			l.failed(e.host, e.at)
		}
		delete(open, e.host)
	}
	for host, e := range open {
		l.issued(e.name, host, e.at)
	}
	return l
}

// rewrite replaces the file by one with these events.
func (j *journal) rewrite(events []event) error {
	fresh, err := os.OpenFile(j.path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(fresh)
	for _, e := range events {
		w.WriteString(e.String())
	}
	if err := errors.Join(w.Flush(), fresh.Sync(), os.Rename(fresh.Name(), j.path)); err != nil {
		return errors.Join(err, fresh.Close())
	}
	if j.file != nil {
		_ = j.file.Close() // it has no name any more
	}
	j.file, j.torn = fresh, false
	return nil
}

// add writes an event and counts it, or does neither. An order that the account may not make is [errLimit].
func (j *journal) add(kind kind, host, name string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	now := j.now()
	if kind == ordered && j.limits.account(accountOrders.events, now).After(now) {
		return errLimit
	}
	line := event{now, kind, host, name}.String()
	if j.torn {
		line = "\n" + line
	}
	_, err := j.file.WriteString(line)
	if err == nil {
		err = j.file.Sync()
	}
	if j.torn = err != nil; j.torn {
		return fmt.Errorf("writing the journal of orders: %w", err)
	}
	switch kind {
	case ordered:
		j.limits.ordered(now)
	case issued:
		j.limits.issued(name, host, now)
	case failed:
		j.limits.failed(host, now)
	}
	return nil
}

// read lets f look at the limits. It must not wait.
func (j *journal) read(f func(*limits)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	f(j.limits)
}

func (j *journal) close() error { return j.file.Close() }
