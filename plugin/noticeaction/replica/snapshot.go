package replica

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
)

// A snapshot is a magic line, the signed head after its length, the count of names, the name and body of each
// record after their lengths, bucket by bucket, and the SHA-256 of all that. Numbers are varints as in
// encoding/binary. The checksum finds damage; what authenticates is the head.
const snapshotMagic = "coredns-na noticeaction snapshot 1\n"

const maxSnapshotRecord = maxMail + 1024

// writeSnapshot writes a set whole or not at all: beside the file first, then in its place.
func writeSnapshot(file string, head []byte, set *records) error {
	if err := replaceFile(file, func(w io.Writer) error { return encodeSnapshot(w, head, set) }); err != nil {
		return fmt.Errorf("writing snapshot: %w", err)
	}
	return nil
}

func encodeSnapshot(to io.Writer, head []byte, set *records) error {
	sum := sha256.New()
	w := bufio.NewWriterSize(io.MultiWriter(to, sum), 1<<20)
	lead := append([]byte(snapshotMagic), binary.AppendUvarint(nil, uint64(len(head)))...)
	lead = binary.AppendUvarint(append(lead, head...), uint64(set.count))
	if _, err := w.Write(lead); err != nil {
		return err
	}
	for _, b := range set.buckets {
		if b == nil {
			continue
		}
		if _, err := w.Write(b.run); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := to.Write(sum.Sum(nil))
	return err
}

// replaceFile has write fill a new file, makes it durable and gives it the place of the old one.
func replaceFile(file string, write func(io.Writer) error) (err error) {
	dir := filepath.Dir(file)
	// of one name, so that no power cut leaves more than one
	f, err := os.OpenFile(file+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("expected a directory that can be written to: %w", err)
	}
	defer os.Remove(f.Name())
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), file); err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// readSnapshot reads a snapshot that a trusted key vouches for. The error is [fs.ErrNotExist] when there is
// none, ErrSnapshot when it is damaged or of another set, ErrSignature when no key is trusted that signed it.
func readSnapshot(file, prefix string, keys Keys) (head []byte, set *records, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, nil, fmt.Errorf("reading snapshot: %w", err)
	}
	defer f.Close() // only read
	head, set, err = decodeSnapshot(f)
	if err != nil {
		return nil, nil, fmt.Errorf("reading snapshot %s: %w", file, err)
	}
	h, err := keys.verifyHead(prefix, head)
	if err != nil {
		return nil, nil, fmt.Errorf("reading snapshot %s: %w", file, err)
	}
	if !h.covers(set) {
		return nil, nil, fmt.Errorf("reading snapshot %s: %w: its head is of another set", file, ErrSnapshot)
	}
	return head, set, nil
}

// decodeSnapshot reads a snapshot and checks that it is whole.
func decodeSnapshot(from io.Reader) (head []byte, set *records, err error) {
	r := &summed{r: bufio.NewReaderSize(from, 1<<20), sum: sha256.New()}
	magic := r.take(len(snapshotMagic))
	if r.err != nil || string(magic) != snapshotMagic {
		return nil, nil, fmt.Errorf("%w: it does not begin like one", ErrSnapshot)
	}
	head = r.bytes(maxHead)
	count := r.uvarint()
	var b builder
	for i := uint64(0); i < count && r.err == nil; i++ {
		name := r.bytes(maxName)
		body := r.bytes(maxSnapshotRecord)
		if r.err != nil {
			break
		}
		record, err := decodeBody(string(name), body)
		if err == nil {
			err = b.add(record)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%w: %w", ErrSnapshot, err)
		}
	}
	if r.err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrSnapshot, r.err)
	}
	want := r.sum.Sum(nil)
	if got := r.take(len(want)); r.err != nil || string(got) != string(want) {
		return nil, nil, fmt.Errorf("%w: its checksum is not that of its content", ErrSnapshot)
	}
	if _, err := r.r.ReadByte(); !errors.Is(err, io.EOF) {
		return nil, nil, fmt.Errorf("%w: something follows its end", ErrSnapshot)
	}
	return head, b.records(), nil
}

// summed reads and hashes what it has read. After an error it returns zero values.
type summed struct {
	r   *bufio.Reader
	sum hash.Hash
	one [1]byte
	err error
}

// ReadByte implements [io.ByteReader].
func (s *summed) ReadByte() (byte, error) {
	c, err := s.r.ReadByte()
	s.one[0] = c
	if err == nil {
		s.sum.Write(s.one[:])
	}
	return c, err
}

func (s *summed) uvarint() uint64 {
	if s.err != nil {
		return 0
	}
	var n uint64
	n, s.err = binary.ReadUvarint(s)
	return n
}

// bytes reads a run of bytes after its length, which is at most so many.
func (s *summed) bytes(most uint64) []byte {
	n := s.uvarint()
	if s.err == nil && n > most {
		s.err = fmt.Errorf("expected at most %d bytes, got %d", most, n)
	}
	return s.take(int(min(n, most)))
}

func (s *summed) take(n int) []byte {
	if s.err != nil {
		return nil
	}
	b := make([]byte, n)
	_, s.err = io.ReadFull(s.r, b)
	s.sum.Write(b)
	return b
}

// damaged ends the name of a snapshot that was set aside.
const damaged = ".damaged"

// setAside gives a snapshot that is of no use another name, so that a person can look at it.
func setAside(file string) error {
	if err := os.Rename(file, file+damaged); err != nil {
		return fmt.Errorf("setting snapshot aside: %w", err)
	}
	return nil
}
