package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

type auditPage struct {
	Entries []json.RawMessage `json:"entries"`
	Next    uint64            `json:"next,omitempty"`
}

// entryView is what nactl reads of a line of the journal.
type entryView struct {
	Seq        uint64      `json:"seq"`
	Time       time.Time   `json:"time"`
	Generation uint64      `json:"generation"`
	Actor      string      `json:"actor"`
	Action     string      `json:"action"`
	Name       string      `json:"name"`
	Reason     string      `json:"reason"`
	Case       string      `json:"case"`
	Event      int         `json:"event"`
	Kind       string      `json:"kind"`
	State      string      `json:"state"`
	Late       bool        `json:"late"`
	Authority  string      `json:"authority"`
	Version    uint64      `json:"version"`
	Before     *redirected `json:"before"`
	After      *redirected `json:"after"`
	Prev       string      `json:"prev"`
}

// about is the name or the case that the line is about.
func (e entryView) about() string {
	switch {
	case e.Name != "" && e.Case != "":
		return e.Name + " in case " + e.Case
	case e.Case != "" && e.Event > 0:
		return fmt.Sprintf("case %s event %d", e.Case, e.Event)
	case e.Case != "":
		return "case " + e.Case
	case e.Version > 0:
		return fmt.Sprintf("page of %s, version %d", e.Authority, e.Version)
	}
	return e.Name
}

// detail is what happened, where it left the case, and why.
func (e entryView) detail() string {
	var parts []string
	for _, part := range []string{e.Kind, e.State, e.Reason} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	if e.Late {
		parts = append(parts, "late")
	}
	return strings.Join(parts, ", ")
}

func (a *app) auditCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Read or verify the journal",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.auditListCommand(), a.auditVerifyCommand())
	return cmd
}

func (a *app) auditListCommand() *cobra.Command {
	var after uint64
	var limit int
	var name string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Show lines of the journal, oldest first",
		Args:  cobra.NoArgs,
		RunE: do(func(ctx context.Context, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			query := url.Values{"limit": {strconv.Itoa(limit)}, "after": {strconv.FormatUint(after, 10)}}
			if name != "" {
				query.Set("name", name)
			}
			var page auditPage
			body, err := c.get(ctx, "/v1/audit", query, &page)
			if err != nil {
				return err
			}
			entries := make([]entryView, len(page.Entries))
			for i, line := range page.Entries {
				if err := parse(line, &entries[i]); err != nil {
					return err
				}
			}
			err = a.show(body, func(w io.Writer) {
				fmt.Fprintln(w, "SEQ\tTIME\tACTOR\tACTION\tABOUT\tGENERATION\tREASON")
				for _, e := range entries {
					fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%d\t%s\n", e.Seq, when(e.Time), e.Actor, e.Action, e.about(), e.Generation, e.detail())
				}
			})
			if page.Next != 0 && a.output == "table" {
				fmt.Fprintf(a.err, "nactl: there are more: --after %d\n", page.Next)
			}
			return err
		}),
	}
	cmd.Flags().Uint64Var(&after, "after", 0, "only lines after this sequence number")
	cmd.Flags().IntVar(&limit, "limit", 100, "most lines, 1 to 1000")
	cmd.Flags().StringVar(&name, "name", "", "only lines about this name")
	return cmd
}

func (a *app) auditVerifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify",
		Short: "Check that the journal is unbroken and leads to the flags there are",
		Long: "Reads the whole journal and recomputes its chain: each line holds the SHA-256 of\n" +
			"the line before. The last line is compared with the head that the status shows, and\n" +
			"the flags that the lines lead to with its digest, so that a flag which was put in\n" +
			"or taken out past the journal is seen.\n" +
			"To notice a journal that was rewritten as a whole, keep the head somewhere else.",
		Args: cobra.NoArgs,
		RunE: do(func(ctx context.Context, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			// The status comes first: lines written meanwhile lie after its head.
			var s statusView
			if _, err := c.get(ctx, "/v1/status", nil, &s); err != nil {
				return err
			}
			if err := c.walk(ctx, s); err != nil {
				return err
			}
			result := struct {
				Lines  uint64 `json:"lines"`
				Head   string `json:"head"`
				Digest string `json:"digest"`
			}{s.JournalLength, s.JournalHead, s.Digest}
			return a.showValue(result, func(w io.Writer) {
				fmt.Fprintf(w, "the journal is unbroken: %d lines, head %s; it leads to the flags there are: digest %s\n", result.Lines, result.Head, result.Digest)
			})
		}),
	}
}

// walk reads every page of the journal and checks it against the status.
func (c *client) walk(ctx context.Context, s statusView) error {
	journal := newChain()
	// An empty journal has its head without any line.
	if err := journal.compare(s); err != nil {
		return err
	}
	query := url.Values{"limit": {strconv.Itoa(maxPage)}}
	for {
		var page auditPage
		if _, err := c.get(ctx, "/v1/audit", query, &page); err != nil {
			return err
		}
		for _, line := range page.Entries {
			if err := journal.add(line); err != nil {
				return err
			}
			if err := journal.compare(s); err != nil {
				return err
			}
		}
		if page.Next == 0 {
			break
		}
		query.Set("after", strconv.FormatUint(page.Next, 10))
	}
	if journal.length < s.JournalLength {
		return fmt.Errorf("the journal is broken at line %d: expected %d lines, got %d", journal.length+1, s.JournalLength, journal.length)
	}
	return nil
}

// chain is a journal read so far.
type chain struct {
	length uint64
	head   string // hex SHA-256 of the last line; zeros when there is none
	flags  replay
}

func newChain() *chain { return &chain{head: strings.Repeat("0", 64)} }

// add appends a line, if it is the next one.
func (c *chain) add(line []byte) error {
	var e entryView
	n := c.length + 1
	if err := json.Unmarshal(line, &e); err != nil {
		return fmt.Errorf("the journal is broken at line %d: expected a JSON object: %w", n, err)
	}
	if e.Seq != n {
		return fmt.Errorf("the journal is broken at line %d: expected that sequence number, got %d", n, e.Seq)
	}
	if e.Prev != c.head {
		return fmt.Errorf("the journal is broken at line %d: expected prev %s, the SHA-256 of the line before, got %s", n, c.head, e.Prev)
	}
	sum := sha256.Sum256(line)
	c.length, c.head = n, hex.EncodeToString(sum[:])
	c.flags.apply(e.Before, e.After)
	return nil
}

// compare checks the head and the flags once as many lines are read as the status counts.
func (c *chain) compare(s statusView) error {
	switch {
	case c.length != s.JournalLength:
		return nil
	case c.head != s.JournalHead:
		return fmt.Errorf("the journal is broken at line %d: expected the head %s of the status, got %s", c.length, s.JournalHead, c.head)
	case c.flags.digest() != s.Digest:
		return fmt.Errorf("the flags were changed past the journal: expected the digest %s, to which its %d lines lead, got %s in the status",
			c.flags.digest(), c.length, s.Digest)
	}
	return nil
}
