// Package store keeps the flags, where their names can be reached, the cases with what came in and leaves
// because of them, the warning pages of authorities, and the journal on disk, in one bbolt database, and is the only room that knows bbolt.
//
// A change is one durable commit or nothing, and a commit that fails is never visible: a read that
// begins during a commit waits for its outcome, and if bbolt shows a commit that it could not confirm,
// reads go on with what was acknowledged before it and writes are refused until the database is opened
// anew. Every record is decoded within bounds, and a damaged file is an error, not a crash.
//
// The package does not judge what is stored: which names may be flagged, who may do so, when a flag ends and
// what a case comes to is casework's. Its errors quote nothing of a record but ids and names, as there is
// personal data in cases. It never overwrites a file that it did not make.
package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	bolt "go.etcd.io/bbolt"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/leeway"
)

var (
	// ErrLocked is returned when another process has the database open.
	ErrLocked = errors.New("database is in use by another process")
	// ErrForeign is returned when the file is not a database of this program.
	ErrForeign = errors.New("not a database of this program")
	// ErrNewer is returned when the schema is newer than this program.
	ErrNewer = errors.New("database is newer than this program")
	// ErrTruncated is returned when the file is shorter than what it should hold.
	ErrTruncated = errors.New("database file is cut short")
	// ErrDamaged is returned when what the database holds cannot be read.
	ErrDamaged = errors.New("database is damaged")
	// ErrInternal is returned when this program itself failed while it had the database before it; the error
	// holds the stack. Nothing was changed.
	ErrInternal = errors.New("internal error")
	// ErrUnconfirmed is returned by every write after one whose commit reached the file but could not
	// be confirmed. Only opening the database anew tells whether that commit lasted.
	ErrUnconfirmed = errors.New("an earlier commit could not be confirmed; restart to find out whether it lasted")
)

// Store is an open database. Its methods may be called concurrently; writers wait for one another.
type Store struct {
	db   *bolt.DB
	path string
	file fs.FileInfo // what was opened

	commit func(*bolt.Tx) error // (*bolt.Tx).Commit; tests make it fail

	writing      sync.Mutex   // held through a write
	acknowledged sync.RWMutex // held for writing through a commit, for reading while a read begins

	// Set once, with writing and acknowledged held, when a commit could not be confirmed.
	unconfirmed error
	pinned      *bolt.Tx   // the state before that commit
	pinnedUse   sync.Mutex // a bbolt transaction serves one goroutine at a time

	counts    *Counts // as of the last commit; nil: nobody has asked yet
	countsUse sync.Mutex
}

// Same reports whether the file at the path is still the one that was opened. If it is not, because it
// was moved, deleted or replaced, what is written is lost with the process.
func (s *Store) Same() bool {
	now, err := os.Stat(s.path)
	return err == nil && os.SameFile(now, s.file)
}

// Close closes the database. It waits for the reads and the write that run.
func (s *Store) Close() error {
	s.pinnedUse.Lock()
	defer s.pinnedUse.Unlock()
	if s.pinned != nil {
		rollback(s.pinned)
	}
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("closing database: %w", err)
	}
	return nil
}

// View calls read with the last acknowledged state. The Tx and what it hands out by reference are
// valid until read returns. A read that lasts keeps pages from being reused, but keeps no one waiting.
func (s *Store) View(read func(*Tx) error) error {
	s.acknowledged.RLock()
	if s.pinned != nil {
		s.acknowledged.RUnlock()
		s.pinnedUse.Lock()
		defer s.pinnedUse.Unlock()
		return guard(func() error { return within(s.pinned, read) })
	}
	tx, err := s.db.Begin(false)
	s.acknowledged.RUnlock()
	if err != nil {
		return fmt.Errorf("reading database: %w", err)
	}
	defer rollback(tx)
	return guard(func() error { return within(tx, read) })
}

// Update calls change and makes what it did durable in one commit. When change returns an error, or
// the commit does, nothing is changed. When change wrote nothing, there is no commit.
func (s *Store) Update(change func(*Tx) error) error { return s.write(change, true) }

// Try calls change as Update would and then forgets what it did.
func (s *Store) Try(change func(*Tx) error) error { return s.write(change, false) }

func (s *Store) write(change func(*Tx) error, keep bool) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.unconfirmed != nil {
		return s.unconfirmed
	}
	tx, err := s.db.Begin(true)
	if err != nil {
		return fmt.Errorf("writing database: %w", err)
	}
	defer rollback(tx)
	written, bulk := false, false
	var counts *Counts
	err = guard(func() error {
		return within(tx, func(t *Tx) error {
			if err := change(t); err != nil {
				return err
			}
			written, bulk, counts = t.written, t.bulk, t.counts
			return t.flush()
		})
	})
	if err != nil || !written || !keep {
		return err
	}
	if bulk && s.Same() {
		leeway.WriteBack(s.path, func() { err = s.confirm(tx) })
	} else {
		err = s.confirm(tx)
	}
	if err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	s.keepCounts(counts)
	return nil
}

// confirm commits tx. After an error it looks whether bbolt shows the commit all the same, which it
// does when the meta page was written but not synced; then the state before it stays the one to read.
func (s *Store) confirm(tx *bolt.Tx) error {
	s.acknowledged.Lock()
	defer s.acknowledged.Unlock()
	before, err := s.db.Begin(false)
	if err != nil {
		return err
	}
	failed := guard(func() error { return s.commit(tx) })
	if failed == nil {
		rollback(before)
		return nil
	}
	rollback(tx) // still open only if bbolt panicked
	now, err := s.db.Begin(false)
	if err == nil {
		defer rollback(now)
		if now.ID() == before.ID() {
			rollback(before)
			return failed
		}
	}
	s.pinned = before
	s.unconfirmed = fmt.Errorf("%w (%w)", ErrUnconfirmed, failed)
	return s.unconfirmed
}

// rollback ends a transaction whose outcome is settled; if it is closed already, so much the better.
func rollback(tx *bolt.Tx) { _ = tx.Rollback() }

// within calls do with the records of tx.
func within(tx *bolt.Tx, do func(*Tx) error) error {
	t, err := newTx(tx)
	if err != nil {
		return err
	}
	return do(t)
}
