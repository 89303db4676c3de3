package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

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
