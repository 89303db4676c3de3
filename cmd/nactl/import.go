package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
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
			"was done, give it the same --idempotency-key: within 24 hours it is done once.",
		Args: cobra.ExactArgs(1),
		RunE: do(func(ctx context.Context, args []string) error { return a.importFile(ctx, args[0], key, how) }),
	}
	cmd.Flags().StringVar(&key, "idempotency-key", "", "the Idempotency-Key, instead of a new one")
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
		err = fmt.Errorf("%w\nit may have been imported all the same: repeat it with --idempotency-key %s to have it done once", err, key)
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
