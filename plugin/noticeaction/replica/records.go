package replica

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"iter"
	"slices"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"
)

const (
	bucketCount = 1024
	rootDomain  = "coredns-na noticeaction set 1"
)

// records is an immutable set of records. They lie in buckets by a hash of the name, each a flat run of
// bytes in the order of names: a changed set shares all other buckets with the one before, and the collector
// finds no pointer per record.
//
// Its root is a SHA-256 over those of the buckets. Unlike the sum that a [redirect.Digest] is, nobody who chooses
// records can make two sets of one root.
type records struct {
	buckets [bucketCount]*bucket // nil: empty
	count   int
	digest  redirect.Digest
}

// bucket is never empty.
type bucket struct {
	run   []byte // name and body of each record, after their lengths
	hash  [sha256.Size]byte
	first int64 // the first date on which one of its flags ends; 0: none
}

func bucketOf(name string) int {
	sum := sha256.Sum256([]byte(name))
	return int(binary.BigEndian.Uint16(sum[:])) % bucketCount
}

func (s *records) root() [sha256.Size]byte {
	h := sha256.New()
	h.Write([]byte(rootDomain))
	var none [sha256.Size]byte
	for _, b := range s.buckets {
		if b == nil {
			h.Write(none[:])
			continue
		}
		h.Write(b.hash[:])
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// split takes the first record off a run. The run is of our own making, or was checked.
func split(run []byte) (name, body, rest []byte) {
	n, k := binary.Uvarint(run)
	name, rest = run[k:k+int(n)], run[k+int(n):]
	n, k = binary.Uvarint(rest)
	return name, rest[k : k+int(n)], rest[k+int(n):]
}

func appendRecord(run []byte, r Record, scratch *[]byte) []byte {
	*scratch = appendBody((*scratch)[:0], r)
	return appendBytes(appendBytes(run, r.Name), *scratch)
}

// mustDecode reads a record of a set, all of which were checked on their way in.
func mustDecode(name, body []byte) Record {
	r, err := decodeBody(string(name), body)
	if err != nil {
		panic(err)
	}
	return r
}

func (b *bucket) all() iter.Seq[Record] {
	return func(yield func(Record) bool) {
		if b == nil {
			return
		}
		for run := b.run; len(run) > 0; {
			var name, body []byte
			if name, body, run = split(run); !yield(mustDecode(name, body)) {
				return
			}
		}
	}
}

// firstAfter returns the first date after a time on which a flag ends; 0: there is none.
func (b *bucket) firstAfter(at int64) int64 {
	if b == nil || b.first == 0 || b.first > at {
		return b.firstDate()
	}
	first := int64(0)
	for r := range b.all() {
		if r.NotAfter > at && (first == 0 || r.NotAfter < first) {
			first = r.NotAfter
		}
	}
	return first
}

func (b *bucket) firstDate() int64 {
	if b == nil {
		return 0
	}
	return b.first
}

// all yields the records, bucket by bucket.
func (s *records) all() iter.Seq[Record] {
	return func(yield func(Record) bool) {
		for _, b := range s.buckets {
			for r := range b.all() {
				if !yield(r) {
					return
				}
			}
		}
	}
}

func (s *records) get(name string) (Record, bool) {
	b := s.buckets[bucketOf(name)]
	if b == nil {
		return Record{}, false
	}
	for run := b.run; len(run) > 0; {
		var found, body []byte
		found, body, run = split(run)
		switch c := cmp.Compare(string(found), name); {
		case c == 0:
			return mustDecode(found, body), true
		case c > 0:
			return Record{}, false
		}
	}
	return Record{}, false
}

// change puts a record, or removes the one of that name.
type change struct {
	Record
	remove bool
}

// with returns the set with the changes; of two of one name the later counts.
func (s *records) with(changes []change) *records {
	if len(changes) == 0 {
		return s
	}
	next := *s
	byBucket := make(map[int][]change)
	for _, c := range changes {
		i := bucketOf(c.Name)
		byBucket[i] = append(byBucket[i], c)
	}
	for i, own := range byBucket {
		slices.SortStableFunc(own, func(a, b change) int { return cmp.Compare(a.Name, b.Name) })
		next.replace(i, own)
	}
	return &next
}

// replace merges sorted changes into a bucket.
func (s *records) replace(i int, changes []change) {
	var w runWriter
	var run []byte
	if b := s.buckets[i]; b != nil {
		run = b.run
		w.run = make([]byte, 0, len(run)+64*len(changes))
	}
	for j, c := range changes {
		if j+1 < len(changes) && changes[j+1].Name == c.Name {
			continue
		}
		for len(run) > 0 {
			name, body, rest := split(run)
			order := cmp.Compare(string(name), c.Name)
			if order > 0 {
				break
			}
			if run = rest; order == 0 {
				s.discount(mustDecode(name, body))
				break
			}
			w.copy(name, body)
		}
		if !c.remove {
			w.add(c.Record)
			s.count++
			s.digest.Add(c.Entry())
		}
	}
	for len(run) > 0 {
		var name, body []byte
		name, body, run = split(run)
		w.copy(name, body)
	}
	s.buckets[i] = w.bucket()
}

func (s *records) discount(r Record) {
	s.count--
	s.digest.Remove(r.Entry())
}

// runWriter writes the run of a bucket.
type runWriter struct {
	run     []byte
	first   int64
	last    []byte // name within run
	scratch []byte
}

func (w *runWriter) add(r Record) {
	w.run = appendRecord(w.run, r, &w.scratch)
	w.note(r.NotAfter)
}

func (w *runWriter) copy(name, body []byte) {
	w.run = appendBytes(appendBytes(w.run, name), body)
	c := cursor{b: body[1:]}
	w.note(c.varint())
}

func (w *runWriter) note(notAfter int64) {
	if notAfter != 0 && (w.first == 0 || notAfter < w.first) {
		w.first = notAfter
	}
}

func (w *runWriter) bucket() *bucket {
	if len(w.run) == 0 {
		return nil
	}
	run := w.run
	if cap(run)-len(run) > len(run)/8 {
		run = bytes.Clone(run)
	}
	return &bucket{run: run, hash: sha256.Sum256(run), first: w.first}
}

// builder makes a set of records that come in the order of their names, as etcd and the store have them.
type builder struct {
	writers [bucketCount]runWriter
	set     records
}

func (b *builder) add(r Record) error {
	w := &b.writers[bucketOf(r.Name)]
	if w.last != nil && string(w.last) >= r.Name {
		return fmt.Errorf("%w: expected names in their order, got %s after %s", ErrRecord, r.Name, w.last)
	}
	w.add(r)
	w.last = append(w.last[:0], r.Name...)
	b.set.count++
	b.set.digest.Add(r.Entry())
	return nil
}

// records returns the set. The builder is spent afterwards.
func (b *builder) records() *records {
	for i := range b.writers {
		b.set.buckets[i] = b.writers[i].bucket()
		b.writers[i] = runWriter{}
	}
	return &b.set
}
