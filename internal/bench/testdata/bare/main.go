// Command bare does to a database of its own what bbolt alone would do with
// the flags of a stopped server: the least that durable storage costs.
//
//	bare SERVER.db OWN.db SOCKET
//
// It reads one command a line, "put", "scan" or "commit", and answers each
// with the nanoseconds it took. On the Unix socket it answers calls as the
// server's API would if there were nothing to do: the least that a call costs.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"time"

	bolt "go.etcd.io/bbolt"
)

var bucket = []byte("flags") // in both databases

type record struct{ key, value []byte }

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintf(os.Stderr, "bare: expected the paths of two databases and a socket, got %q\n", os.Args[1:])
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "bare:", err)
		os.Exit(1)
	}
}

func run(source, own, socket string) error {
	records, err := read(source)
	if err != nil {
		return fmt.Errorf("reading %s: %w", source, err)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	defer listener.Close()
	go func() { _ = http.Serve(listener, http.HandlerFunc(answer)) }()
	fmt.Println(len(records))

	var db *bolt.DB // open while commits come
	extra := 0
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var took time.Duration
		switch command := lines.Text(); command {
		case "put":
			took, err = put(own, records)
		case "scan":
			took, err = scan(own)
		case "commit":
			if db == nil {
				if db, err = bolt.Open(own, 0o600, nil); err != nil {
					return err
				}
				defer db.Close()
			}
			key := fmt.Appendf(nil, "one-more-%d.be", extra)
			extra++
			took, err = timed(func() error {
				return db.Update(func(tx *bolt.Tx) error { return tx.Bucket(bucket).Put(key, records[0].value) })
			})
		default:
			err = fmt.Errorf("expected put, scan or commit, got %q", command)
		}
		if err != nil {
			return err
		}
		fmt.Println(took.Nanoseconds())
	}
	return nil
}

// answer takes a call and says as much as the API does of a new flag.
func answer(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"name":"flagged-0.be","authority":"apd-gba","reference":"DOS-2026-00412","since":"2026-11-29T00:00:00Z"}`)
}

func read(path string) (records []record, err error) {
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	err = db.View(func(tx *bolt.Tx) error {
		flags := tx.Bucket(bucket)
		if flags == nil {
			return errors.New("expected a database with flags")
		}
		return flags.ForEach(func(k, v []byte) error {
			records = append(records, record{bytes.Clone(k), bytes.Clone(v)})
			return nil
		})
	})
	return records, err
}

// put writes all records to a new database in one commit.
func put(path string, records []record) (time.Duration, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	return timed(func() error {
		db, err := bolt.Open(path, 0o600, nil)
		if err != nil {
			return err
		}
		defer db.Close()
		return db.Update(func(tx *bolt.Tx) error {
			b, err := tx.CreateBucket(bucket)
			if err != nil {
				return err
			}
			for _, r := range records {
				if err := b.Put(r.key, r.value); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// scan opens the database and reads every byte of every record.
func scan(path string) (time.Duration, error) {
	sum := byte(0)
	took, err := timed(func() error {
		db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
		if err != nil {
			return err
		}
		defer db.Close()
		return db.View(func(tx *bolt.Tx) error {
			return tx.Bucket(bucket).ForEach(func(k, v []byte) error {
				for _, part := range [][]byte{k, v} {
					for _, c := range part {
						sum ^= c
					}
				}
				return nil
			})
		})
	})
	blackhole = sum
	return took, err
}

var blackhole byte

func timed(do func() error) (time.Duration, error) {
	start := time.Now()
	err := do()
	return time.Since(start), err
}
