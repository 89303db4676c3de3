package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func (a *app) verifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "verify CASE",
		Short:             "Check the stored events of a case against the journal",
		Args:              oneCase,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: do(func(ctx context.Context, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			body, _, err := c.call(ctx, request{method: http.MethodGet, path: casePath(args[0]) + "/verify"})
			if err != nil {
				return err
			}
			var v struct {
				Case           string
				Events, Erased int
			}
			if err := parse(body, &v); err != nil {
				return err
			}
			return a.show(body, func(w io.Writer) {
				fmt.Fprintf(w, "case %s: %d events are as the journal tells, %d of them erased\n", v.Case, v.Events, v.Erased)
			})
		}),
	}
}

func (a *app) everywhereCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "everywhere CASE",
		Short:             "Show what a case flagged and gave back, and when all nodes had it",
		Args:              oneCase,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: do(func(ctx context.Context, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			var v struct {
				Changes []struct {
					Generation      uint64
					At, Everywhere  time.Time
					Flagged, Lifted []string
				}
			}
			body, err := c.get(ctx, casePath(args[0])+"/everywhere", nil, &v)
			if err != nil {
				return err
			}
			return a.show(body, func(w io.Writer) {
				fmt.Fprintln(w, "GENERATION\tCOMMITTED\tEVERYWHERE\tFLAGGED\tGIVEN BACK")
				for _, c := range v.Changes {
					fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\n", c.Generation, when(c.At), when(c.Everywhere), strings.Join(c.Flagged, " "), strings.Join(c.Lifted, " "))
				}
			})
		}),
	}
}
