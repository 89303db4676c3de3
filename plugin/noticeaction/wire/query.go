package wire

import (
	"encoding/binary"

	"github.com/miekg/dns"
)

const (
	headerSize = 12
	maxName    = 255
	maxLabels  = 128
	optHead    = 11 // bytes of an OPT record without options
)

// Query is a query in its packet: of one question in class IN for a name of
// plain characters, with at most an OPT record behind. It is reused for the
// next; whoever keeps something copies it.
type Query struct {
	ID      uint16
	RD, CD  bool
	Type    uint16
	IPv4    bool // the client has an IPv4 address
	EDNS    bool // there is an OPT record, of version 0
	DO      bool
	UDPSize uint16 // as the OPT record says; 0 without
	Length  int    // of the message without what may trail it, in bytes

	question []byte // as it came
	name     [maxName]byte
	nameLen  int
	labels   [maxLabels]uint8 // where each begins in name
	count    int
	text     [maxName]byte // for Text
}

// Question is the question as it came, in wire form.
func (q *Query) Question() []byte { return q.question }

// Name is the query name in wire form and in lower case, with the root label.
func (q *Query) Name() []byte { return q.name[:q.nameLen] }

// Labels is how many labels the name has, without the root's.
func (q *Query) Labels() int { return q.count }

// Label is where the i-th label begins in [Query.Name], with its length octet.
func (q *Query) Label(i int) int { return int(q.labels[i]) }

// Text is the name from the i-th label on in presentation form, in lower case
// and without the final dot. It is valid until the next call.
func (q *Query) Text(i int) []byte {
	begin := q.Label(i) + 1
	text := append(q.text[:0], q.name[begin:q.nameLen-1]...)
	for _, label := range q.labels[i+1 : q.count] {
		text[int(label)-begin] = '.'
	}
	return text
}

// Parse reads a packet, and reports false for anything that is not quite such
// a query: the chain knows what to do with it.
func (q *Query) Parse(packet []byte) bool {
	const mustBeZero = 0xffff &^ (bitRD | bitCD | bitAD)
	if len(packet) < headerSize {
		return false
	}
	bits := binary.BigEndian.Uint16(packet[2:])
	additional := binary.BigEndian.Uint16(packet[10:])
	if bits&mustBeZero != 0 || binary.BigEndian.Uint16(packet[4:]) != 1 || binary.BigEndian.Uint32(packet[6:]) != 0 || additional > 1 {
		return false
	}
	q.ID = binary.BigEndian.Uint16(packet)
	q.RD, q.CD = bits&bitRD != 0, bits&bitCD != 0
	end := q.parseQuestion(packet)
	if end == 0 {
		return false
	}
	q.EDNS, q.DO, q.UDPSize, q.Length = false, false, 0, end
	return additional == 0 || q.parseOPT(packet[end:])
}

// Bits of the header's second word (RFC 1035 section 4.1.1, RFC 4035 section 3).
const (
	bitQR = 1 << 15
	bitAA = 1 << 10
	bitRD = 1 << 8
	bitAD = 1 << 5
	bitCD = 1 << 4
)

// parseQuestion returns where the question ends, or 0.
func (q *Query) parseQuestion(packet []byte) (end int) {
	q.count, q.nameLen = 0, 0
	off := headerSize
	for {
		if off >= len(packet) {
			return 0
		}
		length := int(packet[off])
		if length > 63 || q.nameLen+length+1 > maxName || off+1+length > len(packet) {
			return 0
		}
		q.name[q.nameLen] = byte(length)
		if length == 0 {
			q.nameLen++
			off++
			break
		}
		q.labels[q.count] = uint8(q.nameLen)
		q.count++
		for i := 1; i <= length; i++ {
			c := plain[packet[off+i]]
			if c == 0 {
				return 0
			}
			q.name[q.nameLen+i] = c
		}
		q.nameLen += length + 1
		off += length + 1
	}
	if off+4 > len(packet) || binary.BigEndian.Uint16(packet[off+2:]) != dns.ClassINET {
		return 0
	}
	q.Type = binary.BigEndian.Uint16(packet[off:])
	q.question = packet[headerSize : off+4]
	return off + 4
}

// plain maps the characters that need no escape in a name's presentation form
// to lower case, and all others to 0.
var plain = func() (table [256]byte) {
	for c := byte('!'); c <= '~'; c++ {
		switch c {
		case '.', '\'', '@', ';', '(', ')', '"', '\\':
			continue
		}
		table[c] = c
		if 'A' <= c && c <= 'Z' {
			table[c] = c + 'a' - 'A'
		}
	}
	return table
}()

// parseOPT reads an OPT record of version 0 (RFC 6891 section 6.1) whose
// options CoreDNS takes whatever they hold.
func (q *Query) parseOPT(rr []byte) bool {
	if len(rr) < optHead || rr[0] != 0 || binary.BigEndian.Uint16(rr[1:]) != dns.TypeOPT || rr[5] != 0 || rr[6] != 0 {
		return false
	}
	length := int(binary.BigEndian.Uint16(rr[9:]))
	if optHead+length > len(rr) {
		return false
	}
	for options := rr[optHead : optHead+length]; len(options) > 0; {
		if len(options) < 4 || !freeForm(binary.BigEndian.Uint16(options)) {
			return false
		}
		n := 4 + int(binary.BigEndian.Uint16(options[2:]))
		if n > len(options) {
			return false
		}
		options = options[n:]
	}
	q.EDNS, q.UDPSize, q.DO = true, binary.BigEndian.Uint16(rr[3:]), rr[7]&0x80 != 0
	q.Length += optHead + length
	return true
}

// freeForm tells whether an EDNS option may hold any bytes: cookies (RFC
// 7873), NSID (RFC 5001), padding (RFC 7830), and those for local use.
func freeForm(option uint16) bool {
	return option == dns.EDNS0COOKIE || option == dns.EDNS0NSID || option == dns.EDNS0PADDING ||
		dns.EDNS0LOCALSTART <= option && option <= dns.EDNS0LOCALEND
}
