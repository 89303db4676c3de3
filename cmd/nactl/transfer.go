package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

func (a *app) importCommand() *cobra.Command {
	var how change
	var key string
	cmd := &cobra.Command{
		Use:   "import FILE|-",
		Short: "Flag many names, all or none",
		Long: "Reads one JSON object a line, with the keys name, authority, reference, and\n" +
			"not_after and note if wanted. The lines of an export fit as they are; those whose\n" +
			"not_after has passed are left out.\n\n" +
			"Each run is an import of its own. To repeat one of which you do not know whether it\n" +
			"was done, give it the same --key: within 24 hours it is done once.",
		Args: cobra.ExactArgs(1),
		RunE: do(func(ctx context.Context, args []string) error { return a.importFile(ctx, args[0], key, how) }),
	}
	cmd.Flags().StringVar(&key, "key", "", "the Idempotency-Key, instead of a new one")
	how.register(cmd)
	return cmd
}

func (a *app) importFile(ctx context.Context, path, key string, how change) error {
	c, err := a.connect()
	if err != nil {
		return err
	}
	f, done, err := openOrSpool(path, a.in)
	if err != nil {
		return err
	}
	defer done()
	if key == "" {
		key = rand.Text()
	}
	body, err := c.upload(ctx, request{
		method: http.MethodPost, path: "/v1/flags/import", query: how.query(), body: io.NopCloser(f),
		header: map[string]string{"Content-Type": "application/x-ndjson", "Idempotency-Key": key},
	})
	if err != nil && !how.dryRun && mayHaveBeenDone(err) {
		err = fmt.Errorf("%w\nit may have been imported all the same: repeat it with --key %s to have it done once", err, key)
	}
	if err != nil {
		return err
	}
	var r importView
	if err := parse(body, &r); err != nil {
		return err
	}
	if r.Replayed {
		return a.show(body, func(w io.Writer) {
			fmt.Fprintf(w, "already imported at %s, in generation %d; nothing done\n", when(r.ImportedAt), r.Generation)
		})
	}
	for _, w := range r.Warnings {
		fmt.Fprintf(a.err, "nactl: warning: line %d, %s: %s\n", w.Line, w.Name, w.Detail)
	}
	if r.MoreWarnings > 0 {
		fmt.Fprintf(a.err, "nactl: warning: and %d more\n", r.MoreWarnings)
	}
	return a.show(body, func(w io.Writer) {
		lapsed := ""
		if r.Lapsed > 0 {
			lapsed = fmt.Sprintf("%d left out as their not_after has passed, ", r.Lapsed)
		}
		fmt.Fprintf(w, "%s%d lines: %d flagged, %d replaced, %d unchanged, %sgeneration %d\n",
			dry(r.DryRun), r.Lines, r.Created, r.Replaced, r.Unchanged, lapsed, r.Generation)
	})
}

// importView is what nactl reads of the report of an import.
type importView struct {
	Lines, Created, Replaced, Unchanged, Lapsed int
	Generation                                  uint64
	DryRun                                      bool `json:"dry_run"`
	Replayed                                    bool
	ImportedAt                                  time.Time `json:"imported_at"`
	Warnings                                    []struct {
		Line         int
		Name, Detail string
	}
	MoreWarnings int `json:"more_warnings"`
}

// mayHaveBeenDone reports whether a failed call may have had its effect: it was neither refused nor
// without a connection.
func mayHaveBeenDone(err error) bool {
	var network *net.OpError
	return !errors.As(err, new(problem)) && !(errors.As(err, &network) && network.Op == "dial")
}

// upload makes a call that takes as long as its body.
func (c *client) upload(ctx context.Context, r request) ([]byte, error) {
	resp, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, c.explain(ctx, err)
	}
	return body, nil
}

// openOrSpool opens a file to send. Standard input is copied to a temporary
// one first, as the server does not wait for a slow one. done closes and removes what it made.
func openOrSpool(path string, stdin io.Reader) (f *os.File, done func(), err error) {
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, nil, fmt.Errorf("opening the import: %w", err)
		}
		return f, func() { f.Close() }, nil
	}
	f, err = os.CreateTemp("", "nactl-import-")
	if err != nil {
		return nil, nil, fmt.Errorf("keeping standard input: %w", err)
	}
	done = func() {
		f.Close()
		os.Remove(f.Name())
	}
	if _, err = io.Copy(f, stdin); err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		done()
		return nil, nil, fmt.Errorf("keeping standard input: %w", err)
	}
	return f, done, nil
}

func (a *app) exportCommand() *cobra.Command {
	var which selection
	cmd := &cobra.Command{
		Use:   "export [FILE|-]",
		Short: "Write all flags of one generation, one JSON object a line",
		Long: "Writes to standard output, or to a file, which appears (or is replaced) only\n" +
			"once every line is there.",
		Args: cobra.MaximumNArgs(1),
		RunE: do(func(ctx context.Context, args []string) error {
			var done struct {
				Generation uint64 `json:"generation"`
				Count      uint64 `json:"count"`
				File       string `json:"file"`
			}
			r := request{method: http.MethodGet, path: "/v1/flags/export", query: which.query()}
			fill := func(w io.Writer) error {
				return a.download(ctx, r, func(header http.Header, body io.Reader) error {
					var err error
					if done.Generation, err = numberIn(header, "Noticeaction-Generation"); err != nil {
						return err
					}
					if done.Count, err = numberIn(header, "Noticeaction-Count"); err != nil {
						return err
					}
					counted := &lineCounter{w: w}
					if _, err := io.Copy(counted, body); err != nil {
						return err
					}
					if counted.lines != done.Count {
						return fmt.Errorf("expected %d lines, got %d", done.Count, counted.lines)
					}
					return nil
				})
			}
			if len(args) == 0 || args[0] == "-" {
				out := bufio.NewWriter(a.out)
				return errors.Join(fill(out), out.Flush())
			}
			done.File = args[0]
			if err := writeWhole(done.File, true, fill); err != nil {
				return err
			}
			return a.showValue(done, func(w io.Writer) {
				fmt.Fprintf(w, "%s: %d flags of generation %d\n", done.File, done.Count, done.Generation)
			})
		}),
	}
	which.register(a, cmd)
	return cmd
}

func (a *app) backupCommand() *cobra.Command {
	var overwrite bool
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write a consistent copy of the live database",
		Long:  "The file appears only once the copy is whole and on disk.",
		Args:  cobra.ExactArgs(1),
		RunE: do(func(ctx context.Context, args []string) error {
			var done struct {
				File  string `json:"file"`
				Bytes uint64 `json:"bytes"`
			}
			done.File = args[0]
			if _, err := os.Lstat(done.File); err == nil && !overwrite {
				return fmt.Errorf("writing %s: expected no such file, or --overwrite", done.File)
			}
			err := writeWhole(done.File, overwrite, func(w io.Writer) error {
				return a.download(ctx, request{method: http.MethodGet, path: "/v1/backup"}, func(header http.Header, body io.Reader) error {
					size, err := numberIn(header, "Content-Length")
					if err != nil {
						return err
					}
					n, err := io.Copy(w, body)
					done.Bytes = uint64(n)
					if err == nil && done.Bytes != size {
						return fmt.Errorf("expected %d bytes, got %d", size, n)
					}
					return err
				})
			})
			if err != nil {
				return err
			}
			return a.showValue(done, func(w io.Writer) { fmt.Fprintf(w, "%s: %d bytes\n", done.File, done.Bytes) })
		}),
	}
	cmd.Flags().BoolVar(&overwrite, "overwrite", false, "replace the file if it exists")
	return cmd
}

// download makes a call whose answer may be long, and gives up when nothing
// comes for the timeout.
func (a *app) download(ctx context.Context, r request, read func(http.Header, io.Reader) error) error {
	c, err := a.connect()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(c.timeout, func() { cancel(context.DeadlineExceeded) })
	defer watch.Stop()
	resp, err := c.send(ctx, r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	err = read(resp.Header, &watchedReader{resp.Body, watch, c.timeout})
	if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		return c.explain(ctx, err)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("reading from %s: the server cut the stream: %w", c.server, err)
	}
	return err
}

// watchedReader puts the watch off with every read.
type watchedReader struct {
	r     io.Reader
	watch *time.Timer
	wait  time.Duration
}

func (w *watchedReader) Read(b []byte) (int, error) {
	n, err := w.r.Read(b)
	w.watch.Reset(w.wait)
	return n, err
}

func numberIn(header http.Header, name string) (uint64, error) {
	n, err := strconv.ParseUint(header.Get(name), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("reading the answer: expected a number in %s: %w", name, err)
	}
	return n, nil
}

type lineCounter struct {
	w     io.Writer
	lines uint64
}

func (c *lineCounter) Write(b []byte) (int, error) {
	c.lines += uint64(bytes.Count(b, []byte{'\n'}))
	return c.w.Write(b)
}

// writeWhole writes a file that appears under its name only when fill is done
// and the content is on disk. Without replace it never takes another's place.
func writeWhole(path string, replace bool, fill func(io.Writer) error) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".nactl-*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	defer func() {
		f.Close()
		if rmErr := os.Remove(f.Name()); rmErr != nil && !errors.Is(rmErr, fs.ErrNotExist) {
			err = errors.Join(err, rmErr)
		}
	}()
	if err := fill(f); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	place := os.Link // fails if the name is taken
	if replace {
		place = os.Rename
	}
	if err := place(f.Name(), path); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("syncing %s: %w", dir, err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("syncing %s: %w", dir, err)
	}
	return nil
}
