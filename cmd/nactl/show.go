package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func (a *app) showCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "show NAME",
		Short:             "Show the flag of a name",
		Args:              oneName,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: do(func(ctx context.Context, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			var f flagView
			body, err := c.get(ctx, namePath("/v1/flags/", args[0]), nil, &f)
			if err != nil {
				return err
			}
			var r *reachView
			if a.output == "table" {
				if r, err = c.reach(ctx, args[0]); err != nil {
					return err
				}
			}
			return a.show(body, func(w io.Writer) {
				printFlag(w, f)
				printReach(w, r)
			})
		}),
	}
}

func printFlag(w io.Writer, f flagView) {
	fmt.Fprintf(w, "name\t%s\n", both(f.Name, f.Unicode))
	fmt.Fprintf(w, "authority\t%s\n", f.Authority)
	fmt.Fprintf(w, "reference\t%s\n", f.Reference)
	if f.Case != "" {
		fmt.Fprintf(w, "case\t%s\n", f.Case)
	}
	if f.Note != "" {
		fmt.Fprintf(w, "note\t%s\n", f.Note)
	}
	fmt.Fprintf(w, "since\t%s\n", when(f.Since))
	fmt.Fprintf(w, "not after\t%s\n", when(f.NotAfter))
	fmt.Fprintf(w, "changed\tgeneration %d\n", f.Changed)
}

// reachView is where a flagged name can be reached.
type reachView struct {
	At, Tried time.Time
	Hosts     []struct {
		Host      string
		Addresses []string
	}
	NameServers []string `json:"name_servers"`
	Mail        []struct {
		Preference int
		Host       string
		Addresses  []string
	}
}

// reach returns nil if nothing was recorded.
func (c *client) reach(ctx context.Context, name string) (*reachView, error) {
	r := new(reachView)
	_, err := c.get(ctx, namePath("/v1/flags/", name)+"/reach", nil, r)
	var p problem
	if errors.As(err, &p) && p.Status == http.StatusNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

func printReach(w io.Writer, r *reachView) {
	if r == nil {
		return
	}
	fmt.Fprintf(w, "recorded\t%s\n", when(r.At))
	if r.Tried.After(r.At) {
		fmt.Fprintf(w, "last tried\t%s\n", when(r.Tried))
	}
	for _, h := range r.Hosts {
		fmt.Fprintf(w, "  %s\t%s\n", h.Host, strings.Join(h.Addresses, " "))
	}
	if len(r.NameServers) > 0 {
		fmt.Fprintf(w, "  name servers\t%s\n", strings.Join(r.NameServers, " "))
	}
	for _, x := range r.Mail {
		fmt.Fprintf(w, "  mail %d\t%s\n", x.Preference, strings.TrimSpace(x.Host+" "+strings.Join(x.Addresses, " ")))
	}
}
