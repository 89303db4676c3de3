package store

import (
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"
)

// Load publishes in set all flags but those that are due at now. On error it publishes nothing; that is
// ErrDamaged also when the flags are not those that the changes made so far have led to.
func (tx *Tx) Load(set *redirect.Set, now time.Time) error {
	check := newSum()
	defer check.end()
	var damaged error
	err := set.Load(tx.Generation(), func(yield func(redirect.Entry) bool) {
		for e, err := range tx.entries() {
			if damaged = err; err != nil {
				break
			}
			check.add(e)
			if e.NotAfter != 0 && e.NotAfter <= now.Unix() {
				continue
			}
			if !yield(e) {
				return
			}
		}
		if damaged == nil {
			damaged = check.compare(tx.state)
		}
		if damaged != nil {
			yield(redirect.Entry{}) // which no set accepts
		}
	})
	if damaged != nil {
		return damaged
	}
	return err
}

// entries yields all flags as the table has them, until the first error.
func (tx *Tx) entries() iter.Seq2[redirect.Entry, error] {
	return func(yield func(redirect.Entry, error) bool) {
		names, authorities, authority := &pool{}, make(map[string]string), ""
		for name, v := range tx.from("") {
			h, err := decodeHead(v)
			if err != nil {
				yield(redirect.Entry{}, fmt.Errorf("flag %s: %w", name, err))
				return
			}
			if string(h.authority) != authority {
				var ok bool
				if authority, ok = authorities[string(h.authority)]; !ok {
					authority = string(h.authority)
					authorities[authority] = authority
				}
			}
			if !yield(redirect.Entry{Name: names.add(name), Authority: authority, NotAfter: h.notAfter}, nil) {
				return
			}
		}
	}
}

// sum counts and digests entries in a goroutine of its own: hashing them takes as long as reading them.
type sum struct {
	count uint64
	chunk []redirect.Entry
	full  chan []redirect.Entry
	empty chan []redirect.Entry // to be used again
	total chan redirect.Digest
}

const (
	sumChunk  = 1024 // entries
	sumChunks = 4    // between the two
)

func newSum() *sum {
	s := &sum{
		full:  make(chan []redirect.Entry, sumChunks),
		empty: make(chan []redirect.Entry, sumChunks),
		total: make(chan redirect.Digest, 1),
	}
	for range sumChunks {
		s.empty <- make([]redirect.Entry, 0, sumChunk)
	}
	s.chunk = <-s.empty
	go digest(s.full, s.empty, s.total)
	return s
}

func digest(full <-chan []redirect.Entry, empty chan<- []redirect.Entry, total chan<- redirect.Digest) {
	var d redirect.Digest
	for entries := range full {
		for _, e := range entries {
			d.Add(e)
		}
		empty <- entries[:0]
	}
	total <- d
}

func (s *sum) add(e redirect.Entry) {
	s.count++
	if s.chunk = append(s.chunk, e); len(s.chunk) == sumChunk {
		s.full <- s.chunk
		s.chunk = <-s.empty
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

// pool makes strings of many short byte slices with few allocations.
type pool struct{ b strings.Builder }

func (p *pool) add(s []byte) string {
	const chunk = 64 << 10
	if p.b.Cap()-p.b.Len() < len(s) {
		p.b = strings.Builder{}
		p.b.Grow(chunk)
	}
	n := p.b.Len()
	p.b.Write(s)
	return p.b.String()[n:]
}
