package store

import (
	"encoding/binary"
	"fmt"
	"iter"
)

// maxTail is the most bytes in the tail. With them the leaf of the meta bucket is still one page of the usual 4 KiB.
const maxTail = 3 << 10

var tailKey = []byte("tail") // in the meta bucket

// tail is the last lines of the journal, while they are few. They take at most one page of a commit; a line put where it is to
// stay takes one of each level of the journal's tree, four with a million lines. So lines go there several at a time.
type tail struct {
	text  []byte // of each line its length, a uvarint, and the line
	lines uint64
}

// decodeTail reads the tail of a journal of so many lines. It holds on to b.
func decodeTail(b []byte, lines uint64) (tail, error) {
	t := tail{text: b[:len(b):len(b)]}
	r := reader{b: b}
	for len(r.b) > 0 {
		r.bytes()
		t.lines++
	}
	if r.bad || t.lines > lines {
		return tail{}, unreadable("the tail of the journal")
	}
	return t, nil
}

// takes reports whether there is room for a line.
func (t *tail) takes(line []byte) bool {
	return len(t.text)+binary.MaxVarintLen64+len(line) <= maxTail
}

// add appends a line. What was read of the tail before stays as it is.
func (t *tail) add(line []byte) {
	t.text = append(binary.AppendUvarint(t.text, uint64(len(line))), line...)
	t.lines++
}

// inTail yields the lines of the tail after a sequence number.
func (tx *Tx) inTail(after uint64) iter.Seq2[uint64, []byte] {
	return func(yield func(uint64, []byte) bool) {
		r, seq := reader{b: tx.tail.text}, tx.beforeTail()
		for len(r.b) > 0 {
			line := r.bytes()
			if seq++; seq > after && !yield(seq, line[:len(line):len(line)]) {
				return
			}
		}
	}
}

// beforeTail is the Seq of the last line that is where it stays.
func (tx *Tx) beforeTail() uint64 { return tx.state.lines - tx.tail.lines }

// putLine puts a line behind all others: into the tail, or, where that is full or was moved by this transaction, where
// it stays.
func (tx *Tx) putLine(line []byte) error {
	if !tx.moved && tx.tail.takes(line) {
		tx.tail.add(line)
		tx.state.lines++
		return nil
	}
	if err := tx.moveTail(); err != nil {
		return err
	}
	tx.state.lines++
	return tx.putInBulk(tx.state.lines, tx.keep(line))
}

// moveTail puts the lines of the tail where they stay.
func (tx *Tx) moveTail() error {
	for seq, line := range tx.inTail(0) {
		if err := tx.putInBulk(seq, line); err != nil {
			return err
		}
	}
	tx.tail, tx.moved = tail{}, true
	return nil
}

func (tx *Tx) putInBulk(seq uint64, line []byte) error {
	tx.journal.FillPercent = 1 // only ever appended to
	if err := tx.journal.Put(seqKey(seq), line); err != nil {
		return fmt.Errorf("putting journal entry %d: %w", seq, err)
	}
	return nil
}
