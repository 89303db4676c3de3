package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// act is the flags of every command that changes a case.
type act struct {
	change
	key, ifMatch   string
	text, textFile string
	at             string
}

func (k *act) register(cmd *cobra.Command) {
	k.change.register(cmd)
	cmd.Flags().StringVar(&k.key, "idempotency-key", "", "the Idempotency-Key, instead of a new one")
	cmd.Flags().StringVar(&k.text, "text", "", "what was written, or why")
	cmd.Flags().StringVar(&k.textFile, "text-file", "", "file that holds it instead; - for standard input")
	cmd.MarkFlagsMutuallyExclusive("text", "text-file")
}

// fill adds what the flags say to a body, where at has the given name.
func (k *act) fill(a *app, body map[string]any, at string) error {
	if k.at != "" {
		if _, err := time.Parse(time.RFC3339, k.at); err != nil {
			return usage{fmt.Errorf("--%s: expected a time such as 2026-05-12T09:30:00Z, got %q", at, k.at)}
		}
		body[at] = k.at
	}
	if k.textFile != "" {
		text, err := a.readFile(k.textFile)
		if err != nil {
			return err
		}
		k.text = string(text)
	}
	if k.text != "" {
		body["text"] = k.text
	}
	return nil
}

// readFile reads a file, or standard input for "-".
func (a *app) readFile(path string) ([]byte, error) {
	if path == "-" {
		text, err := io.ReadAll(a.in)
		if err != nil {
			return nil, fmt.Errorf("reading standard input: %w", err)
		}
		return text, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading: %w", err)
	}
	return text, nil
}

func (a *app) caseOpenCommand() *cobra.Command {
	var how act
	var message string
	cmd := &cobra.Command{
		Use:   "open [FILE|-]",
		Short: "Open a case for the notice of an authority",
		Long: "Reads one JSON object with the keys notice and, if they are known yet, parties:\n\n" +
			`  {"notice": {"authority": "apd-gba", "inspector": {"name": "...", "email": "..."},` + "\n" +
			`      "office": "Inspector General", "names": ["example.be"], "provisions": ["..."],` + "\n" +
			`      "reference": "DOS-2026-00123", "signed": "2026-05-11", "signature": "S/MIME, valid",` + "\n" +
			`      "competent": true, "found": true},` + "\n" +
			`   "parties": {"holder": {"name": "...", "email": "..."}, "language": "nl",` + "\n" +
			`      "sites": [{"name": "example.be", "registrar": {"name": "...", "email": "..."}}]}}` + "\n\n" +
			"With --message, the notice is the one that came by mail under this id. A file is needed\n" +
			"only for what is to be added or was not read right, item by item: to name the authority\n" +
			"of a draft whose sender is not proven, '{\"notice\": {\"authority\": \"apd-gba\"}}' will do.\n" +
			"--dry-run shows the dates and the mails as they would leave.\n" +
			"To repeat an opening of which you do not know whether it was done, give it the same\n" +
			"--idempotency-key: within 24 hours it is done once.",
		Args: cobra.MaximumNArgs(1),
		RunE: do(func(ctx context.Context, args []string) error {
			body := map[string]any{}
			if len(args) == 1 {
				text, err := a.readFile(args[0])
				if err != nil {
					return err
				}
				if err := readObject(text, body); err != nil {
					return fmt.Errorf("reading %s: %w", args[0], err)
				}
			} else if message == "" {
				return usage{fmt.Errorf("expected a file, - for standard input, or --message")}
			}
			if message != "" {
				body["message"] = message
			}
			if err := how.fill(a, body, "received"); err != nil {
				return err
			}
			return a.changeCase(ctx, "/v1/cases", "open", body, &how)
		}),
	}
	how.register(cmd)
	cmd.Flags().StringVar(&how.at, "received", "", "when the notice came in, such as 2026-05-12T09:30:00Z; else now, or when its mail did")
	cmd.Flags().StringVar(&message, "message", "", "the id of the notice by mail that becomes the case")
	return cmd
}

// readObject reads a JSON object, each of whose values stays as it is written.
func readObject(text []byte, into map[string]any) error {
	var raw map[string]json.RawMessage
	err := json.Unmarshal(text, &raw)
	var other *json.UnmarshalTypeError
	if errors.As(err, &other) || err == nil && raw == nil {
		return errors.New("expected a JSON object, got another value")
	}
	if err != nil {
		return fmt.Errorf("expected a JSON object: %w", err)
	}
	for key, value := range raw {
		into[key] = value
	}
	return nil
}

// resultView is what nactl reads of what a change of a case did.
type resultView struct {
	Case       caseView
	Deadlines  []deadlineView
	Steps      []eventView
	Messages   []messageView
	Warnings   []warning
	Generation uint64
	DryRun     bool `json:"dry_run"`
	Replayed   bool
	IfApproved *struct {
		Window    string
		Deadlines []deadlineView
		Messages  []messageView
		Warnings  []warning
	} `json:"if_approved"`
}

// changeCase makes a call that changes a case, and shows what it did.
func (a *app) changeCase(ctx context.Context, path, what string, body map[string]any, how *act) error {
	c, err := a.connect()
	if err != nil {
		return err
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("writing the request: %w", err)
	}
	if how.key == "" {
		how.key = rand.Text()
	}
	header := map[string]string{"Content-Type": "application/json", "Idempotency-Key": how.key}
	if how.ifMatch != "" {
		header["If-Match"] = how.ifMatch
	}
	answer, _, err := c.call(ctx, request{
		method: http.MethodPost, path: path, query: how.query(), header: header, body: strings.NewReader(string(encoded)),
	})
	if err != nil && !how.dryRun && mayHaveBeenDone(err) {
		err = fmt.Errorf("%w\nit may have been done all the same: repeat it with --idempotency-key %s to have it done once", err, how.key)
	}
	if err != nil {
		return err
	}
	var r resultView
	if err := parse(answer, &r); err != nil {
		return err
	}
	a.warn(r.Warnings)
	if r.IfApproved != nil {
		a.warn(r.IfApproved.Warnings)
	}
	err = a.show(answer, func(w io.Writer) { printResult(w, what, r) })
	if err == nil && a.output == "table" && r.DryRun {
		err = a.printMails(r)
	}
	return err
}

func printResult(w io.Writer, what string, r resultView) {
	if r.Replayed {
		fmt.Fprintf(w, "already done under this key; nothing done. Case %s is %s\n", r.Case.ID, r.Case.stands())
		return
	}
	fmt.Fprintf(w, "%scase %s: %s, now %s, generation %d\n", dry(r.DryRun), r.Case.ID, what, r.Case.stands(), r.Generation)
	for _, e := range r.Steps {
		printEvent(w, e)
	}
	printDeadlines(w, r.Deadlines)
	printMessages(w, r.Messages)
	if r.IfApproved != nil {
		fmt.Fprint(w, "\nif it were approved now\n")
		printDeadlines(w, r.IfApproved.Deadlines)
		printMessages(w, r.IfApproved.Messages)
	}
}

// printMails writes what would leave, whole.
func (a *app) printMails(r resultView) error {
	all := r.Messages
	if r.IfApproved != nil {
		all = append(all, r.IfApproved.Messages...)
	}
	for _, m := range all {
		if _, err := fmt.Fprintf(a.out, "\n--- %s\n%s\n", m.title(), strings.ReplaceAll(m.Message, "\r\n", "\n")); err != nil {
			return err
		}
	}
	return nil
}
