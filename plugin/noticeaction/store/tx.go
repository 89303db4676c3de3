package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"

	bolt "go.etcd.io/bbolt"
)

var (
	metaBucket     = []byte("meta")
	flagsBucket    = []byte("flags")    // name: flag
	expiryBucket   = []byte("expiry")   // not_after, big-endian Unix seconds, and name: nothing
	journalBucket  = []byte("journal")  // sequence number, big-endian: line, but for the last lines, see tail
	receiptsBucket = []byte("receipts") // idempotency key: receipt
	reachBucket    = []byte("reach")    // name: reach, of flagged names only

	stateKey = []byte("state")
)

// Tx is a transaction on the database. It is for one goroutine, until the call that lent it returns.
type Tx struct {
	tx                           *bolt.Tx
	meta, flags, expiry, journal *bolt.Bucket // those that nearly every transaction uses
	flag                         *bolt.Cursor // in flags; nil: not used yet

	state   state
	tail    tail
	moved   bool // the tail, where its lines stay
	written bool
	bulk    bool    // see Bulk
	counts  *Counts // by how much they change; nil: not at all
	arena   []byte  // bbolt wants values left alone until the end; they lie here
	scratch []byte
	key     []byte // of a flag
	line    []byte // of the journal
	prev    []byte // hex of the one before
}

func newTx(tx *bolt.Tx) (*Tx, error) {
	t := &Tx{tx: tx}
	t.meta, t.flags, t.expiry, t.journal = t.bucket(metaBucket), t.bucket(flagsBucket), t.bucket(expiryBucket), t.bucket(journalBucket)
	var err error
	if t.state, err = decodeState(t.meta.Get(stateKey)); err == nil {
		t.tail, err = decodeTail(t.meta.Get(tailKey), t.state.lines)
	}
	return t, err
}

// missing is what bucket panics with, which guard turns into an error.
type missing []byte

// bucket returns a bucket that was there when the database was opened.
func (tx *Tx) bucket(name []byte) *bolt.Bucket {
	b := tx.tx.Bucket(name)
	if b == nil {
		panic(missing(name))
	}
	return b
}

// flush writes what the transaction counted along the way.
func (tx *Tx) flush() error {
	if !tx.written {
		return nil
	}
	if err := tx.meta.Put(tailKey, tx.tail.text); err != nil {
		return fmt.Errorf("putting the tail of the journal: %w", err)
	}
	return tx.meta.Put(stateKey, encodeState(tx.state))
}

// Generation is the number of the last change; 0 before the first.
func (tx *Tx) Generation() uint64 { return tx.state.generation }

// NextGeneration begins a change and returns its number.
func (tx *Tx) NextGeneration() uint64 {
	tx.written = true
	tx.state.generation++
	return tx.state.generation
}

// Count is the number of flags.
func (tx *Tx) Count() int { return int(tx.state.flags) }

// Digest is that of all flags as redirect entries.
func (tx *Tx) Digest() redirect.Digest { return tx.state.digest }

// Size is the size of the database in bytes, and of a backup.
func (tx *Tx) Size() int64 { return tx.tx.Size() }

// WriteTo writes a copy of the database as of this transaction: exactly Size bytes. It may be slow,
// as w is; the database can be read and written meanwhile.
func (tx *Tx) WriteTo(w io.Writer) (int64, error) { return tx.tx.WriteTo(w) }

// Bulk prepares for many changes in the order of their names: pages are filled further, as little
// will come between, and the commit is written back as leeway.WriteBack does.
func (tx *Tx) Bulk() {
	tx.bulk = true
	const full = 0.9
	tx.flags.FillPercent, tx.expiry.FillPercent = full, full
}

// Flag returns the flag of a name, if there is one.
func (tx *Tx) Flag(name string) (f Flag, ok bool, err error) {
	v := tx.record(tx.keyOf(name))
	if v == nil {
		return Flag{}, false, nil
	}
	f, err = decodeFlag(name, v)
	return f, err == nil, err
}

// keyOf returns the key of a flag, valid until the next is asked for.
func (tx *Tx) keyOf(name string) []byte {
	tx.key = append(tx.key[:0], name...)
	return tx.key
}

// record returns the record of a flag; nil if there is none. Bucket.Get would say the same, and allocate each time.
func (tx *Tx) record(key []byte) []byte {
	if tx.flag == nil {
		tx.flag = tx.flags.Cursor()
	}
	if k, v := tx.flag.Seek(key); bytes.Equal(k, key) {
		return v
	}
	return nil
}

// PutFlag adds a flag or replaces that of the same name.
func (tx *Tx) PutFlag(f Flag) error {
	key := tx.keyOf(f.Name)
	if err := tx.forget(f.Name, key); err != nil {
		return err
	}
	return tx.addFlag(f, key)
}

// AddFlag is PutFlag for a name that the caller has seen, in this transaction, not to be flagged: it
// spares looking the name up again.
func (tx *Tx) AddFlag(f Flag) error {
	tx.written = true
	return tx.addFlag(f, tx.keyOf(f.Name))
}

func (tx *Tx) addFlag(f Flag, key []byte) error {
	e := f.Entry()
	tx.state.digest.Add(e)
	tx.state.flags++
	tx.scratch = appendFlag(tx.scratch[:0], f)
	tx.state.account.add(key, tx.scratch)
	if err := tx.flags.Put(key, tx.keep(tx.scratch)); err != nil {
		return fmt.Errorf("putting flag %s: %w", f.Name, err)
	}
	if e.NotAfter == 0 {
		return nil
	}
	if err := tx.expiry.Put(expiryKey(e.NotAfter, f.Name), nil); err != nil {
		return fmt.Errorf("putting expiry of %s: %w", f.Name, err)
	}
	return nil
}

// DeleteFlag removes the flag of a name and what is known of its reach; it is no error if there is none.
func (tx *Tx) DeleteFlag(name string) error {
	key := tx.keyOf(name)
	if err := tx.forget(name, key); err != nil {
		return err
	}
	if err := tx.flags.Delete(key); err != nil {
		return fmt.Errorf("deleting flag %s: %w", name, err)
	}
	if err := tx.bucket(reachBucket).Delete(key); err != nil {
		return fmt.Errorf("deleting reach of %s: %w", name, err)
	}
	return nil
}

// forget takes the flag of a name, if any, out of the count, the digest, the account and the expiry index.
func (tx *Tx) forget(name string, key []byte) error {
	tx.written = true
	v := tx.record(key)
	if v == nil {
		return nil
	}
	h, err := decodeHead(v)
	if err != nil {
		return fmt.Errorf("flag %s: %w", name, err)
	}
	tx.state.digest.Remove(redirect.Entry{Name: name, Authority: string(h.authority), NotAfter: h.notAfter})
	tx.state.account.remove(key, v)
	tx.state.flags--
	if h.notAfter == 0 {
		return nil
	}
	if err := tx.expiry.Delete(expiryKey(h.notAfter, name)); err != nil {
		return fmt.Errorf("deleting expiry of %s: %w", name, err)
	}
	return nil
}

// Query selects flags.
type Query struct {
	After     string // only names that sort after it
	Zone      string // only names directly below it, no final dot; empty: all
	Authority string // empty: all
}

// Flags yields the selected flags in the order of their names, until the first error.
func (tx *Tx) Flags(q Query) iter.Seq2[Flag, error] {
	return func(yield func(Flag, error) bool) {
		for name, v := range tx.selected(q) {
			f, err := decodeFlag(string(name), v)
			if !yield(f, err) || err != nil {
				return
			}
		}
	}
}

// CountFlags returns how many flags there are to select.
func (tx *Tx) CountFlags(q Query) (n int, err error) {
	if q == (Query{}) {
		return tx.Count(), nil
	}
	for name, v := range tx.selected(q) {
		if _, err := decodeHead(v); err != nil {
			return 0, fmt.Errorf("flag %s: %w", name, err)
		}
		n++
	}
	return n, nil
}

func (tx *Tx) from(after string) iter.Seq2[[]byte, []byte] {
	return beyond(tx.flags, []byte(after))
}

func (tx *Tx) selected(q Query) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, v []byte) bool) {
		for name, v := range tx.from(q.After) {
			if q.selects(name, v) && !yield(name, v) {
				return
			}
		}
	}
}

// selects takes a record that cannot be read as well: who reads it says so.
func (q Query) selects(name, v []byte) bool {
	if q.Zone != "" {
		if _, zone, _ := bytes.Cut(name, []byte{'.'}); string(zone) != q.Zone {
			return false
		}
	}
	if q.Authority == "" {
		return true
	}
	h, err := decodeHead(v)
	return err != nil || string(h.authority) == q.Authority
}

// NextExpiry returns when the first flag ends that ends after a time, which may be zero; false when
// none does.
func (tx *Tx) NextExpiry(after time.Time) (time.Time, bool) {
	k, _ := tx.expiry.Cursor().Seek(expiryKey(unix(after)+1, ""))
	if len(k) < 8 {
		return time.Time{}, false
	}
	return time.Unix(int64(binary.BigEndian.Uint64(k)), 0).UTC(), true
}

// Due yields the names whose flags end at now or before, the earliest first. They must not be deleted
// while it runs.
func (tx *Tx) Due(now time.Time) iter.Seq[string] {
	return func(yield func(string) bool) {
		c := tx.expiry.Cursor()
		for k, _ := c.First(); len(k) > 8; k, _ = c.Next() {
			if int64(binary.BigEndian.Uint64(k)) > now.Unix() || !yield(string(k[8:])) {
				return
			}
		}
	}
}

func expiryKey(notAfter int64, name string) []byte {
	return append(binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(name)), uint64(notAfter)), name...)
}

// keep copies b to where it stays until the end of the transaction.
func (tx *Tx) keep(b []byte) []byte {
	const least, most = 1 << 10, 1 << 20
	if cap(tx.arena)-len(tx.arena) < len(b) {
		tx.arena = make([]byte, 0, max(min(max(2*cap(tx.arena), least), most), len(b)))
	}
	n := len(tx.arena)
	tx.arena = append(tx.arena, b...)
	return tx.arena[n:len(tx.arena):len(tx.arena)]
}
