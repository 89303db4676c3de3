package casework

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

const (
	maxPage     = 1000      // flags or lines
	exportChunk = 128 << 10 // bytes
)

// Lookup returns the flag of a name in any form. The refusal is an *Error of kind Invalid, NotFound or
// Unavailable.
func (d *Desk) Lookup(name string) (f store.Flag, err error) {
	name, err = canonical(name)
	if err != nil {
		return store.Flag{}, err
	}
	err = d.view(func(tx *store.Tx) error {
		var ok bool
		if f, ok, err = tx.Flag(name); err == nil && !ok {
			err = notFlagged(name)
		}
		return err
	})
	return f, err
}

// List returns a page of flags in name order, and what to put in After for the next; empty at the end.
func (d *Desk) List(q ListQuery) (flags []store.Flag, next string, err error) {
	if err := checkLimit(q.Limit); err != nil {
		return nil, "", err
	}
	sq, err := q.store()
	if err != nil {
		return nil, "", err
	}
	err = d.view(func(tx *store.Tx) error {
		for f, err := range tx.Flags(sq) {
			if err != nil {
				return err
			}
			if len(flags) == q.Limit {
				next = flags[len(flags)-1].Name
				return nil
			}
			flags = append(flags, f)
		}
		return nil
	})
	return flags, next, err
}

// Export passes on all flags of one generation in name order: begin is told which and how many, then
// each is called with as many lines of NDJSON, some hundred at a time, which hold for that call. After and
// Limit of the query do not count. An error of either ends it and is returned as it is. Until it returns
// the database keeps old pages, so each must not block for ever; ctx is looked at between calls.
func (d *Desk) Export(ctx context.Context, q ListQuery, begin func(generation uint64, count int) error, each func(lines []byte) error) error {
	sq, err := ListQuery{Zone: q.Zone, Authority: q.Authority}.store()
	if err != nil {
		return err
	}
	var passed error // of the caller's own
	err = d.view(func(tx *store.Tx) error {
		count, err := tx.CountFlags(sq)
		if err != nil {
			return err
		}
		if passed = begin(tx.Generation(), count); passed != nil {
			return nil
		}
		for lines, err := range tx.FlagLines(sq, exportChunk) {
			if err != nil {
				return err
			}
			if passed = context.Cause(ctx); passed == nil {
				passed = each(lines)
			}
			if passed != nil {
				return nil
			}
		}
		return nil
	})
	return errors.Join(err, passed)
}

// Preview says what flagging a name would meet. The refusal is an *Error of kind Invalid, for what is
// no name at all, or Unavailable.
func (d *Desk) Preview(name string) (Preview, error) {
	name, err := canonical(name)
	if err != nil {
		return Preview{}, err
	}
	p := Preview{Name: name, Unicode: Unicode(name), Allowed: true}
	c := d.policy.Load().checker(nil)
	if err := c.check(name); err != nil {
		p.Allowed, p.Refusal = false, err.Error()
	} else {
		p.lookAround(c)
	}
	err = d.view(func(tx *store.Tx) error {
		f, ok, err := tx.Flag(name)
		if err != nil || !ok {
			return err
		}
		p.Flagged, p.Flag, p.Warnings = true, &f, append(p.Warnings, warn(f, d.now())...)
		if held := notHeld(f); held != nil && p.Allowed {
			p.Allowed, p.Refusal = false, held.Error()
		}
		return nil
	})
	return p, err
}

// lookAround adds what the zone tells of a name that passed the check.
func (p *Preview) lookAround(c *checker) {
	var refusal error
	if p.Surroundings, p.Warnings, refusal = c.around(p.Name); refusal != nil {
		p.Allowed, p.Refusal = false, refusal.Error()
	}
}

// Audit returns lines of the journal byte for byte as they are stored, and what to put in After for
// the next page; 0 at the end.
func (d *Desk) Audit(q AuditQuery) (lines []json.RawMessage, next uint64, err error) {
	if err := checkLimit(q.Limit); err != nil {
		return nil, 0, err
	}
	var key []byte // as a line about the name holds it; a quote within a text would be escaped
	if q.Name != "" {
		name, err := canonical(q.Name)
		if err != nil {
			return nil, 0, err
		}
		key = []byte(`"name":"` + name + `"`)
	}
	err = d.view(func(tx *store.Tx) error {
		last := uint64(0)
		for seq, line := range tx.Journal(q.After) {
			if key != nil && !bytes.Contains(line, key) {
				continue
			}
			if len(lines) == q.Limit {
				next = last
				return nil
			}
			lines, last = append(lines, bytes.Clone(line)), seq
		}
		return nil
	})
	return lines, next, err
}

// Status describes the desk. All but Zones and TableBytes, which are the table's, are of one moment.
func (d *Desk) Status() (s Status, err error) {
	err = d.view(func(tx *store.Tx) error {
		s = Status{
			Generation:    tx.Generation(),
			Digest:        tx.Digest().String(),
			Flags:         tx.Count(),
			DatabaseBytes: tx.Size(),
			Schema:        store.Schema(),
			LastCommit:    tx.LastCommit(),
			JournalLength: tx.JournalLength(),
			JournalHead:   tx.JournalHead(),
		}
		return nil
	})
	t := d.set.Table()
	s.TableBytes, s.Zones = t.Bytes(), make(map[string]int)
	for zone, n := range t.Zones() {
		s.Zones[zone] = n
	}
	return s, err
}

// Backup writes a consistent copy of the database to w after telling begin its size in bytes, while
// the desk works on. Until it returns the database keeps old pages, so w must not block for ever; ctx
// is looked at between writes.
func (d *Desk) Backup(ctx context.Context, begin func(size int64) error, w io.Writer) error {
	to := &watched{ctx: ctx, w: w}
	var passed error
	err := d.view(func(tx *store.Tx) error {
		if passed = begin(tx.Size()); passed == nil {
			_, passed = tx.WriteTo(to)
		}
		return nil
	})
	return errors.Join(err, to.failed, passed)
}

// watched is a writer that fails once its context is done, and knows why it failed: bbolt passes on
// only the text.
type watched struct {
	ctx    context.Context
	w      io.Writer
	failed error
}

func (w *watched) Write(b []byte) (n int, err error) {
	if w.failed = context.Cause(w.ctx); w.failed != nil {
		return 0, w.failed
	}
	n, w.failed = w.w.Write(b)
	return n, w.failed
}

// view reads the store. Its errors are the *Error that read returned, or Unavailable.
func (d *Desk) view(read func(*store.Tx) error) error {
	err := d.store.View(read)
	var refusal *Error
	if err == nil || errors.As(err, &refusal) {
		return err
	}
	d.onStoreError(err)
	return &Error{Kind: Unavailable, Detail: "the store cannot be read", Err: err}
}

func checkLimit(n int) error {
	if n < 1 || n > maxPage {
		return &Error{Kind: Invalid, Field: "limit", Value: fmt.Sprint(n), Detail: fmt.Sprintf("expected 1 to %d", maxPage)}
	}
	return nil
}

// store checks the query and brings it into the form of the store.
func (q ListQuery) store() (store.Query, error) {
	sq := store.Query{Authority: q.Authority}
	if q.Authority != "" {
		if err := CheckAuthority(q.Authority); err != nil {
			return sq, err
		}
	}
	for _, name := range []struct {
		field string
		from  string
		to    *string
	}{{"zone", q.Zone, &sq.Zone}, {"after", q.After, &sq.After}} {
		if name.from == "" {
			continue
		}
		to, err := canonical(name.from)
		var refusal *Error
		if errors.As(err, &refusal) {
			refusal.Field = name.field
			return sq, refusal
		}
		*name.to = to
	}
	return sq, nil
}
