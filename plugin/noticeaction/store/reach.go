package store

import (
	"encoding/binary"
	"fmt"
	"iter"
	"net/netip"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/reach"
)

// Reach is what is known of where a flagged name can be reached.
type Reach struct {
	Tried  time.Time    // when it was last looked up; UTC, whole seconds
	Record reach.Record // empty if nothing was ever found
}

// Reach returns what is known of a name, if it was ever looked up.
func (tx *Tx) Reach(name string) (r Reach, ok bool, err error) {
	v := tx.bucket(reachBucket).Get([]byte(name))
	if v == nil {
		return Reach{}, false, nil
	}
	r, err = decodeReach(name, v)
	return r, err == nil, err
}

// PutReach keeps what is known of a name, which must be flagged; it goes with the flag. The lists of
// the record must be within the bounds of package reach.
func (tx *Tx) PutReach(name string, r Reach) error {
	tx.written = true
	tx.scratch = appendReach(tx.scratch[:0], r)
	if _, err := decodeReach(name, tx.scratch); err != nil {
		return fmt.Errorf("putting reach of %s: expected a record within its bounds", name)
	}
	if err := tx.bucket(reachBucket).Put([]byte(name), tx.keep(tx.scratch)); err != nil {
		return fmt.Errorf("putting reach of %s: %w", name, err)
	}
	return nil
}

// Reaches calls each with what is known of every name, in the order of the names, until an error.
func (tx *Tx) Reaches(each func(name string, r Reach) error) error {
	c := tx.bucket(reachBucket).Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		r, err := decodeReach(string(k), v)
		if err == nil {
			err = each(string(k), r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Untried yields the flagged names after one, in their order, that were not looked up after a time,
// until the first error.
func (tx *Tx) Untried(after string, since time.Time) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for name := range tx.from(after) {
			tried, err := int64(0), error(nil)
			v := tx.bucket(reachBucket).Get(name)
			if v != nil {
				r := readReach(v)
				if tried = r.varint(); r.bad {
					err = fmt.Errorf("%w: reach of %s cannot be read", ErrDamaged, name)
				}
			}
			if err == nil && v != nil && tried > unix(since) {
				continue
			}
			if !yield(string(name), err) || err != nil {
				return
			}
		}
	}
}

// A reach is stored as a version byte and then, as in a flag: tried, at, hosts, servers and mail, lists
// and addresses after their length.
const reachVersion = 1

func appendReach(b []byte, r Reach) []byte {
	b = append(b, reachVersion)
	b = binary.AppendVarint(b, unix(r.Tried))
	b = binary.AppendVarint(b, unix(r.Record.At))
	b = binary.AppendUvarint(b, uint64(len(r.Record.Hosts)))
	for _, h := range r.Record.Hosts {
		b = appendAddresses(appendString(b, h.Name), h.Addresses)
	}
	b = binary.AppendUvarint(b, uint64(len(r.Record.Servers)))
	for _, s := range r.Record.Servers {
		b = appendString(b, s)
	}
	b = binary.AppendUvarint(b, uint64(len(r.Record.Mail)))
	for _, x := range r.Record.Mail {
		b = binary.AppendUvarint(b, uint64(x.Preference))
		b = appendAddresses(appendString(b, x.Host), x.Addresses)
	}
	return b
}

func appendAddresses(b []byte, all []netip.Addr) []byte {
	b = binary.AppendUvarint(b, uint64(len(all)))
	for _, a := range all {
		b = appendString(b, string(a.AsSlice()))
	}
	return b
}

func decodeReach(name string, b []byte) (Reach, error) {
	r := readReach(b)
	found := Reach{Tried: fromUnix(r.varint()), Record: reach.Record{At: fromUnix(r.varint())}}
	for range r.count(reach.MaxHosts) {
		found.Record.Hosts = append(found.Record.Hosts, reach.Host{Name: r.host(), Addresses: r.addresses()})
	}
	for range r.count(reach.MaxServers) {
		found.Record.Servers = append(found.Record.Servers, r.host())
	}
	for range r.count(reach.MaxExchanges) {
		found.Record.Mail = append(found.Record.Mail, reach.Exchange{
			Preference: uint16(r.count(1<<16 - 1)), Host: r.host(), Addresses: r.addresses(),
		})
	}
	if r.bad || len(r.b) != 0 {
		return Reach{}, fmt.Errorf("%w: reach of %s cannot be read", ErrDamaged, name)
	}
	return found, nil
}

func readReach(b []byte) reader {
	if len(b) == 0 || b[0] != reachVersion {
		return reader{bad: true}
	}
	return reader{b: b[1:]}
}

// count reads a number that is at most one.
func (r *reader) count(most uint64) int {
	n := r.uvarint()
	if n > most {
		r.skip(0)
		return 0
	}
	return int(n)
}

// host reads a host name.
func (r *reader) host() string {
	b := r.bytes()
	if len(b) == 0 || len(b) > reach.MaxName {
		r.skip(0)
		return ""
	}
	return string(b)
}

func (r *reader) addresses() (all []netip.Addr) {
	for range r.count(reach.MaxAddresses) {
		a, ok := netip.AddrFromSlice(r.bytes())
		if !ok {
			r.skip(0)
			return nil
		}
		all = append(all, a)
	}
	return all
}
