package store

import (
	"maps"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
)

// Counts is how many of what there are. It names nobody.
type Counts struct {
	Cases    map[procedure.State]int
	Overdue  map[procedure.DeadlineKind]int // deadlines that have ended and are still owed
	Outgoing map[Status]int
	Tasks    map[TaskKind]int // open
}

func newCounts() *Counts {
	return &Counts{
		Cases: make(map[procedure.State]int), Overdue: make(map[procedure.DeadlineKind]int),
		Outgoing: make(map[Status]int), Tasks: make(map[TaskKind]int),
	}
}

// Counts returns how many there are as of the last commit. The first call reads the whole database, and keeps
// writers waiting meanwhile; from then on commits keep the counts.
func (s *Store) Counts() (Counts, error) {
	s.countsUse.Lock()
	known := s.counts != nil
	s.countsUse.Unlock()
	if !known {
		if err := s.beginToCount(); err != nil {
			return Counts{}, err
		}
	}
	s.countsUse.Lock()
	defer s.countsUse.Unlock()
	return Counts{
		Cases: maps.Clone(s.counts.Cases), Overdue: maps.Clone(s.counts.Overdue),
		Outgoing: maps.Clone(s.counts.Outgoing), Tasks: maps.Clone(s.counts.Tasks),
	}, nil
}

func (s *Store) beginToCount() error {
	s.writing.Lock() // no commit comes between what is read and what is kept
	defer s.writing.Unlock()
	counts := newCounts()
	if err := s.View(func(tx *Tx) error { return counts.read(tx) }); err != nil {
		return err
	}
	s.countsUse.Lock()
	defer s.countsUse.Unlock()
	s.counts = counts
	return nil
}

// keepCounts adds what a commit changed.
func (s *Store) keepCounts(change *Counts) {
	s.countsUse.Lock()
	defer s.countsUse.Unlock()
	if s.counts != nil && change != nil {
		s.counts.add(change)
	}
}

// changed is where the transaction notes by how much the counts change.
func (tx *Tx) changed() *Counts {
	if tx.counts == nil {
		tx.counts = newCounts()
	}
	return tx.counts
}

// read counts what there is.
func (c *Counts) read(tx *Tx) error {
	for one, err := range tx.Cases(CaseQuery{}) {
		if err != nil {
			return err
		}
		c.ofCase(one, 1)
	}
	for one, err := range tx.Outbox(OutgoingQuery{}) {
		if err != nil {
			return err
		}
		c.Outgoing[one.Status]++
	}
	for one, err := range tx.Tasks(TaskQuery{Open: true}) {
		if err != nil {
			return err
		}
		c.ofTask(one, 1)
	}
	return nil
}

func (c *Counts) add(change *Counts) {
	addTo(c.Cases, change.Cases)
	addTo(c.Overdue, change.Overdue)
	addTo(c.Outgoing, change.Outgoing)
	addTo(c.Tasks, change.Tasks)
}

func addTo[K comparable](counts, change map[K]int) {
	for k, n := range change {
		counts[k] += n
	}
}

// ofCase counts a case n times. That of no id is none.
func (c *Counts) ofCase(one procedure.Case, n int) {
	if one.ID == "" {
		return
	}
	c.Cases[one.State] += n
	for _, d := range one.Deadlines {
		if d.Overdue {
			c.Overdue[d.Kind] += n
		}
	}
}

func (c *Counts) ofOutgoing(one Outgoing, n int) {
	if one.ID != 0 {
		c.Outgoing[one.Status] += n
	}
}

func (c *Counts) ofTask(one Task, n int) {
	if one.ID != 0 && one.Closed.IsZero() {
		c.Tasks[one.Kind] += n
	}
}
