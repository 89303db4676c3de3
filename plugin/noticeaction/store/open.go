package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// mapSize is the address space mapped for the database, and with it its largest size, so that bbolt
// never maps anew, for which a writer would have to wait until the slowest reader is done. Where there is
// less address space (RLIMIT_AS, "ulimit -v"), it is halved down to leastMap.
var (
	mapSize  = int(min(int64(64<<30), math.MaxInt/2))
	leastMap = 1 << 30
)

// atOnce makes bbolt give up on a locked file without waiting.
const atOnce = time.Millisecond

var (
	application    = []byte("coredns-na noticeaction")
	applicationKey = []byte("application")
	schemaKey      = []byte("schema")
)

// layout[n] is the buckets that came with schema n+1.
var layout = [][][]byte{
	{flagsBucket, expiryBucket, journalBucket, receiptsBucket},
	{reachBucket},
	{
		casesBucket, runningBucket, deadlinesBucket, endedBucket, eventsBucket,
		outgoingBucket, payloadsBucket, outboxBucket, leavesBucket, messageIDsBucket,
		tasksBucket, openBucket, noticesBucket, noticesOfBucket, sumsBucket, evidenceBucket,
	},
	{pagesBucket},
}

// migrations[n] brings schema n to n+1. They run in one transaction.
var migrations = []func(*bolt.Tx) error{
	func(tx *bolt.Tx) error {
		if err := createBuckets(tx, layout[0]...); err != nil {
			return err
		}
		return tx.Bucket(metaBucket).Put(stateKey, make([]byte, stateSizeOld))
	},
	func(tx *bolt.Tx) error { return createBuckets(tx, layout[1]...) },
	func(tx *bolt.Tx) error { return createBuckets(tx, layout[2]...) },
	func(tx *bolt.Tx) error { return createBuckets(tx, layout[3]...) },
	openAccount,
	func(*bolt.Tx) error { return nil }, // the journal got a tail, which is empty
}

func createBuckets(tx *bolt.Tx, names ...[]byte) error {
	for _, name := range names {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	return nil
}

// Schema is the version of the layout that this program writes.
func Schema() int { return len(migrations) }

// Open opens the database at path, and makes it if there is no file. It does not wait: the error is
// ErrLocked when another process has it. Any other file than a whole database of this program is left
// as it is, and the error is ErrForeign, ErrNewer, ErrTruncated or ErrDamaged.
func Open(path string) (*Store, error) {
	s, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("opening database %s: %w", path, err)
	}
	return s, nil
}

func open(path string) (*Store, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := create(path); err != nil {
			return nil, err
		}
		info, err = os.Stat(path)
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: expected a regular file", ErrForeign)
	}
	schema, err := inspect(path)
	if err != nil {
		return nil, err
	}
	s := &Store{path: path, commit: (*bolt.Tx).Commit}
	size := mapSize
	err = s.openMapped(size)
	for errors.Is(err, syscall.ENOMEM) && size/2 >= leastMap {
		size /= 2
		err = s.openMapped(size)
	}
	if errors.Is(err, syscall.ENOMEM) {
		return nil, fmt.Errorf("expected %d MiB of address space to map it to; raise the limit (RLIMIT_AS, ulimit -v): %w", size>>20, err)
	}
	if err != nil {
		return nil, explain(err)
	}
	if schema < Schema() {
		if err := guard(func() error { return s.db.Update(migrate) }); err != nil {
			return nil, errors.Join(err, s.db.Close())
		}
	}
	if err := s.View(complete); err != nil {
		return nil, errors.Join(err, s.db.Close())
	}
	return s, nil
}

// complete checks that every bucket is there, so that transactions open those alone that they use.
func complete(tx *Tx) error {
	for _, buckets := range layout {
		for _, name := range buckets {
			tx.bucket(name)
		}
	}
	return tx.checkEnd()
}

// openMapped opens the database file with a map of so many bytes.
func (s *Store) openMapped(size int) error {
	return guard(func() (err error) {
		s.db, err = bolt.Open(s.path, 0o600, &bolt.Options{
			Timeout:         atOnce,
			FreelistType:    bolt.FreelistMapType,
			InitialMmapSize: size,
			MaxSize:         size,
			OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
				f, err := os.OpenFile(name, flag, mode)
				if err == nil {
					s.file, err = f.Stat()
				}
				return f, err
			},
		})
		return err
	})
}

// create makes an empty database beside path and links it there whole, so that a crash leaves no
// file that a later start would have to refuse.
func create(path string) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, filepath.Base(path)+".new-*") // mode 0600
	if err != nil {
		return fmt.Errorf("expected a directory that can be written to: %w", err)
	}
	defer os.Remove(f.Name())
	if err := f.Close(); err != nil {
		return err
	}
	db, err := bolt.Open(f.Name(), 0o600, &bolt.Options{Timeout: atOnce})
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		meta, err := tx.CreateBucket(metaBucket)
		if err != nil {
			return err
		}
		if err := meta.Put(applicationKey, application); err != nil {
			return err
		}
		return migrate(tx)
	})
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// inspect tells, without writing, whether the file is a whole database of this program, and its schema.
func inspect(path string) (schema int, err error) {
	if err := checkHead(path); err != nil {
		return 0, err
	}
	err = guard(func() error {
		db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: atOnce, ReadOnly: true})
		if err != nil {
			return explain(err)
		}
		err = db.View(func(tx *bolt.Tx) error {
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			if info.Size() < tx.Size() {
				return fmt.Errorf("%w: it holds %d bytes, expected at least %d", ErrTruncated, info.Size(), tx.Size())
			}
			schema, err = identify(tx)
			return err
		})
		return errors.Join(err, db.Close())
	})
	return schema, err
}

// checkHead checks that the file begins like a bbolt database and has the four pages that even an
// empty one has, so that bbolt can be let near it.
func checkHead(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close() // only read
	const (
		magic = 0xED0CDAED // at 16, after the page header; the version at 20, the page size at 24
		most  = 16 << 20   // bytes in a page
	)
	var head [28]byte
	if _, err := io.ReadFull(f, head[:]); err != nil {
		return fmt.Errorf("%w: expected a bbolt database, found an empty or tiny file", ErrForeign)
	}
	if binary.NativeEndian.Uint32(head[16:]) != magic {
		return fmt.Errorf("%w: expected a bbolt database", ErrForeign)
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if page := binary.NativeEndian.Uint32(head[24:]); page <= most && info.Size() < 4*int64(page) {
		return fmt.Errorf("%w: it holds %d bytes, expected at least %d", ErrTruncated, info.Size(), 4*int64(page))
	}
	return nil
}

// identify checks that the database is of this program and not of a later one.
func identify(tx *bolt.Tx) (schema int, err error) {
	meta := tx.Bucket(metaBucket)
	if meta == nil || !bytes.Equal(meta.Get(applicationKey), application) {
		return 0, fmt.Errorf("%w: it is a bbolt database of another program", ErrForeign)
	}
	schema, err = schemaOf(meta)
	if err == nil && schema > Schema() {
		err = fmt.Errorf("%w: it has schema %d, expected at most %d", ErrNewer, schema, Schema())
	}
	return schema, err
}

func schemaOf(meta *bolt.Bucket) (int, error) {
	v := meta.Get(schemaKey)
	if v == nil {
		return 0, nil
	}
	if len(v) != 4 {
		return 0, fmt.Errorf("%w: schema version of %d bytes, expected 4", ErrDamaged, len(v))
	}
	return int(binary.BigEndian.Uint32(v)), nil
}

// migrate brings the database to the schema of this program.
func migrate(tx *bolt.Tx) error {
	meta := tx.Bucket(metaBucket)
	schema, err := schemaOf(meta)
	if err != nil {
		return err
	}
	for n, step := range migrations[schema:] {
		if err := step(tx); err != nil {
			return fmt.Errorf("migrating from schema %d: %w", schema+n, err)
		}
	}
	return meta.Put(schemaKey, binary.BigEndian.AppendUint32(nil, uint32(Schema())))
}

// explain says what bbolt's errors mean for the file.
func explain(err error) error {
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return ErrLocked
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrVersionMismatch):
		return fmt.Errorf("%w: %w", ErrForeign, err)
	case errors.Is(err, bolterrors.ErrChecksum):
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}
