package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"
)

// statisticsView is what nactl reads of the figures.
type statisticsView struct {
	From, To, Authority                  string
	Cases, Running, Names, Redirected    int
	Authorities, Offices, Provisions     map[string]int
	Outcomes                             map[string]int
	Median                               int64 `json:"redirect_seconds_median"`
	P90                                  int64 `json:"redirect_seconds_p90"`
	Longest                              int64 `json:"redirect_seconds_longest"`
	Claims, Extensions, Removals, Missed int
}

func (a *app) statisticsCommand() *cobra.Command {
	var from, to, authority string
	var asCSV bool
	cmd := &cobra.Command{
		Use:   "statistics --from DAY --to DAY",
		Short: "Show what has become of the cases whose notice came in from one day to another",
		Args:  cobra.NoArgs,
		RunE: do(func(ctx context.Context, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			query := url.Values{"from": {from}, "to": {to}}
			set(query, "authority", authority)
			if asCSV {
				query.Set("format", "csv")
				body, _, err := c.call(ctx, request{method: http.MethodGet, path: "/v1/statistics", query: query})
				if err != nil {
					return err
				}
				_, err = a.out.Write(body)
				return err
			}
			var s statisticsView
			body, err := c.get(ctx, "/v1/statistics", query, &s)
			if err != nil {
				return err
			}
			return a.show(body, func(w io.Writer) { printStatistics(w, s) })
		}),
	}
	cmd.Flags().StringVar(&from, "from", "", "first day, such as 2026-01-01")
	cmd.Flags().StringVar(&to, "to", "", "last day, such as 2026-12-31")
	cmd.Flags().StringVar(&authority, "authority", "", "only cases of this authority")
	cmd.Flags().BoolVar(&asCSV, "csv", false, "as CSV, whatever --output says")
	must(cmd.MarkFlagRequired("from"))
	must(cmd.MarkFlagRequired("to"))
	return cmd
}

func printStatistics(w io.Writer, s statisticsView) {
	by := func(what string, m map[string]int) {
		fmt.Fprintf(w, "%s\t\n", what)
		for _, key := range sortedKeys(m) {
			fmt.Fprintf(w, "  %s\t%d\n", oneLine(key), m[key])
		}
	}
	took := func(seconds int64) time.Duration { return time.Duration(seconds) * time.Second }
	fmt.Fprintf(w, "notices\t%s to %s\n", s.From, s.To)
	if s.Authority != "" {
		fmt.Fprintf(w, "authority\t%s\n", s.Authority)
	}
	fmt.Fprintf(w, "cases\t%d\n", s.Cases)
	fmt.Fprintf(w, "running\t%d\n", s.Running)
	fmt.Fprintf(w, "names\t%d\n", s.Names)
	by("by authority", s.Authorities)
	by("by body", s.Offices)
	by("by provision", s.Provisions)
	by("by outcome", s.Outcomes)
	fmt.Fprintf(w, "redirected\t%d\n", s.Redirected)
	fmt.Fprintf(w, "from the notice to the redirect\thalf within %s, nine of ten within %s, all within %s\n", took(s.Median), took(s.P90), took(s.Longest))
	fmt.Fprintf(w, "claims\t%d\n", s.Claims)
	fmt.Fprintf(w, "extensions\t%d\n", s.Extensions)
	fmt.Fprintf(w, "decisions to remove\t%d\n", s.Removals)
	fmt.Fprintf(w, "deadlines missed\t%d\n", s.Missed)
}
