package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"time"
)

// Append writes the next line of the journal. It sets the entry's Seq and Prev; times are cut to
// whole seconds UTC by the caller.
func (tx *Tx) Append(e Entry) error {
	tx.written = true
	e.Seq = tx.state.lines + 1
	if !e.canBeWritten() {
		return fmt.Errorf("encoding journal entry %d: expected a time of the years 0 to 9999", e.Seq)
	}
	tx.prev = hex.AppendEncode(tx.prev[:0], tx.state.head[:])
	tx.line = appendEntry(tx.line[:0], &e, tx.prev)
	if err := tx.putLine(tx.line); err != nil {
		return err
	}
	tx.state.last, tx.state.head = unix(e.Time), sha256.Sum256(tx.line)
	return nil
}

// canBeWritten reports whether all times of the entry are such as RFC 3339 knows.
func (e *Entry) canBeWritten() bool {
	flag := func(f *Flag) bool { return f == nil || writable(f.Since) && writable(f.NotAfter) }
	return writable(e.Time) && flag(e.Before) && flag(e.After)
}

func writable(t time.Time) bool { return 0 <= t.Year() && t.Year() <= 9999 }

// JournalLength is the number of lines, and the Seq of the last.
func (tx *Tx) JournalLength() uint64 { return tx.state.lines }

// JournalHead is the hex SHA-256 of the last line; 64 zeros when there is none.
func (tx *Tx) JournalHead() string { return hex.EncodeToString(tx.state.head[:]) }

// LastCommit is the time of the last line; zero when there is none.
func (tx *Tx) LastCommit() time.Time { return fromUnix(tx.state.last) }

// Line returns a line of the journal as it is stored, valid during the transaction; nil if there is none.
func (tx *Tx) Line(seq uint64) []byte {
	if seq <= tx.beforeTail() {
		return tx.journal.Get(seqKey(seq))
	}
	for _, line := range tx.inTail(seq - 1) {
		return line
	}
	return nil
}

// checkEnd checks that bulk, tail and state are of one commit: the tail begins where the bulk ends, and its end is the head.
func (tx *Tx) checkEnd() error {
	var bulk uint64
	if k, _ := tx.journal.Cursor().Last(); len(k) == 8 {
		bulk = binary.BigEndian.Uint64(k)
	}
	var head [sha256.Size]byte
	if n := tx.state.lines; n > 0 {
		head = sha256.Sum256(tx.Line(n))
	}
	if bulk != tx.beforeTail() || head != tx.state.head {
		return fmt.Errorf("%w: its journal does not end with line %d as that was written; restore a backup", ErrDamaged, tx.state.lines)
	}
	return nil
}

// Entry returns a line of the journal, decoded.
func (tx *Tx) Entry(seq uint64) (Entry, error) {
	e, err := DecodeEntry(tx.Line(seq))
	if err != nil {
		return Entry{}, fmt.Errorf("journal entry %d: %w", seq, err)
	}
	return e, nil
}

// Journal yields the lines after a sequence number, as they are stored, valid during the transaction.
func (tx *Tx) Journal(after uint64) iter.Seq2[uint64, []byte] {
	return func(yield func(uint64, []byte) bool) {
		if after == math.MaxUint64 {
			return
		}
		c := tx.journal.Cursor()
		for k, line := c.Seek(seqKey(after + 1)); len(k) == 8; k, line = c.Next() {
			seq := binary.BigEndian.Uint64(k)
			if seq > tx.beforeTail() {
				break
			}
			if !yield(seq, line) {
				return
			}
		}
		tx.inTail(after)(yield)
	}
}

// DecodeEntry decodes a line of the journal. It is strict: unknown keys are an error.
func DecodeEntry(line []byte) (Entry, error) {
	var e Entry
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return Entry{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if d.More() {
		return Entry{}, fmt.Errorf("%w: more than one value in a line", ErrDamaged)
	}
	return e, nil
}

func seqKey(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }
