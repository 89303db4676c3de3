package replica

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"
)

const (
	maxName      = 253
	maxAuthority = 63
	maxMail      = 64 << 10
)

// Record is a flag as far as answers need it.
type Record struct {
	Name      string // lowercase A-labels, no final dot, 1..253 bytes
	Authority string // 1..63 bytes
	NotAfter  int64  // Unix seconds; 0: none
	Changed   uint64 // generation of its last change
	Mail      []byte // where the name's mail went before, as whoever wires the rooms writes it; at most 64 KiB
}

// Entry is the record as the table has it.
func (r Record) Entry() redirect.Entry {
	return redirect.Entry{Name: r.Name, Authority: r.Authority, NotAfter: r.NotAfter}
}

// due tells whether the flag has ended at a time in Unix seconds.
func (r Record) due(at int64) bool { return r.NotAfter != 0 && r.NotAfter <= at }

func (r Record) equal(o Record) bool {
	return r.Name == o.Name && r.Authority == o.Authority && r.NotAfter == o.NotAfter && r.Changed == o.Changed && bytes.Equal(r.Mail, o.Mail)
}

// The body of a record is a version byte and then, varints as in encoding/binary and strings after their length:
// not_after, changed, authority, mail. There is one way to write a record. In etcd the signature follows.
const recordVersion = 1

func appendBody(b []byte, r Record) []byte {
	b = append(b, recordVersion)
	b = binary.AppendVarint(b, r.NotAfter)
	b = binary.AppendUvarint(b, r.Changed)
	b = appendBytes(b, r.Authority)
	return appendBytes(b, r.Mail)
}

func appendBytes[S string | []byte](b []byte, s S) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// decodeBody reads the record of a name. What it returns refers to body.
func decodeBody(name string, body []byte) (Record, error) {
	if len(body) == 0 || body[0] != recordVersion {
		return Record{}, fmt.Errorf("%w: %.260q: expected version %d", ErrRecord, name, recordVersion)
	}
	c := cursor{b: body[1:]}
	r := Record{Name: name, NotAfter: c.varint(), Changed: c.uvarint()}
	authority, mail := c.bytes(), c.bytes()
	if c.bad || len(c.b) != 0 {
		return Record{}, fmt.Errorf("%w: %.260q", ErrRecord, name)
	}
	r.Authority = string(authority)
	if len(mail) > 0 {
		r.Mail = mail
	}
	return r, r.check()
}

// check refuses what cannot be read back, or no table takes.
func (r Record) check() error {
	if err := checkName(r.Name); err != nil {
		return err
	}
	if len(r.Authority) == 0 || len(r.Authority) > maxAuthority || len(r.Mail) > maxMail || r.NotAfter < 0 {
		return fmt.Errorf("%w: %s: expected an authority of 1 to %d bytes, an end not before 1970 and at most %d bytes about mail, got %d, %d and %d",
			ErrRecord, r.Name, maxAuthority, maxMail, len(r.Authority), r.NotAfter, len(r.Mail))
	}
	return nil
}

// checkName refuses a name that no table takes.
func checkName(name string) error {
	if name == "" || len(name) > maxName || name[len(name)-1] == '.' {
		return fmt.Errorf("%w: expected a name of 1 to %d bytes without a final dot, got %.260q", ErrRecord, maxName, name)
	}
	for i := range len(name) {
		if 'A' <= name[i] && name[i] <= 'Z' {
			return fmt.Errorf("%w: expected a name in lower case, got %.260q", ErrRecord, name)
		}
	}
	return nil
}

// value is the record as etcd holds it.
func (s *Signer) value(prefix string, r Record) []byte {
	body := appendBody(make([]byte, 0, 32+len(r.Authority)+len(r.Mail)+sealSize), r)
	return s.seal(body, recordMessage(prefix, r.Name, body))
}

func recordMessage(prefix, name string, body []byte) []byte {
	return message([]byte(recordDomain), []byte(prefix), []byte(name), body)
}

// decodeValue reads what etcd holds for a name, without checking the signature.
func decodeValue(name string, value []byte) (Record, error) {
	body, _, ok := unseal(value)
	if !ok {
		return Record{}, fmt.Errorf("%w: %.260q: %d bytes", ErrRecord, name, len(value))
	}
	return decodeBody(name, body)
}

// verifyValue checks the signature of what etcd holds for a name.
func (k Keys) verifyValue(prefix, name string, value []byte) error {
	body, seal, ok := unseal(value)
	if !ok || !k.verify(recordMessage(prefix, name, body), seal) {
		return fmt.Errorf("%w: record of %s", ErrSignature, name)
	}
	return nil
}

// cursor takes a record apart. Once bad it returns zero values. It takes a varint only in its shortest form.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) varint() int64 {
	v, n := binary.Varint(c.b)
	c.skip(n)
	return v
}

func (c *cursor) uvarint() uint64 {
	v, n := binary.Uvarint(c.b)
	c.skip(n)
	return v
}

func (c *cursor) bytes() []byte {
	n := c.uvarint()
	if n > uint64(len(c.b)) {
		c.fail()
		return nil
	}
	s := c.b[:n:n]
	c.b = c.b[n:]
	return s
}

// array reads 32 bytes.
func (c *cursor) array() (a [32]byte) {
	if len(c.b) < len(a) {
		c.fail()
		return a
	}
	copy(a[:], c.b)
	c.b = c.b[len(a):]
	return a
}

// skip takes a varint of n bytes off. One that ends in a zero byte could have been shorter.
func (c *cursor) skip(n int) {
	if n < 1 || n > 1 && c.b[n-1] == 0 {
		c.fail()
		return
	}
	c.b = c.b[n:]
}

func (c *cursor) fail() { c.b, c.bad = nil, true }
