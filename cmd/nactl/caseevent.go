package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
)

// event is a command that records an event of a case.
type event struct {
	kind, short, long string
	takes             []string // the flags it has besides those of all
}

// events are those that a person records. Their fields are checked by the server.
var events = []event{
	{kind: "describe", short: "Add the holder and the registrars, from a JSON object as parties of case open", takes: []string{"file"}},
	{kind: "approve", short: "Write to the holder and redirect the names"},
	{kind: "correct", short: "Correct the contacts of the holder or of registrars after the approval",
		long: "Reads a JSON object as parties of case open, with only the contacts that are not right, such as\n\n" +
			`  {"holder": {"name": "...", "email": "..."}}` + "\n" +
			`  {"sites": [{"name": "example.be", "registrar": {"name": "...", "email": "..."}}]}` + "\n\n" +
			"Mails that have not arrived go to the new addresses; another registrar is told of the redirect.\n" +
			"With --resend the mail to the holder leaves anew, as the holder was not reached, and the holder\n" +
			"has 14 days from it. Then no file is needed. The reminder to the authority, and the day on which\n" +
			"silence gives the names back, stay as they are.",
		takes: []string{"file", "resend"}},
	{kind: "discard", short: "Give up a notice before the holder was told"},
	{kind: "claim", short: "Record that the holder says the infringement has ended",
		long: ofHolder},
	{kind: "claim-at-authority", short: "Record that a claim or request reached the authority", takes: []string{"reached"}},
	{kind: "word", short: "Record anything else that the holder says", long: ofHolder},
	{kind: "relay", short: "Pass the holder's word on to the authority", takes: []string{"word"}},
	{kind: "extend", short: "Record that the authority gives the holder further time", takes: []string{"days", "until"}},
	{kind: "reinstate", short: "Record that the authority decides for the holder: reinstate", takes: []string{"name"}},
	{kind: "remove", short: "Record that the authority decides to remove"},
	{kind: "suspend", short: "Record that the authority suspends the procedure", takes: []string{"name"}},
	{kind: "stop", short: "Record that the authority stops the procedure", takes: []string{"name"}},
	{kind: "confirm-order", short: "Record that the registration system carried out an order", takes: []string{"order", "name"}},
}

const ofHolder = "What the holder wrote belongs into --text or --text-file: it is relayed to the authority. With\n" +
	"--evidence ID of a mail that came in, that mail says what was written, and when."

// orders are those that the registration system takes.
var orders = []string{"reinstate", "temporary_account", "cancel", "quarantine", "release"}

func (a *app) eventCommand(e event) *cobra.Command {
	var how act
	var given struct {
		reached, until, order, evidence string
		days, word                      int
		resend                          bool
		names                           []string
	}
	use, args := e.kind+" CASE", cobra.PositionalArgs(oneCase)
	file := slices.Contains(e.takes, "file")
	if file {
		use, args = e.kind+" CASE FILE|-", cobra.ExactArgs(2)
	}
	if slices.Contains(e.takes, "resend") {
		use, args = e.kind+" CASE [FILE|-]", cobra.RangeArgs(1, 2)
	}
	cmd := &cobra.Command{
		Use: use, Short: e.short, Long: e.long, Args: args,
		RunE: do(func(ctx context.Context, args []string) error {
			body := map[string]any{"kind": e.kind}
			if given.resend {
				body["resend"] = true
			}
			if len(args) == 2 {
				text, err := a.readFile(args[1])
				if err != nil {
					return err
				}
				parties := map[string]any{}
				if err := readObject(text, parties); err != nil {
					return fmt.Errorf("reading %s: %w", args[1], err)
				}
				body["parties"] = parties
			}
			for key, value := range map[string]string{"reached": given.reached, "until": given.until, "order": given.order, "evidence": given.evidence} {
				if value != "" {
					body[key] = value
				}
			}
			for key, value := range map[string]int{"days": given.days, "word": given.word} {
				if value != 0 {
					body[key] = value
				}
			}
			if len(given.names) > 0 {
				body["names"] = given.names
			}
			if err := how.fill(a, body, "at"); err != nil {
				return err
			}
			return a.changeCase(ctx, casePath(args[0])+"/events", e.kind, body, &how)
		}),
	}
	if !file {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	how.register(cmd)
	f := cmd.Flags()
	f.StringVar(&how.at, "at", "", "when it happened, such as 2026-05-12T09:30:00Z; else now")
	f.StringVar(&how.ifMatch, "if-match", "", `only if the case has this ETag, such as '"3"'`)
	f.StringVar(&given.evidence, "evidence", "", "where what was written is kept, such as the id of a message")
	for _, flag := range e.takes {
		switch flag {
		case "resend":
			f.BoolVar(&given.resend, flag, false, "have the mail to the holder leave anew")
		case "reached":
			f.StringVar(&given.reached, flag, "", "when it reached the authority; else when it happened")
		case "word":
			f.IntVar(&given.word, flag, 0, "number of the event with the holder's word; else all that are owed")
		case "days":
			f.IntVar(&given.days, flag, 0, "days of further time, 1 to 366")
		case "until":
			f.StringVar(&given.until, flag, "", "instead, its last day, such as 2026-06-30")
		case "name":
			f.StringSliceVar(&given.names, flag, nil, "only this name of the case; may be given more than once")
		case "order":
			f.StringVar(&given.order, flag, "", "which: reinstate, temporary_account, cancel, quarantine or release")
			must(cmd.MarkFlagRequired(flag))
			complete(cmd, flag, orders...)
		}
	}
	if slices.Contains(e.takes, "days") {
		cmd.MarkFlagsMutuallyExclusive("days", "until")
		cmd.MarkFlagsOneRequired("days", "until")
	}
	return cmd
}
