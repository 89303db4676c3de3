package store

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"
)

// A flag is stored as a version byte and then, varints as in encoding/binary and strings after their
// length: not_after, authority, since, changed, reference, case, note. What the table needs comes
// first. The name is the key. Times are Unix seconds, 0 for none.
const flagVersion = 1

func appendFlag(b []byte, f Flag) []byte {
	b = append(b, flagVersion)
	b = binary.AppendVarint(b, unix(f.NotAfter))
	b = appendString(b, f.Authority)
	b = binary.AppendVarint(b, unix(f.Since))
	b = binary.AppendUvarint(b, f.Changed)
	b = appendString(b, f.Reference)
	b = appendString(b, f.Case)
	return appendString(b, f.Note)
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func decodeFlag(name string, b []byte) (Flag, error) {
	var t flagText[[]byte]
	if !readFlag(&t, b) {
		return Flag{}, unreadable("flag " + name)
	}
	return Flag{
		Name: name, Authority: string(t.authority), Reference: string(t.reference), Case: string(t.held), Note: string(t.note),
		Since: t.since, NotAfter: t.notAfter, Changed: t.changed,
	}, nil
}

// readFlag sets all but the name of a flag to what is within its record, and returns whether that can be read.
func readFlag(t *flagText[[]byte], b []byte) bool {
	h, r := readHead(b)
	t.authority, t.notAfter = h.authority, fromUnix(h.notAfter)
	t.since, t.changed = fromUnix(r.varint()), r.uvarint()
	t.reference, t.held, t.note = r.bytes(), r.bytes(), r.bytes()
	return !r.bad && len(r.b) == 0
}

// head is the part of a flag that the table needs.
type head struct {
	notAfter  int64
	authority []byte // within the record
	size      int    // of it in bytes, at the beginning of the record
}

func decodeHead(b []byte) (head, error) {
	h, r := readHead(b)
	if r.bad {
		return head{}, fmt.Errorf("%w: its record cannot be read", ErrDamaged)
	}
	return h, nil
}

func readHead(b []byte) (head, reader) {
	if len(b) == 0 || b[0] != flagVersion {
		return head{}, reader{bad: true}
	}
	r := reader{b: b[1:]}
	h := head{notAfter: r.varint()}
	h.authority = r.bytes()
	h.size = len(b) - len(r.b)
	return h, r
}

// reader takes a record apart. Once bad it returns zero values.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) varint() int64 {
	v := r.uvarint()
	return int64(v>>1) ^ -int64(v&1) // as binary.Varint
}

func (r *reader) uvarint() uint64 {
	if len(r.b) > 0 && r.b[0] < 0x80 { // as most are
		v := r.b[0]
		r.b = r.b[1:]
		return uint64(v)
	}
	v, n := binary.Uvarint(r.b)
	r.skip(n)
	return v
}

func (r *reader) bytes() []byte {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.skip(0)
		return nil
	}
	s := r.b[:n]
	r.b = r.b[n:]
	return s
}

// skip takes n bytes off, or with n < 1 notes that there is nothing of use.
func (r *reader) skip(n int) {
	if n < 1 {
		r.b, r.bad = nil, true
		return
	}
	r.b = r.b[n:]
}

func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func fromUnix(s int64) time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.Unix(s, 0).UTC()
}

// state is what a transaction keeps count of. Numbers are stored big-endian, and after all a hash of it.
type state struct {
	generation uint64
	flags      uint64
	lines      uint64 // of the journal
	last       int64  // time of the last line
	digest     redirect.Digest
	head       [32]byte // SHA-256 of the last line
	account    account
}

const (
	stateSize    = 120
	stateSizeOld = 96 // up to schema 4: without account and hash
)

func encodeState(s state) []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, stateSize), s.generation)
	b = binary.BigEndian.AppendUint64(b, s.flags)
	b = binary.BigEndian.AppendUint64(b, s.lines)
	b = binary.BigEndian.AppendUint64(b, uint64(s.last))
	b = append(b, s.digest[:]...)
	b = append(b, s.head[:]...)
	b = binary.BigEndian.AppendUint64(b, s.account.octets)
	b = binary.BigEndian.AppendUint64(b, s.account.sum)
	return binary.BigEndian.AppendUint64(b, hash(0, b))
}

func decodeState(b []byte) (state, error) {
	if len(b) != stateSize {
		return state{}, fmt.Errorf("%w: state of %d bytes, expected %d", ErrDamaged, len(b), stateSize)
	}
	if at := stateSize - 8; hash(0, b[:at]) != binary.BigEndian.Uint64(b[at:]) {
		return state{}, fmt.Errorf("%w: its state is not as it was written; restore a backup", ErrDamaged)
	}
	s := splitState(b)
	s.account = account{octets: binary.BigEndian.Uint64(b[96:]), sum: binary.BigEndian.Uint64(b[104:])}
	return s, nil
}

// splitState reads what was in the state up to schema 4 too.
func splitState(b []byte) state {
	s := state{
		generation: binary.BigEndian.Uint64(b),
		flags:      binary.BigEndian.Uint64(b[8:]),
		lines:      binary.BigEndian.Uint64(b[16:]),
		last:       int64(binary.BigEndian.Uint64(b[24:])),
	}
	copy(s.digest[:], b[32:])
	copy(s.head[:], b[64:])
	return s
}
