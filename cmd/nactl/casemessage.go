package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// statuses are those of a message that the API knows.
var statuses = []string{"queued", "sending", "sent", "failed", "bounced", "manual", "done", "withdrawn"}

// messageView is what nactl reads of a mail or an order that leaves.
type messageView struct {
	Number              uint64
	Kind, Status        string
	Event, Attempts     int
	Names               []string
	Created, Next, Sent time.Time
	Error               string
	Resent              bool
	Mail, To, Order     string
	Recipients          []string
	Language, Subject   string
	MessageID           string `json:"message_id"`
	Message             string
}

// title says which message it is.
func (m messageView) title() string {
	if m.Kind == "order" {
		return "order " + m.Order + ": " + strings.Join(m.Names, " ")
	}
	return fmt.Sprintf("mail %s to the %s, %s: %s", m.Mail, m.To, strings.Join(m.Recipients, " "), oneLine(m.Subject))
}

// fate says how far it has come.
func (m messageView) fate() string {
	text := m.Status
	switch {
	case !m.Sent.IsZero():
		text += " " + when(m.Sent)
	case !m.Next.IsZero():
		text += ", next try " + when(m.Next)
	}
	if m.Attempts > 1 {
		text += fmt.Sprintf(", %d attempts", m.Attempts)
	}
	if m.Resent {
		text += ", may have left twice"
	}
	if m.Error != "" {
		text += ": " + oneLine(m.Error)
	}
	return text
}

func printMessages(w io.Writer, all []messageView) {
	if len(all) == 0 {
		return
	}
	fmt.Fprint(w, "\nwhat leaves\n")
	for _, m := range all {
		fmt.Fprintf(w, "  %s\n", m.title())
	}
}

func (a *app) messagesCommand() *cobra.Command {
	var status string
	var pages paging
	cmd := &cobra.Command{
		Use:               "messages CASE",
		Short:             "List the mails and orders of a case, and how far they have come",
		Args:              oneCase,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: do(func(ctx context.Context, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			query := url.Values{}
			set(query, "status", status)
			items, next, err := pages.fetch(ctx, c, casePath(args[0])+"/messages", "messages", query)
			if err != nil {
				return err
			}
			messages, err := parseAll[messageView](items)
			if err != nil {
				return err
			}
			err = a.showValue(pageOf("messages", items, next), func(w io.Writer) {
				fmt.Fprintln(w, "NUMBER\tCREATED\tWHAT\tSTATUS")
				for _, m := range messages {
					fmt.Fprintf(w, "%d\t%s\t%s\t%s\n", m.Number, when(m.Created), m.title(), m.fate())
				}
			})
			a.more(next)
			return err
		}),
	}
	pages.register(cmd, "messages")
	cmd.Flags().StringVar(&status, "status", "", "only those with this status: "+strings.Join(statuses, ", "))
	complete(cmd, "status", statuses...)
	return cmd
}

// oneMessage wants the id of a case and the number of a message.
func oneMessage(_ *cobra.Command, args []string) error {
	if len(args) != 2 || args[0] == "" || args[1] == "" {
		return fmt.Errorf("expected the id of a case and the number of a message, got %d arguments", len(args))
	}
	return nil
}

func messagePath(args []string) string { return casePath(args[0]) + namePath("/messages/", args[1]) }

func (a *app) messageCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "message CASE NUMBER",
		Short:             "Print one mail or order as it leaves",
		Args:              oneMessage,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: do(func(ctx context.Context, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			var m messageView
			body, err := c.get(ctx, messagePath(args), nil, &m)
			if err != nil {
				return err
			}
			if a.output == "table" {
				_, err := io.WriteString(a.out, m.Message)
				return err
			}
			return a.show(body, nil)
		}),
	}
}

func (a *app) retryCommand() *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use:               "retry CASE NUMBER",
		Short:             "Queue a message that failed or bounced again",
		Args:              oneMessage,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: do(func(ctx context.Context, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			how := change{dryRun: dryRun}
			body, _, err := c.call(ctx, request{method: http.MethodPost, path: messagePath(args) + "/retry", query: how.query()})
			if err != nil {
				return err
			}
			var m messageView
			if err := parse(body, &m); err != nil {
				return err
			}
			return a.show(body, func(w io.Writer) { fmt.Fprintf(w, "%smessage %d: %s\n", dry(dryRun), m.Number, m.fate()) })
		}),
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "do everything but keep nothing")
	return cmd
}
