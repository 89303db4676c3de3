package store

import (
	"bytes"
	"fmt"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"
)

// Load publishes in set all flags but those that are due at now. On error it publishes nothing; that is
// ErrDamaged also when the flags are not those that the changes made so far have led to.
func (tx *Tx) Load(set *redirect.Set, now time.Time) error {
	want := tx.state
	if size := uint64(tx.Size()); want.flags > size || want.account.octets > size {
		return errAccount(fmt.Sprintf("%d bytes", size), fmt.Sprintf("%d flags with names of %d", want.flags, want.account.octets))
	}
	loader := set.Loader(int(want.flags), int(want.account.octets))
	due := now.Unix()
	var flags uint64
	var found account
	var (
		like   []byte // how the record before begins: the next mostly begins alike, and so says the same
		lapsed bool
		id     redirect.AuthorityID
	)
	c := tx.flags.Cursor()
	for name, record := c.First(); name != nil; name, record = c.Next() {
		flags++
		found.add(name, record)
		if like == nil || !bytes.HasPrefix(record, like) {
			h, err := decodeHead(record)
			if err != nil {
				return fmt.Errorf("flag %s: %w", name, err)
			}
			like, lapsed = record[:h.size], h.notAfter != 0 && h.notAfter <= due
			if !lapsed {
				id, err = loader.Authority(h.authority)
			}
			if err != nil {
				return fmt.Errorf("loading flag %s: %w", name, err)
			}
		}
		if lapsed {
			continue
		}
		if err := loader.Add(name, id); err != nil {
			return fmt.Errorf("loading flags: %w", err)
		}
	}
	if flags != want.flags || found != want.account {
		return errAccount(found.of(flags), want.account.of(want.flags))
	}
	loader.Publish(tx.Generation())
	return nil
}
