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

// deadlineView is what nactl reads of a deadline that runs.
type deadlineView struct {
	Kind, Article, From, Due, Meaning string
	Ends                              time.Time
	IfSilent                          string `json:"if_silent"`
	Overdue                           bool
}

func (d *deadlineView) short() string {
	if d == nil {
		return "-"
	}
	return d.Due + " " + d.Kind
}

func (d deadlineView) due() string {
	if d.Overdue {
		return d.Due + ", overdue"
	}
	return d.Due
}

// printDeadlines shows the last days, in Belgium, and what silence brings.
func printDeadlines(w io.Writer, all []deadlineView) {
	if len(all) == 0 {
		return
	}
	fmt.Fprint(w, "\nuntil 24:00 in Belgium of, and if nobody answers\n")
	for _, d := range all {
		fmt.Fprintf(w, "  %s\t%s\t%s\n", d.due(), d.Kind, d.Meaning)
	}
}

func (a *app) deadlinesCommand() *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:   "deadlines",
		Short: "List the deadlines that run, the earliest first",
		Args:  cobra.NoArgs,
		RunE: do(func(ctx context.Context, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			var running struct {
				Deadlines []struct {
					Case, Authority, State string
					Names                  []string
					Deadline               deadlineView
				}
			}
			body, err := c.get(ctx, "/v1/deadlines", url.Values{"limit": {strconv.Itoa(limit)}}, &running)
			if err != nil {
				return err
			}
			return a.show(body, func(w io.Writer) {
				fmt.Fprintln(w, "LAST DAY\tCASE\tAUTHORITY\tDEADLINE\tNAMES\tIF NOBODY ANSWERS")
				for _, d := range running.Deadlines {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", d.Deadline.due(), d.Case, d.Authority, d.Deadline.Kind, strings.Join(d.Names, " "), d.Deadline.Meaning)
				}
			})
		}),
	}
	cmd.Flags().IntVar(&limit, "limit", 100, "most deadlines, 1 to 1000")
	return cmd
}

// taskView is what nactl reads of a task.
type taskView struct {
	ID                         uint64
	Kind, Case, Notice, Detail string
	Message                    uint64
	Opened, Closed             time.Time
	ClosedBy                   string `json:"closed_by"`
}

// about says what the task is about.
func (t taskView) about() string {
	switch {
	case t.Case != "" && t.Message != 0:
		return fmt.Sprintf("case %s, message %d", t.Case, t.Message)
	case t.Case != "":
		return "case " + t.Case
	case t.Notice != "":
		return "notice " + t.Notice
	}
	return "-"
}

func (a *app) taskCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "task",
		Short: "See and close what a person is to see to",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.taskListCommand(), a.taskCloseCommand())
	return cmd
}

func (a *app) taskListCommand() *cobra.Command {
	var pages paging
	var closed bool
	var about string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the tasks that are open, the oldest first",
		Args:  cobra.NoArgs,
		RunE: do(func(ctx context.Context, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			query := url.Values{}
			set(query, "case", about)
			if closed {
				query.Set("all", "true")
			}
			items, next, err := pages.fetch(ctx, c, "/v1/tasks", "tasks", query)
			if err != nil {
				return err
			}
			tasks, err := parseAll[taskView](items)
			if err != nil {
				return err
			}
			err = a.showValue(pageOf("tasks", items, next), func(w io.Writer) {
				fmt.Fprintln(w, "TASK\tKIND\tOPENED\tABOUT\tDETAIL\tCLOSED")
				for _, t := range tasks {
					fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\n", t.ID, t.Kind, when(t.Opened), t.about(), oneLine(t.Detail), when(t.Closed))
				}
			})
			a.more(next)
			return err
		}),
	}
	pages.register(cmd, "tasks")
	cmd.Flags().BoolVar(&closed, "closed", false, "also those that are closed")
	cmd.Flags().StringVar(&about, "case", "", "only those about this case")
	return cmd
}

func (a *app) taskCloseCommand() *cobra.Command {
	var how change
	var reason string
	cmd := &cobra.Command{
		Use:               "close TASK --reason TEXT",
		Short:             "Say that a task was seen to, and how",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: do(func(ctx context.Context, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			r := reasonRequest(namePath("/v1/tasks/", args[0])+"/close", reason)
			r.method, r.query = http.MethodPost, how.query()
			body, _, err := c.call(ctx, r)
			if err != nil {
				return err
			}
			var t taskView
			if err := parse(body, &t); err != nil {
				return err
			}
			return a.show(body, func(w io.Writer) { fmt.Fprintf(w, "%stask %d: closed\n", dry(how.dryRun), t.ID) })
		}),
	}
	cmd.Flags().BoolVar(&how.dryRun, "dry-run", false, "do everything but keep nothing")
	registerReason(cmd, &reason)
	return cmd
}

func registerReason(cmd *cobra.Command, reason *string) {
	cmd.Flags().StringVar(reason, "reason", "", "why; the journal keeps it, so no personal data")
	must(cmd.MarkFlagRequired("reason"))
}

// reasonRequest is a call whose body is a reason.
func reasonRequest(path, reason string) request {
	body, err := json.Marshal(map[string]string{"reason": reason})
	must(err)
	return request{path: path, header: map[string]string{"Content-Type": "application/json"}, body: strings.NewReader(string(body))}
}
