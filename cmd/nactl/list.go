package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

// selection is the flags that choose which flags a command is about.
type selection struct{ zone, authority string }

func (s *selection) register(a *app, cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.zone, "zone", "", "only names directly below this zone")
	cmd.Flags().StringVar(&s.authority, "authority", "", "only flags of this authority")
	must(cmd.RegisterFlagCompletionFunc("zone", a.completeZones))
}

func (s *selection) query() url.Values {
	q := url.Values{}
	if s.zone != "" {
		q.Set("zone", s.zone)
	}
	if s.authority != "" {
		q.Set("authority", s.authority)
	}
	return q
}

// maxPage is the largest page that the API gives.
const maxPage = 1000

func (a *app) listCommand() *cobra.Command {
	var which selection
	var limit int
	var after string
	var all bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List flags in name order",
		Args:  cobra.NoArgs,
		RunE: do(func(ctx context.Context, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			if all {
				limit = maxPage
			}
			query := which.query()
			query.Set("limit", strconv.Itoa(limit))
			if after != "" {
				query.Set("after", after)
			}
			// Each flag stays as the server wrote it, for --output json.
			var list struct {
				Flags []json.RawMessage `json:"flags"`
				Next  string            `json:"next,omitempty"`
			}
			flags := []json.RawMessage{}
			for {
				list.Flags, list.Next = nil, ""
				if _, err := c.get(ctx, "/v1/flags", query, &list); err != nil {
					return err
				}
				flags = append(flags, list.Flags...)
				if !all || list.Next == "" {
					break
				}
				query.Set("after", list.Next)
			}
			list.Flags = flags
			return a.showList(flags, list.Next, list)
		}),
	}
	which.register(a, cmd)
	cmd.Flags().IntVar(&limit, "limit", 100, "most flags on a page, 1 to 1000; of no effect with --all")
	cmd.Flags().StringVar(&after, "after", "", "only names after this one")
	cmd.Flags().BoolVar(&all, "all", false, "every page")
	return cmd
}

func (a *app) showList(raw []json.RawMessage, next string, v any) error {
	flags := make([]flagView, len(raw))
	for i := range raw {
		if err := parse(raw[i], &flags[i]); err != nil {
			return err
		}
	}
	err := a.showValue(v, func(w io.Writer) {
		fmt.Fprintln(w, "NAME\tAUTHORITY\tREFERENCE\tSINCE\tNOT AFTER")
		for _, f := range flags {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", both(f.Name, f.Unicode), f.Authority, f.Reference, when(f.Since), when(f.NotAfter))
		}
	})
	if next != "" && a.output == "table" {
		fmt.Fprintf(a.err, "nactl: there are more: --all, or --after %s\n", next)
	}
	return err
}

// statusView is what status and audit verify read.
type statusView struct {
	Version       string         `json:"version"`
	Generation    uint64         `json:"generation"`
	Digest        string         `json:"digest"`
	Flags         int            `json:"flags"`
	Zones         map[string]int `json:"zones"`
	TableBytes    int            `json:"table_bytes"`
	DatabaseBytes int64          `json:"database_bytes"`
	Schema        int            `json:"schema"`
	LastCommit    string         `json:"last_commit"`
	JournalLength uint64         `json:"journal_length"`
	JournalHead   string         `json:"journal_head"`

	// Of a server that follows another; empty otherwise.
	Node       string    `json:"node"`
	Redirected int       `json:"redirected"`
	Signed     time.Time `json:"signed"`
	Connected  bool      `json:"connected"`
	Confirmed  time.Time `json:"confirmed"`
	Refusal    string    `json:"refusal"`
	Detail     string    `json:"detail"`
	Error      string    `json:"error"`
}

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show what the server holds",
		Args:  cobra.NoArgs,
		RunE: do(func(ctx context.Context, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			var s statusView
			body, err := c.get(ctx, "/v1/status", nil, &s)
			if err != nil {
				return err
			}
			return a.show(body, func(w io.Writer) { printStatus(w, s) })
		}),
	}
}

func printStatus(w io.Writer, s statusView) {
	fmt.Fprintf(w, "version\t%s\n", s.Version)
	fmt.Fprintf(w, "generation\t%d\n", s.Generation)
	fmt.Fprintf(w, "digest\t%s\n", s.Digest)
	fmt.Fprintf(w, "flags\t%d\n", s.Flags)
	for _, zone := range sortedKeys(s.Zones) {
		fmt.Fprintf(w, "  %s\t%d\n", zone, s.Zones[zone])
	}
	fmt.Fprintf(w, "table\t%d bytes\n", s.TableBytes)
	if s.Node != "" {
		printFollower(w, s)
		return
	}
	fmt.Fprintf(w, "database\t%d bytes, schema %d\n", s.DatabaseBytes, s.Schema)
	last := s.LastCommit
	if last == "" {
		last = "never"
	}
	fmt.Fprintf(w, "last commit\t%s\n", last)
	fmt.Fprintf(w, "journal\t%d lines\n", s.JournalLength)
	fmt.Fprintf(w, "journal head\t%s\n", s.JournalHead)
}

func printFollower(w io.Writer, s statusView) {
	fmt.Fprintf(w, "node\t%s\n", s.Node)
	fmt.Fprintf(w, "redirected\t%d\n", s.Redirected)
	fmt.Fprintf(w, "signed\t%s\n", when(s.Signed))
	fmt.Fprintf(w, "confirmed\t%s\n", when(s.Confirmed))
	state := "connected"
	if !s.Connected {
		state = "out of reach: " + s.Error
	}
	fmt.Fprintf(w, "etcd\t%s\n", state)
	if s.Refusal != "" {
		fmt.Fprintf(w, "refuses\t%s: %s\n", s.Refusal, s.Detail)
	}
}

func sortedKeys(m map[string]int) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// completeZones offers the zones that hold flags, if the server answers.
func (a *app) completeZones(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	c, err := a.connect()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var s statusView
	if _, err := c.get(cmd.Context(), "/v1/status", nil, &s); err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return sortedKeys(s.Zones), cobra.ShellCompDirectiveNoFileComp
}
