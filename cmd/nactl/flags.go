package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

type flagView struct {
	Name      string    `json:"name"`
	Unicode   string    `json:"unicode"`
	Authority string    `json:"authority"`
	Reference string    `json:"reference"`
	Case      string    `json:"case"`
	Note      string    `json:"note"`
	Since     time.Time `json:"since"`
	NotAfter  time.Time `json:"not_after"`
	Changed   uint64    `json:"changed"`
}

type warning struct{ Code, Detail string }

type changeView struct {
	Flag       flagView  `json:"flag"`
	Created    bool      `json:"created"`
	Changed    bool      `json:"changed"`
	Generation uint64    `json:"generation"`
	DryRun     bool      `json:"dry_run"`
	Warnings   []warning `json:"warnings"`
}

// change is the flags of every command that changes something.
type change struct {
	dryRun bool
	force  []string
}

func (c *change) register(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&c.dryRun, "dry-run", false, "do everything but keep nothing")
	cmd.Flags().StringSliceVar(&c.force, "force", nil, "safeguards to override: "+strings.Join(forces, ", "))
	complete(cmd, "force", forces...)
}

func (c *change) query() url.Values {
	q := url.Values{}
	if c.dryRun {
		q.Set("dry_run", "true")
	}
	if len(c.force) > 0 {
		q.Set("force", strings.Join(c.force, ","))
	}
	return q
}

// oneName wants exactly one argument, a name.
func oneName(_ *cobra.Command, args []string) error {
	if len(args) != 1 || args[0] == "" {
		return fmt.Errorf("expected one name, got %d arguments", len(args))
	}
	return nil
}

func (a *app) flagCommand() *cobra.Command {
	var how change
	var wait waiting
	var ifAbsent bool
	var ifMatch, notAfter string
	var authority, reference, note string
	cmd := &cobra.Command{
		Use:               "flag NAME --authority NAME --reference TEXT",
		Short:             "Flag a name, or replace its flag",
		Args:              oneName,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: do(func(ctx context.Context, args []string) error {
			body := map[string]string{"authority": authority, "reference": reference}
			if note != "" {
				body["note"] = note
			}
			if notAfter != "" {
				if _, err := time.Parse(time.RFC3339, notAfter); err != nil {
					return usage{fmt.Errorf("--not-after: expected a time such as 2030-06-30T22:00:00Z, got %q", notAfter)}
				}
				body["not_after"] = notAfter
			}
			encoded, err := json.Marshal(body)
			if err != nil {
				return fmt.Errorf("writing the request: %w", err)
			}
			header := map[string]string{"Content-Type": "application/json"}
			if ifAbsent {
				header["If-None-Match"] = "*"
			}
			if ifMatch != "" {
				header["If-Match"] = ifMatch
			}
			return a.change(ctx, request{
				method: http.MethodPut, path: namePath("/v1/flags/", args[0]),
				query: how.query(), header: header, body: strings.NewReader(string(encoded)),
			}, wait)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&authority, "authority", "", "the public body that orders the flag")
	f.StringVar(&reference, "reference", "", "the authority's own reference")
	f.StringVar(&notAfter, "not-after", "", "when the flag lifts by itself, such as 2030-06-30T22:00:00Z")
	f.StringVar(&note, "note", "", "for people")
	f.BoolVar(&ifAbsent, "if-absent", false, "only if the name is not flagged")
	f.StringVar(&ifMatch, "if-match", "", `only if its flag has this ETag, such as '"42"'`)
	how.register(cmd)
	wait.register(cmd)
	must(cmd.MarkFlagRequired("authority"))
	must(cmd.MarkFlagRequired("reference"))
	return cmd
}

// change makes a call that flags, and shows what it did.
func (a *app) change(ctx context.Context, r request, wait waiting) error {
	c, err := a.connect()
	if err != nil {
		return err
	}
	body, _, err := c.call(ctx, r)
	if err != nil {
		return err
	}
	var v changeView
	if err := parse(body, &v); err != nil {
		return err
	}
	a.warn(v.Warnings)
	err = a.show(body, func(w io.Writer) {
		verb := "unchanged"
		switch {
		case v.Created:
			verb = "flagged"
		case v.Changed:
			verb = "replaced"
		}
		fmt.Fprintf(w, "%s%s: %s, generation %d\n", dry(v.DryRun), both(v.Flag.Name, v.Flag.Unicode), verb, v.Generation)
	})
	if err != nil || v.DryRun {
		return err
	}
	return wait.await(ctx, c, v.Generation, a.err)
}

func dry(dryRun bool) string {
	if dryRun {
		return "dry run: "
	}
	return ""
}

func (a *app) unflagCommand() *cobra.Command {
	var how change
	var wait waiting
	var reason, ifMatch string
	cmd := &cobra.Command{
		Use:               "unflag NAME --reason TEXT",
		Short:             "Lift the flag of a name",
		Args:              oneName,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: do(func(ctx context.Context, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			query := how.query()
			query.Set("reason", reason)
			r := request{method: http.MethodDelete, path: namePath("/v1/flags/", args[0]), query: query}
			if ifMatch != "" {
				r.header = map[string]string{"If-Match": ifMatch}
			}
			body, header, err := c.call(ctx, r)
			if err != nil {
				return err
			}
			done := struct {
				Name       string `json:"name"`
				Generation uint64 `json:"generation"`
				DryRun     bool   `json:"dry_run"`
			}{Name: args[0], DryRun: how.dryRun}
			done.Generation, err = strconv.ParseUint(header.Get("Noticeaction-Generation"), 10, 64)
			if err != nil {
				return fmt.Errorf("reading the answer: expected a generation: %w", err)
			}
			line := func(w io.Writer) {
				fmt.Fprintf(w, "%s%s: unflagged, generation %d\n", dry(done.DryRun), done.Name, done.Generation)
			}
			if len(body) > 0 {
				return a.show(body, line)
			}
			if err := a.showValue(done, line); err != nil {
				return err
			}
			return wait.await(ctx, c, done.Generation, a.err)
		}),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why; the journal keeps it")
	cmd.Flags().StringVar(&ifMatch, "if-match", "", `only if its flag has this ETag, such as '"42"'`)
	how.register(cmd)
	wait.register(cmd)
	must(cmd.MarkFlagRequired("reason"))
	return cmd
}

// forces are the safeguards that the API knows.
var forces = []string{"brake", "private-suffix", "not-delegated", "hosts-name-servers", "zone-unknown"}

// zoneView is what the zone holds around a name.
type zoneView struct {
	Known, Delegated, DS, Signed bool
	NameServers                  []string `json:"name_servers"`
	HostsOf                      int      `json:"hosts_of"`
	RedirectSeconds              int64    `json:"redirect_seconds"`
	UndoSeconds                  int64    `json:"undo_seconds"`
}

func printZone(w io.Writer, z *zoneView) {
	fmt.Fprintf(w, "delegated\t%s\n", yes(z.Delegated))
	if z.Delegated {
		fmt.Fprintf(w, "name servers\t%s\n", strings.Join(z.NameServers, " "))
	}
	fmt.Fprintf(w, "DS record\t%s\n", yes(z.DS))
	fmt.Fprintf(w, "name servers of\t%d other names\n", z.HostsOf)
	fmt.Fprintf(w, "zone forgotten by resolvers\tafter %s, records of the holder's by their own TTLs\n", time.Duration(z.RedirectSeconds)*time.Second)
	fmt.Fprintf(w, "redirect forgotten by resolvers\tafter %s\n", time.Duration(z.UndoSeconds)*time.Second)
}

func (a *app) previewCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "preview NAME",
		Short:             "Say what flagging a name would meet; changes nothing",
		Args:              oneName,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: do(func(ctx context.Context, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			var p struct {
				Name, Unicode    string
				Allowed, Flagged bool
				Refusal          string
				Flag             *flagView
				Warnings         []warning
				Zone             *zoneView
			}
			body, err := c.get(ctx, namePath("/v1/preview/", args[0]), nil, &p)
			if err != nil {
				return err
			}
			a.warn(p.Warnings)
			return a.show(body, func(w io.Writer) {
				fmt.Fprintf(w, "name\t%s\n", both(p.Name, p.Unicode))
				fmt.Fprintf(w, "allowed\t%s\n", yes(p.Allowed))
				if p.Refusal != "" {
					fmt.Fprintf(w, "refusal\t%s\n", p.Refusal)
				}
				fmt.Fprintf(w, "flagged\t%s\n", yes(p.Flagged))
				if p.Flag != nil {
					printFlag(w, *p.Flag)
				}
				if p.Zone != nil && p.Zone.Known {
					printZone(w, p.Zone)
				}
			})
		}),
	}
}
