package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// noticeStatuses are those of a notice by mail that the API knows.
var noticeStatuses = []string{"draft", "unreadable", "bounce", "filed", "opened", "discarded"}

// noticeView is what nactl reads of a mail that came in.
type noticeView struct {
	ID, Via, Status, From, Subject, SMIME, Problem, Bounced, Case, Reason string
	Received                                                              time.Time
	Size                                                                  int
	Text                                                                  string
	DKIM, Missing, Suggested                                              []string
	DecidedBy                                                             string `json:"decided_by"`
	Erased                                                                bool
	Draft                                                                 struct {
		Authority, Office, Reference, Signed, Signature string
		Inspector                                       contactView
		Names, Provisions                               []string
		Competent, Found                                bool
	}
}

func (a *app) noticeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "notice",
		Short: "Submit and see notices that came by mail",
		Long: "A draft becomes a case with nactl case open --message ID. An answer to a mail of ours is\n" +
			"filed in its case; what it says is recorded with nactl case claim CASE --evidence ID, or\n" +
			"word, or what else it is.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.noticeListCommand(), a.noticeShowCommand(), a.noticeSubmitCommand(), a.noticeFileCommand(), a.noticeDiscardCommand(), a.noticeMessageCommand())
	return cmd
}

// oneNotice wants exactly one argument, the id of a notice.
func oneNotice(_ *cobra.Command, args []string) error {
	if len(args) != 1 || args[0] == "" {
		return fmt.Errorf("expected the id of one notice, such as N2026-00001, got %d arguments", len(args))
	}
	return nil
}

func noticePath(id string) string { return namePath("/v1/notices/", id) }

func (a *app) noticeListCommand() *cobra.Command {
	var status string
	var pages paging
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the mails that came in",
		Args:  cobra.NoArgs,
		RunE: do(func(ctx context.Context, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			query := url.Values{}
			set(query, "status", status)
			items, next, err := pages.fetch(ctx, c, "/v1/notices", "notices", query)
			if err != nil {
				return err
			}
			notices, err := parseAll[noticeView](items)
			if err != nil {
				return err
			}
			err = a.showValue(pageOf("notices", items, next), func(w io.Writer) {
				fmt.Fprintln(w, "NOTICE\tRECEIVED\tSTATUS\tCASE\tFROM\tSUBJECT")
				for _, n := range notices {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", n.ID, when(n.Received), n.Status, dash(n.Case), oneLine(n.From), oneLine(n.Subject))
				}
			})
			a.more(next)
			return err
		}),
	}
	pages.register(cmd, "notices")
	cmd.Flags().StringVar(&status, "status", "", "only those with this status: "+strings.Join(noticeStatuses, ", "))
	complete(cmd, "status", noticeStatuses...)
	return cmd
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func (a *app) noticeShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "show NOTICE",
		Short:             "Show a mail that came in, and what could be read of it",
		Args:              oneNotice,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: do(func(ctx context.Context, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			var n noticeView
			body, err := c.get(ctx, noticePath(args[0]), nil, &n)
			if err != nil {
				return err
			}
			return a.show(body, func(w io.Writer) { printNotice(w, n) })
		}),
	}
}

func printNotice(w io.Writer, n noticeView) {
	line := func(what, text string) {
		if text != "" && text != "-" {
			fmt.Fprintf(w, "%s\t%s\n", what, oneLine(text))
		}
	}
	line("notice", n.ID)
	line("status", n.Status)
	line("received", when(n.Received)+" via "+n.Via)
	line("from", n.From)
	line("subject", n.Subject)
	line("DKIM", strings.Join(n.DKIM, "; "))
	line("S/MIME", n.SMIME)
	line("problem", n.Problem)
	line("bounced", n.Bounced)
	line("case", n.Case)
	line("perhaps case", strings.Join(n.Suggested, " "))
	line("decided by", n.DecidedBy)
	line("reason", n.Reason)
	if n.Erased {
		line("erased", "yes")
	}
	d := n.Draft
	line("authority", d.Authority)
	line("found by", d.Inspector.String())
	line("office", d.Office)
	line("names", strings.Join(d.Names, " "))
	line("provisions", strings.Join(d.Provisions, "; "))
	line("reference", d.Reference)
	line("signed", strings.TrimSpace(d.Signed+" "+d.Signature))
	for _, item := range n.Missing {
		line("missing", item)
	}
	for text := range strings.Lines(n.Text) {
		fmt.Fprintf(w, "\t| %s\n", oneLine(text))
	}
}

func (a *app) noticeSubmitCommand() *cobra.Command {
	var how change
	cmd := &cobra.Command{
		Use:   "submit FILE|-",
		Short: "Submit a mail as it came in (RFC 5322), at most 10 MiB",
		Long:  "The same mail again is the same notice, so a submission can be repeated.",
		Args:  cobra.ExactArgs(1),
		RunE: do(func(ctx context.Context, args []string) error {
			mail, err := a.readFile(args[0])
			if err != nil {
				return err
			}
			return a.changeNotice(ctx, &how, request{
				path: "/v1/notices", header: map[string]string{"Content-Type": "message/rfc822"}, body: bytes.NewReader(mail),
			})
		}),
	}
	cmd.Flags().BoolVar(&how.dryRun, "dry-run", false, "read it but keep nothing")
	return cmd
}

func (a *app) noticeFileCommand() *cobra.Command {
	var how change
	cmd := &cobra.Command{
		Use:               "file NOTICE CASE",
		Short:             "Say which case a mail that came in is about; it starts no clock",
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: do(func(ctx context.Context, args []string) error {
			body, err := json.Marshal(map[string]string{"case": args[1]})
			must(err)
			return a.changeNotice(ctx, &how, request{
				path: noticePath(args[0]) + "/file", header: map[string]string{"Content-Type": "application/json"}, body: bytes.NewReader(body),
			})
		}),
	}
	cmd.Flags().BoolVar(&how.dryRun, "dry-run", false, "do everything but keep nothing")
	return cmd
}

func (a *app) noticeDiscardCommand() *cobra.Command {
	var how change
	var reason string
	cmd := &cobra.Command{
		Use:               "discard NOTICE --reason TEXT",
		Short:             "Say that a mail that came in becomes no case; it is kept",
		Args:              oneNotice,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: do(func(ctx context.Context, args []string) error {
			return a.changeNotice(ctx, &how, reasonRequest(noticePath(args[0])+"/discard", reason))
		}),
	}
	cmd.Flags().BoolVar(&how.dryRun, "dry-run", false, "do everything but keep nothing")
	registerReason(cmd, &reason)
	return cmd
}

// changeNotice makes a call that changes a notice, and shows what has become of it.
func (a *app) changeNotice(ctx context.Context, how *change, r request) error {
	c, err := a.connect()
	if err != nil {
		return err
	}
	r.method, r.query = http.MethodPost, how.query()
	body, _, err := c.call(ctx, r)
	if err != nil {
		return err
	}
	var n noticeView
	if err := parse(body, &n); err != nil {
		return err
	}
	return a.show(body, func(w io.Writer) {
		if how.dryRun {
			fmt.Fprintln(w, "dry run: nothing was kept")
		}
		printNotice(w, n)
	})
}

func (a *app) noticeMessageCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "message NOTICE [FILE]",
		Short: "Write a mail as it came in, byte for byte",
		Args:  cobra.RangeArgs(1, 2),
		RunE: do(func(ctx context.Context, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			body, _, err := c.call(ctx, request{method: http.MethodGet, path: noticePath(args[0]) + "/message"})
			if err != nil {
				return err
			}
			if len(args) == 2 {
				if err := os.WriteFile(args[1], body, 0o600); err != nil {
					return fmt.Errorf("writing: %w", err)
				}
				return nil
			}
			_, err = a.out.Write(body)
			return err
		}),
	}
}
