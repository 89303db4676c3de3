package api

import (
	"encoding/csv"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
)

func figures() casework.Statistics {
	return casework.Statistics{
		Cases: 3, Running: 1, Names: 4, Redirected: 2, Median: time.Hour, P90: 2 * time.Hour, Longest: 2 * time.Hour,
		Authorities: map[string]int{"fps-economy": 1, "apd-gba": 2}, Offices: map[string]int{"=cmd|' /C calc'!A0": 1, "Inspector General, \"DPA\"": 2},
		Outcomes: map[procedure.Outcome]int{procedure.Silent: 2},
	}
}

func TestStatistics(t *testing.T) {
	h := ofCases(t, &fakeCases{figures: figures()})
	year := "/v1/statistics?from=2026-01-01&to=2026-12-31"
	tell(t, h, []step{
		{name: "JSON", call: "GET " + year, who: bearer("viewer"), status: 200, want: []string{"Content-Type: application/json",
			`"from":"2026-01-01","to":"2026-12-31","cases":3,"running":1,"names":4,"authorities":{"apd-gba":2,"fps-economy":1}`, `"provisions":{}`,
			`"outcomes":{"cancelled":0,"complied":0,"discarded":0,"silent":2,"stopped":0,"suspended":0}`, `"redirect_seconds_median":3600`, `"redirect_seconds_p90":7200`}},
		{name: "whatever else is accepted", call: "GET " + year, headers: []string{"Accept: text/html"}, status: 200, want: []string{"Content-Type: application/json"}},
		{name: "JSON before CSV", call: "GET " + year, headers: []string{"Accept: text/csv;q=0.5, application/json"}, status: 200, want: []string{"Content-Type: application/json"}},
		{name: "JSON asked for", call: "GET " + year + "&format=json", headers: []string{"Accept: text/csv"}, status: 200, want: []string{"Content-Type: application/json"}},
		{name: "CSV accepted", call: "GET " + year, headers: []string{"Accept: text/csv"}, status: 200, want: []string{"Content-Type: text/csv; charset=utf-8; header=present",
			`Content-Disposition: attachment; filename="noticeaction-2026-01-01-2026-12-31.csv"`, "figure,of,value\r\n"}},
		{name: "CSV asked for", call: "GET " + year + "&format=csv", status: 200, want: []string{"cases,,3\r\n"}},
		{name: "of one authority", call: "GET " + year + "&authority=apd-gba", status: 200, want: []string{`"to":"2026-12-31","authority":"apd-gba","cases":3`}},
		{name: "of one authority, as CSV", call: "GET " + year + "&authority=apd-gba&format=csv", status: 200, want: []string{
			`Content-Disposition: attachment; filename="noticeaction-2026-01-01-2026-12-31-apd-gba.csv"`, "to,,2026-12-31\r\nauthority,,apd-gba\r\ncases,,3\r\n"}},
		{name: "another format", call: "GET " + year + "&format=xml", status: 422, want: []string{"query.format"}},
		{name: "no first day", call: "GET /v1/statistics?to=2026-12-31", status: 422, want: []string{"query.from: expected a value"}},
		{name: "a day that does not exist", call: "GET /v1/statistics?from=2026-02-29&to=2026-12-31", status: 422, want: []string{"query.from"}},
		{name: "a time", call: "GET /v1/statistics?from=2026-01-01T00:00:00Z&to=2026-12-31", status: 422, want: []string{"query.from"}},
	})
}

func TestStatisticsAsCSV(t *testing.T) {
	h := ofCases(t, &fakeCases{figures: figures()})
	got := serve(h, as("uid:0"), http.MethodGet, "/v1/statistics?from=2026-01-01&to=2026-12-31&format=csv", "")
	lines, err := csv.NewReader(strings.NewReader(got.Body.String())).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, line := range lines {
		have[strings.Join(line, "|")] = true
	}
	for _, want := range []string{
		"figure|of|value", "from||2026-01-01", "to||2026-12-31", "cases||3", "running||1", "names||4", "authorities|apd-gba|2", "authorities|fps-economy|1",
		`offices|Inspector General, "DPA"|2`, "offices|'=cmd|' /C calc'!A0|1", "outcomes|silent|2", "outcomes|cancelled|0", "name_outcomes|silent|0", "redirected||2",
		"redirect_seconds_median||3600", "redirect_seconds_p90||7200", "redirect_seconds_longest||7200", "claimed||0", "claims||0", "extensions||0", "removals||0", "missed||0",
	} {
		if !have[want] {
			t.Errorf("want the line %s in\n%s", want, got.Body)
		}
	}
}
