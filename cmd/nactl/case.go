package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// states are those of a case that the API knows.
var states = []string{
	"received", "holder_window", "review_reminder", "review_claim", "review_authority", "removal_run", "quarantine",
	"reinstated", "withdrawn", "released",
}

func (a *app) caseCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "case",
		Short: "Open cases, see where they stand, and record what happened in them",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.caseOpenCommand(), a.caseListCommand(), a.caseShowCommand(),
		a.messagesCommand(), a.messageCommand(), a.retryCommand(), a.verifyCommand(), a.everywhereCommand())
	for _, e := range events {
		cmd.AddCommand(a.eventCommand(e))
	}
	return cmd
}

// oneCase wants exactly one argument, the id of a case.
func oneCase(_ *cobra.Command, args []string) error {
	if len(args) != 1 || args[0] == "" {
		return fmt.Errorf("expected the id of one case, such as 2026-00001, got %d arguments", len(args))
	}
	return nil
}

func casePath(id string) string { return namePath("/v1/cases/", id) }

// caseView is what nactl reads of a case.
type caseView struct {
	ID, State, Outcome, Authority, Reference string
	Names                                    []caseName
	Received, Started, Notified, Ended       time.Time
	Window, Removal                          string
	NotAfter                                 time.Time `json:"not_after"`
	Claims, Extensions, Missed, Events       int
	Next                                     *deadlineView
	Opener                                   actorView
	Notice                                   struct {
		Inspector contactView
		Office    string
		Signed    string
		Signature string

		Provisions []string
	}
	Parties struct {
		Holder     contactView
		Language   string
		Prosecutor bool
		Sites      []struct {
			Name      string
			Registrar contactView
			Addresses []string
			Offline   bool
		}
	}
}

type caseName struct {
	Name, Unicode, Outcome string
	Orders                 []struct {
		Order         string
		At, Confirmed time.Time
	}
}

type actorView struct{ Kind, Name string }

type contactView struct{ Name, Email string }

func (c contactView) String() string {
	switch {
	case c == contactView{}:
		return "-"
	case c.Email == "":
		return c.Name
	}
	return strings.TrimSpace(c.Name + " <" + c.Email + ">")
}

func (n caseName) String() string {
	text := both(n.Name, n.Unicode)
	if n.Outcome != "" {
		text += ": " + n.Outcome
	}
	return text
}

func namesOf(names []caseName) string {
	all := make([]string, len(names))
	for i, n := range names {
		all[i] = n.String()
	}
	return strings.Join(all, ", ")
}

func (a *app) caseListCommand() *cobra.Command {
	var which struct {
		state, authority, name string
		running                bool
	}
	var pages paging
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List cases",
		Args:  cobra.NoArgs,
		RunE: do(func(ctx context.Context, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			query := url.Values{}
			set(query, "state", which.state)
			set(query, "authority", which.authority)
			set(query, "name", which.name)
			if which.running {
				query.Set("running", "true")
			}
			items, next, err := pages.fetch(ctx, c, "/v1/cases", "cases", query)
			if err != nil {
				return err
			}
			cases, err := parseAll[caseView](items)
			if err != nil {
				return err
			}
			err = a.showValue(pageOf("cases", items, next), func(w io.Writer) {
				fmt.Fprintln(w, "CASE\tSTATE\tAUTHORITY\tREFERENCE\tRECEIVED\tNEXT DEADLINE\tNAMES")
				for _, v := range cases {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", v.ID, v.stands(), v.Authority, oneLine(v.Reference), when(v.Received), v.Next.short(), namesOf(v.Names))
				}
			})
			a.more(next)
			return err
		}),
	}
	pages.register(cmd, "cases")
	f := cmd.Flags()
	f.StringVar(&which.state, "state", "", "only cases in this state: "+strings.Join(states, ", "))
	f.StringVar(&which.authority, "authority", "", "only cases of this authority")
	f.StringVar(&which.name, "name", "", "only cases that this name is or was in")
	f.BoolVar(&which.running, "running", false, "only cases that are not over")
	complete(cmd, "state", states...)
	return cmd
}

// stands is the state of the case, and how it ended.
func (v caseView) stands() string {
	if v.Outcome == "" {
		return v.State
	}
	return v.State + ": " + v.Outcome
}
