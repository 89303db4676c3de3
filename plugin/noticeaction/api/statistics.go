package api

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2/negotiation"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/workday"
)

const textCSV = "text/csv"

// statistics are the desk's, as the API shows them.
type statistics struct {
	From workday.Date `json:"from" format:"date" doc:"First day, in Belgium" example:"2026-01-01"`
	To   workday.Date `json:"to" format:"date" doc:"Last day, in Belgium" example:"2026-12-31"`

	Authority string `json:"authority,omitempty" doc:"Only the cases of this authority; absent: of all" example:"apd-gba"`

	Cases   int `json:"cases" doc:"Cases whose notice came in from the first to the last day; all that follows is about them, as they stand now" example:"12"`
	Running int `json:"running" doc:"Of them, those that are not over" example:"3"`
	Names   int `json:"names" doc:"Their domain names" example:"15"`

	Authorities  map[string]int `json:"authorities" doc:"Cases by authority"`
	Offices      map[string]int `json:"offices" doc:"Cases by the body within the authority that found the infringement"`
	Provisions   map[string]int `json:"provisions" doc:"Cases by provision that was infringed; a case counts for each of its own"`
	Outcomes     map[string]int `json:"outcomes" doc:"Cases that are over, by how their last names left: complied, silent, suspended, stopped, discarded or cancelled"`
	NameOutcomes map[string]int `json:"name_outcomes" doc:"Names by how they left"`

	Redirected int   `json:"redirected" doc:"Cases whose names were redirected" example:"11"`
	Median     int64 `json:"redirect_seconds_median" doc:"From the notice to the redirect, in seconds: half of the cases took no longer" example:"7200"`
	P90        int64 `json:"redirect_seconds_p90" doc:"Nine of ten took no longer" example:"21600"`
	Longest    int64 `json:"redirect_seconds_longest" doc:"None took longer" example:"30000"`

	Claimed    int `json:"claimed" doc:"Cases with a claim of the holder" example:"5"`
	Claims     int `json:"claims" doc:"Claims of holders" example:"6"`
	Extensions int `json:"extensions" doc:"How often an authority gave further time" example:"1"`
	Removals   int `json:"removals" doc:"Cases in which the authority decided to remove" example:"2"`
	Missed     int `json:"missed" doc:"Deadlines of the registry that passed" example:"0"`
}

var outcomes = []procedure.Outcome{
	procedure.Complied, procedure.Silent, procedure.Suspended, procedure.Stopped, procedure.Discarded, procedure.Cancelled,
}

func showStatistics(s casework.Statistics) statistics {
	seconds := func(d time.Duration) int64 { return int64(d.Seconds()) }
	view := statistics{
		From: s.From, To: s.To, Authority: s.Authority, Cases: s.Cases, Running: s.Running, Names: s.Names,
		Authorities: orNone(s.Authorities), Offices: orNone(s.Offices), Provisions: orNone(s.Provisions),
		Outcomes: map[string]int{}, NameOutcomes: map[string]int{},
		Redirected: s.Redirected, Median: seconds(s.Median), P90: seconds(s.P90), Longest: seconds(s.Longest),
		Claimed: s.Claimed, Claims: s.Claims, Extensions: s.Extensions, Removals: s.Removals, Missed: s.Missed,
	}
	for _, o := range outcomes { // one that nobody had is a figure too
		view.Outcomes[string(o)], view.NameOutcomes[string(o)] = s.Outcomes[o], s.NameOutcomes[o]
	}
	return view
}

func orNone(m map[string]int) map[string]int {
	if m == nil {
		return map[string]int{}
	}
	return m
}

type statisticsInput struct {
	From      string `query:"from" required:"true" format:"date" doc:"First day, in Belgium" example:"2026-01-01"`
	To        string `query:"to" required:"true" format:"date" doc:"Last day, in Belgium" example:"2026-12-31"`
	Authority string `query:"authority" doc:"Only cases of this authority; absent: all" example:"apd-gba"`
	Format    string `query:"format" enum:"json,csv" doc:"json or csv, whatever Accept says"`
	Accept    string `header:"Accept" doc:"text/csv for CSV" example:"text/csv"`
}

// statisticsOutput has the figures, or bytes that huma sends as they are.
type statisticsOutput struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition" doc:"With CSV: a file to keep"`
	Body        any
}

func (h *Handler) statistics(ctx context.Context, in *statisticsInput) (*statisticsOutput, error) {
	from, err := day("from", in.From)
	if err != nil {
		return nil, err
	}
	to, err := day("to", in.To)
	if err != nil {
		return nil, err
	}
	s, err := h.config.Cases.Statistics(asking(ctx), in.Authority, from, to)
	if err != nil {
		return nil, refusal(ctx, err)
	}
	view := showStatistics(s)
	if !in.csv() {
		return &statisticsOutput{ContentType: "application/json", Body: view}, nil
	}
	name := fmt.Sprintf("noticeaction-%v-%v", from, to)
	if view.Authority != "" {
		name += "-" + view.Authority
	}
	body, err := view.csv()
	if err != nil {
		return nil, refusal(ctx, fmt.Errorf("writing statistics: %w", err))
	}
	return &statisticsOutput{
		ContentType: textCSV + "; charset=utf-8; header=present", Body: body,
		Disposition: fmt.Sprintf("attachment; filename=%q", name+".csv"),
	}, nil
}

func (in *statisticsInput) csv() bool {
	if in.Format != "" {
		return in.Format == "csv"
	}
	return negotiation.SelectQValue(in.Accept, []string{"application/json", textCSV}) == textCSV
}

func day(parameter, text string) (workday.Date, error) {
	d, err := workday.Parse(text)
	if err != nil {
		return 0, problem(http.StatusUnprocessableEntity, "query."+parameter+": "+err.Error())
	}
	return d, nil
}

// csv is the figures as RFC 4180, one a line: which, of what, how much.
func (s statistics) csv() ([]byte, error) {
	var body bytes.Buffer
	w := csv.NewWriter(&body)
	w.UseCRLF = true
	line := func(figure, of string, value any) { _ = w.Write([]string{figure, cell(of), fmt.Sprint(value)}) }
	by := func(figure string, m map[string]int) {
		for _, of := range slices.Sorted(maps.Keys(m)) {
			line(figure, of, strconv.Itoa(m[of]))
		}
	}
	line("figure", "of", "value")
	line("from", "", s.From)
	line("to", "", s.To)
	if s.Authority != "" {
		line("authority", "", s.Authority)
	}
	line("cases", "", s.Cases)
	line("running", "", s.Running)
	line("names", "", s.Names)
	by("authorities", s.Authorities)
	by("offices", s.Offices)
	by("provisions", s.Provisions)
	by("outcomes", s.Outcomes)
	by("name_outcomes", s.NameOutcomes)
	line("redirected", "", s.Redirected)
	line("redirect_seconds_median", "", s.Median)
	line("redirect_seconds_p90", "", s.P90)
	line("redirect_seconds_longest", "", s.Longest)
	line("claimed", "", s.Claimed)
	line("claims", "", s.Claims)
	line("extensions", "", s.Extensions)
	line("removals", "", s.Removals)
	line("missed", "", s.Missed)
	w.Flush()
	return body.Bytes(), w.Error()
}

// cell keeps a spreadsheet from taking what an authority wrote for a formula.
func cell(text string) string {
	if strings.IndexAny(text, "=+-@\t\r") == 0 {
		return "'" + text
	}
	return text
}
