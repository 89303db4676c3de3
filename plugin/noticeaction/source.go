package noticeaction

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/reach"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/replica"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

// committed is the store as the publisher reads it.
type committed struct{ store *store.Store }

// Read implements [replica.Source].
func (c committed) Read(read func(replica.State) error) error {
	return c.store.View(func(tx *store.Tx) error { return read(state{tx}) })
}

// state is a transaction as the publisher reads it.
type state struct{ tx *store.Tx }

func (s state) Generation() uint64      { return s.tx.Generation() }
func (s state) Digest() redirect.Digest { return s.tx.Digest() }
func (s state) Count() int              { return s.tx.Count() }

func (s state) Records() iter.Seq2[replica.Record, error] {
	return func(yield func(replica.Record, error) bool) {
		for f, err := range s.tx.Flags(store.Query{}) {
			var r replica.Record
			if err == nil {
				r, err = s.record(f)
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

func (s state) Record(name string) (replica.Record, bool, error) {
	f, ok, err := s.tx.Flag(name)
	if err != nil || !ok {
		return replica.Record{}, false, err
	}
	r, err := s.record(f)
	return r, err == nil, err
}

func (s state) record(f store.Flag) (replica.Record, error) {
	e := f.Entry()
	r := replica.Record{Name: e.Name, Authority: e.Authority, NotAfter: e.NotAfter, Changed: f.Changed}
	known, ok, err := s.tx.Reach(f.Name)
	if err != nil || !ok || len(known.Record.Mail) == 0 {
		return r, err
	}
	if r.Mail, err = json.Marshal(known.Record.Mail); err != nil {
		return r, fmt.Errorf("encoding where the mail of %s goes: %w", f.Name, err)
	}
	return r, nil
}

func (s state) Journal() (lines uint64, hash [32]byte) {
	_, _ = hex.Decode(hash[:], []byte(s.tx.JournalHead())) // the store's own hex
	return s.tx.JournalLength(), hash
}

func (s state) JournalHash(line uint64) ([32]byte, bool) {
	text := s.tx.Line(line)
	return sha256.Sum256(text), text != nil
}

// Changes reads of each line only what it says of a flag.
func (s state) Changes(after uint64) iter.Seq2[replica.Step, error] {
	return func(yield func(replica.Step, error) bool) {
		for seq, line := range s.tx.Journal(after) {
			var e struct {
				Name          string
				Before, After json.RawMessage
			}
			if err := json.Unmarshal(line, &e); err != nil {
				yield(replica.Step{}, fmt.Errorf("%w: journal entry %d: %w", store.ErrDamaged, seq, err))
				return
			}
			if e.Name == "" || e.Before == nil && e.After == nil {
				continue
			}
			if !yield(replica.Step{Name: e.Name, Lifted: e.After == nil}, nil) {
				return
			}
		}
	}
}

// takeMailbox takes in where the mail of a name went, as record wrote it; nil: the name is not redirected any more.
func (d *desk) takeMailbox(name string, mail []byte) {
	if len(mail) == 0 {
		d.mailboxes.set(name, nil)
		return
	}
	var record reach.Record
	decoder := json.NewDecoder(bytes.NewReader(mail))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&record.Mail); err != nil {
		log.Warningf("Replica: expected where the mail of a name goes: %v", err)
		d.mailboxes.set(name, nil)
		return
	}
	d.mailboxes.set(name, &record)
}
