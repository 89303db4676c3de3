package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// detailView is what nactl reads of a case with what happened in it.
type detailView struct {
	Case      caseView
	Deadlines []deadlineView
	Allowed   []string
	Timeline  []eventView
	Tasks     []taskView
}

// eventView is one event of a case.
type eventView struct {
	Number   int
	Kind     string
	At       time.Time
	Late     bool
	Actor    actorView
	Article  string
	Names    []string
	Days     int
	Until    string
	Order    string
	Deadline string
	Text     string
	Evidence string
	Erased   bool
	Effects  []effectView
}

type effectView struct {
	Kind, Reason, Mail, To, Copy, Order, Deadline string
	Names                                         []string
	NotAfter                                      time.Time `json:"not_after"`
}

func (a *app) caseShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "show CASE",
		Short:             "Show a case: what happened, what runs, and what happens if nobody answers",
		Args:              oneCase,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: do(func(ctx context.Context, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			var d detailView
			body, err := c.get(ctx, casePath(args[0]), nil, &d)
			if err != nil {
				return err
			}
			return a.show(body, func(w io.Writer) {
				printCase(w, d.Case)
				printDeadlines(w, d.Deadlines)
				if len(d.Tasks) > 0 {
					fmt.Fprint(w, "\nto be seen to by a person\n")
					for _, t := range d.Tasks {
						fmt.Fprintf(w, "  task %d\t%s\t%s\n", t.ID, t.Kind, t.Detail)
					}
				}
				fmt.Fprint(w, "\nwhat happened\n")
				for _, e := range d.Timeline {
					printEvent(w, e)
				}
				fmt.Fprintf(w, "\nnext it takes: %s\n", list(d.Allowed))
			})
		}),
	}
}

func list(words []string) string {
	if len(words) == 0 {
		return "nothing"
	}
	return strings.Join(words, ", ")
}

func printCase(w io.Writer, v caseView) {
	line := func(what, text string) {
		if text != "" {
			fmt.Fprintf(w, "%s\t%s\n", what, oneLine(text))
		}
	}
	at := func(what string, t time.Time) {
		if !t.IsZero() {
			line(what, when(t))
		}
	}
	line("case", v.ID)
	line("state", v.stands())
	line("authority", v.Authority)
	line("reference", v.Reference)
	for _, n := range v.Names {
		line("name", n.String())
		for _, o := range n.Orders {
			state := "not confirmed yet"
			if !o.Confirmed.IsZero() {
				state = "confirmed " + when(o.Confirmed)
			}
			line("  order", o.Order+" of "+when(o.At)+", "+state)
		}
	}
	line("found by", v.Notice.Inspector.String()+", "+v.Notice.Office)
	line("provisions", strings.Join(v.Notice.Provisions, "; "))
	line("signed", strings.TrimSpace(v.Notice.Signed+" "+v.Notice.Signature))
	line("holder", strings.TrimSuffix(v.Parties.Holder.String()+", "+v.Parties.Language, ", "))
	if v.Parties.Prosecutor {
		line("prosecutor", "has intervened")
	}
	for _, s := range v.Parties.Sites {
		reached := "at " + strings.Join(s.Addresses, " ")
		if s.Offline {
			reached = "offline"
		}
		line("site", s.Name+" "+reached+", registrar "+s.Registrar.String())
	}
	at("received", v.Received)
	at("redirected", v.Started)
	at("holder told anew", v.Notified)
	line("holder's time", upTo(v.Window))
	line("cancelled", after(v.Removal))
	at("not after", v.NotAfter)
	at("over", v.Ended)
	line("counts", fmt.Sprintf("%d events, %d claims, %d extensions, %d deadlines missed", v.Events, v.Claims, v.Extensions, v.Missed))
}

func upTo(day string) string {
	if day == "" {
		return ""
	}
	return "to " + day
}

func after(day string) string {
	if day == "" {
		return ""
	}
	return "after " + day
}

func printEvent(w io.Writer, e eventView) {
	what := e.Kind
	for _, more := range []string{e.Deadline, e.Order, strings.Join(e.Names, " "), upTo(e.Until)} {
		if more != "" {
			what += " " + more
		}
	}
	if e.Days > 0 {
		what += fmt.Sprintf(" by %d days", e.Days)
	}
	if e.Late {
		what += ", late"
	}
	fmt.Fprintf(w, "  %d\t%s\t%s\tby %s\tArt. %s\n", e.Number, when(e.At), what, e.Actor.Name, e.Article)
	for _, f := range e.Effects {
		fmt.Fprintf(w, "  \t\t  %s\n", f)
	}
	if e.Evidence != "" {
		fmt.Fprintf(w, "  \t\t  evidence: %s\n", oneLine(e.Evidence))
	}
	for line := range strings.Lines(e.Text) {
		fmt.Fprintf(w, "  \t\t  | %s\n", oneLine(line))
	}
	if e.Erased {
		fmt.Fprint(w, "  \t\t  personal data was erased\n")
	}
}

// String says what was done.
func (f effectView) String() string {
	names := strings.Join(f.Names, " ")
	switch f.Kind {
	case "flag":
		return "redirect " + names + " until " + when(f.NotAfter) + " at the latest"
	case "unflag":
		return "end the redirect of " + names + ": " + f.Reason
	case "mail":
		text := "mail " + f.Mail + " to the " + f.To
		if f.Copy != "" {
			text += ", copy to the " + f.Copy
		}
		return text
	case "order":
		return "order " + f.Order + " of " + names
	case "alarm":
		return "alarm: the deadline " + f.Deadline + " has passed"
	}
	return f.Kind
}

// oneLine keeps what somebody wrote from writing on the terminal what it is not.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || 0x80 <= r && r < 0xa0 {
			return -1
		}
		return r
	}, text)
}
