package store

import (
	"fmt"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"
)

// sum counts and digests entries in a goroutine of its own: hashing them takes as long as reading them.
type sum struct {
	count uint64
	chunk []redirect.Entry
	full  chan []redirect.Entry
	total chan redirect.Digest
}

const sumChunk = 1024 // entries

func newSum() *sum {
	s := &sum{full: make(chan []redirect.Entry, 4), total: make(chan redirect.Digest, 1)}
	go digest(s.full, s.total)
	return s
}

func digest(full <-chan []redirect.Entry, total chan<- redirect.Digest) {
	var d redirect.Digest
	for entries := range full {
		for _, e := range entries {
			d.Add(e)
		}
	}
	total <- d
}

func (s *sum) add(e redirect.Entry) {
	if s.chunk == nil {
		s.chunk = make([]redirect.Entry, 0, sumChunk)
	}
	s.count++
	if s.chunk = append(s.chunk, e); len(s.chunk) == sumChunk {
		s.full <- s.chunk
		s.chunk = nil
	}
}

// compare checks what was added against what the state says.
func (s *sum) compare(want state) error {
	s.full <- s.chunk
	s.chunk = nil
	s.end()
	total := <-s.total
	if s.count == want.flags && total == want.digest {
		return nil
	}
	return fmt.Errorf("%w: it holds %d flags of digest %s, but its own account says %d of %s; restore a backup",
		ErrDamaged, s.count, total, want.flags, want.digest)
}

// end ends the goroutine. It may be called more than once.
func (s *sum) end() {
	if s.full != nil {
		close(s.full)
		s.full = nil
	}
}
