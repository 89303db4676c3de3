package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// show prints the server's JSON as it came, or what table prints.
func (a *app) show(body []byte, table func(w io.Writer)) error {
	if a.output == "json" {
		_, err := fmt.Fprintf(a.out, "%s\n", bytes.TrimRight(body, "\n"))
		return err
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	table(w)
	return w.Flush()
}

// showValue is show for what did not come from the server.
func (a *app) showValue(v any, table func(w io.Writer)) error {
	var body bytes.Buffer
	lines := json.NewEncoder(&body)
	lines.SetEscapeHTML(false)
	if err := lines.Encode(v); err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	return a.show(body.Bytes(), table)
}

// warn prints the server's warnings where they do not disturb the output.
func (a *app) warn(warnings []warning) {
	for _, w := range warnings {
		fmt.Fprintf(a.err, "nactl: warning: %s (%s)\n", w.Detail, w.Code)
	}
}

// both is a name in A-labels, with its U-labels if they differ.
func both(name, unicode string) string {
	if unicode == "" || unicode == name {
		return name
	}
	return name + " (" + unicode + ")"
}

func when(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
