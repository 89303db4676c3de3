package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"

	bolt "go.etcd.io/bbolt"
)

// Whatever a record is replaced with, what reads it says so and does not crash, and quotes none of it.
func TestDamagedRecords(t *testing.T) {
	const id = "2026-00001"
	for _, tt := range []struct {
		bucket []byte
		key    []byte
		reads  map[string]func(*Tx) error
	}{
		{casesBucket, []byte(id), map[string]func(*Tx) error{
			"Case":        func(tx *Tx) error { _, _, err := tx.Case(id); return err },
			"Cases":       func(tx *Tx) error { _, err := collect(tx.Cases(CaseQuery{})); return err },
			"EraseCase":   func(tx *Tx) error { return tx.EraseCase(id) },
			"PutOutgoing": func(tx *Tx) error { o := mailOf(id); o.ID = 1; return tx.PutOutgoing(o) },
			"PutNotice":   func(tx *Tx) error { return tx.PutNotice(Notice{ID: "N9", Case: id}) },
		}},
		{eventsBucket, eventKey(id, 2), map[string]func(*Tx) error{
			"CaseEvents":    func(tx *Tx) error { _, err := tx.CaseEvents(id); return err },
			"CaseEventSums": func(tx *Tx) error { _, _, err := tx.CaseEventSums(id); return err },
			"EraseCase":     func(tx *Tx) error { return tx.EraseCase(id) },
		}},
		{outgoingBucket, seqKey(1), map[string]func(*Tx) error{
			"Outgoing":            func(tx *Tx) error { _, _, err := tx.Outgoing(1); return err },
			"Outbox":              func(tx *Tx) error { _, err := collect(tx.Outbox(OutgoingQuery{})); return err },
			"Outbox of a case":    func(tx *Tx) error { _, err := collect(tx.Outbox(OutgoingQuery{Case: id})); return err },
			"NextOutgoing":        func(tx *Tx) error { _, _, err := tx.NextOutgoing(Mail); return err },
			"OutgoingByMessageID": func(tx *Tx) error { _, _, err := tx.OutgoingByMessageID(id + ".queued@be"); return err },
			"PutOutgoing":         func(tx *Tx) error { o := mailOf(id); o.ID = 1; return tx.PutOutgoing(o) },
			"EraseCase":           func(tx *Tx) error { return tx.EraseCase(id) },
		}},
		{tasksBucket, seqKey(1), map[string]func(*Tx) error{
			"Task":       func(tx *Tx) error { _, _, err := tx.Task(1); return err },
			"Tasks":      func(tx *Tx) error { _, err := collect(tx.Tasks(TaskQuery{})); return err },
			"open Tasks": func(tx *Tx) error { _, err := collect(tx.Tasks(TaskQuery{Open: true})); return err },
		}},
		{noticesBucket, []byte("N" + id), map[string]func(*Tx) error{
			"Notice":      func(tx *Tx) error { _, _, err := tx.Notice("N" + id); return err },
			"Notices":     func(tx *Tx) error { _, err := collect(tx.Notices(NoticeQuery{})); return err },
			"NoticeBySum": func(tx *Tx) error { _, _, err := tx.NoticeBySum(id); return err },
			"PutNotice":   func(tx *Tx) error { return tx.PutNotice(Notice{ID: "N" + id}) },
			"EraseNotice": func(tx *Tx) error { return tx.EraseNotice("N" + id) },
			"EraseCase":   func(tx *Tx) error { return tx.EraseCase(id) },
		}},
	} {
		path := filepath.Join(t.TempDir(), "na.db")
		s := openTest(t, path)
		fullCase(t, s, id, "a.be")
		mustUpdate(t, s, func(tx *Tx) error { _, err := tx.AddTask(Task{Kind: TaskMail, Detail: "a"}); return err })
		whole := view(t, s, func(tx *Tx) []byte { return bytes.Clone(tx.tx.Bucket(tt.bucket).Get(tt.key)) })
		s.Close()
		for name, junk := range map[string][]byte{
			"nothing":         {},
			"cut short":       whole[:len(whole)-1],
			"twice":           append(bytes.Clone(whole), whole...),
			"unknown field":   append([]byte(`{"secret":"holder@site.example",`), whole[1:]...),
			"of another key":  []byte(`{"id":"2026-00009","number":9}`),
			"another type":    []byte(`["holder@site.example"]`),
			"not JSON at all": {0xff, 0x00, 0x17},
		} {
			edit(t, path, func(tx *bolt.Tx) error { return tx.Bucket(tt.bucket).Put(tt.key, junk) })
			s := openTest(t, path)
			for reader, read := range tt.reads {
				t.Run(fmt.Sprintf("%s/%s/%s", tt.bucket, name, reader), func(t *testing.T) {
					err := s.Try(read)
					if !errors.Is(err, ErrDamaged) || strings.Contains(err.Error(), "holder@") {
						t.Errorf("error = %v, want %v and no more than what cannot be read", err, ErrDamaged)
					}
				})
			}
			s.Close()
		}
	}
}

// An index that leads nowhere is damage, not a crash.
func TestDamagedIndexes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "na.db")
	openTest(t, path).Close()
	edit(t, path, func(tx *bolt.Tx) error {
		return errors.Join(
			tx.Bucket(endedBucket).Put([]byte("short"), nil),
			tx.Bucket(deadlinesBucket).Put([]byte("short"), nil),
			tx.Bucket(outboxBucket).Put([]byte("mail\x00"), nil),
			tx.Bucket(leavesBucket).Put([]byte("2026-00001\x00\xff"), nil),
			tx.Bucket(messageIDsBucket).Put([]byte("1@be"), nil),
			tx.Bucket(openBucket).Put([]byte("\xff"), nil),
			tx.Bucket(noticesOfBucket).Put([]byte("2026-00001\x00"), nil),
			tx.Bucket(sumsBucket).Put([]byte("00"), nil),
			tx.Bucket(eventsBucket).Put([]byte("2026-00001\x00\x01"), nil),
		)
	})
	s := openTest(t, path)
	for name, read := range map[string]func(*Tx) error{
		"Erasable":            func(tx *Tx) error { _, err := tx.Erasable(noon); return err },
		"NextOutgoing":        func(tx *Tx) error { _, _, err := tx.NextOutgoing(Mail); return err },
		"Outbox":              func(tx *Tx) error { _, err := collect(tx.Outbox(OutgoingQuery{Case: "2026-00001"})); return err },
		"OutgoingByMessageID": func(tx *Tx) error { _, _, err := tx.OutgoingByMessageID("1@be"); return err },
		"Tasks":               func(tx *Tx) error { _, err := collect(tx.Tasks(TaskQuery{Open: true})); return err },
		"NoticeBySum":         func(tx *Tx) error { _, _, err := tx.NoticeBySum("00"); return err },
		"CaseEvents":          func(tx *Tx) error { _, err := tx.CaseEvents("2026-00001"); return err },
	} {
		t.Run(name, func(t *testing.T) {
			if err := s.View(read); !errors.Is(err, ErrDamaged) {
				t.Errorf("error = %v, want %v", err, ErrDamaged)
			}
		})
	}
	if at, ok := view2(t, s, (*Tx).NextCaseDeadline); ok {
		t.Errorf("a deadline at %s, want none", at)
	}
}

// A missing event is damage.
func TestMissingCaseEvent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "na.db")
	s := openTest(t, path)
	fullCase(t, s, "2026-00001", "a.be")
	s.Close()
	edit(t, path, func(tx *bolt.Tx) error { return tx.Bucket(eventsBucket).Delete(eventKey("2026-00001", 2)) })
	s = openTest(t, path)
	err := s.View(func(tx *Tx) error { _, err := tx.CaseEvents("2026-00001"); return err })
	if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "event 2 of case 2026-00001 is missing") {
		t.Errorf("error = %v, want %v that names the event", err, ErrDamaged)
	}
}

// fuzzRecord checks that what can be decoded is found again as it was.
func fuzzRecord[T any](f *testing.F, decode func(b []byte) (T, error), seeds ...T) {
	for _, seed := range seeds {
		b, err := json.Marshal(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)/2])
		f.Add(append(b, b...))
	}
	f.Add([]byte("null"))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := decode(b)
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Fatalf("error = %v, want %v", err, ErrDamaged)
			}
			return
		}
		first, err := json.Marshal(v)
		if err != nil {
			t.Fatalf("encoding what was decoded: %v", err)
		}
		again, err := decode(first)
		if err != nil {
			t.Fatalf("decoding %s again: %v", first, err)
		}
		if second, err := json.Marshal(again); err != nil || !bytes.Equal(first, second) {
			t.Fatalf("encoded again: %s, %v; want %s", second, err, first)
		}
	})
}

func FuzzDecodeCase(f *testing.F) {
	steps, err := run(procedure.Case{}, opening("2026-00001", "a.be"), noon)
	if err != nil {
		f.Fatal(err)
	}
	fuzzRecord(f, func(b []byte) (procedure.Case, error) { return decodeCase("2026-00001", b) }, steps[0].Case)
}

func FuzzDecodeCaseEvent(f *testing.F) {
	whole := CaseEvent{Number: 1, Event: opening("2026-00001", "a.be"), Nonce: strings.Repeat("0", 32), Effects: []procedure.Effect{
		{Kind: procedure.Flag, Names: []string{"a.be"}, NotAfter: noon}, {Kind: procedure.Mail, Names: []string{"a.be"}, Mail: procedure.HolderNotice},
	}}
	erased := CaseEvent{Number: 1, Event: whole.Event.Erased(), Erased: true}
	fuzzRecord(f, func(b []byte) (CaseEvent, error) { return decodeCaseEvent(eventKey("2026-00001", 1), b) }, whole, erased)
}

func FuzzDecodeOutgoing(f *testing.F) {
	mail, order := mailOf("2026-00001"), Outgoing{ID: 1, Kind: Order, Status: Manual, Order: procedure.OrderCancel, Sent: noon}
	mail.ID = 1
	fuzzRecord(f, func(b []byte) (Outgoing, error) { return decodeOutgoing(seqKey(1), b) }, mail, order)
}

func FuzzDecodeTask(f *testing.F) {
	fuzzRecord(f, func(b []byte) (Task, error) { return decodeTask(seqKey(1), b) },
		Task{ID: 1, Kind: TaskMail, Outgoing: 3, Opened: noon, Closed: noon.Add(time.Hour), ClosedBy: "uid:0"})
}

func FuzzDecodeNotice(f *testing.F) {
	fuzzRecord(f, func(b []byte) (Notice, error) { return decodeNotice("N2026-00001", b) }, mailedNotice("N2026-00001", "00aa"))
}
