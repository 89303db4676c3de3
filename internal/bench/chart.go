package main

import (
	_ "embed"
	"html/template"
	"io"
)

//go:embed chart.svg
var chartText string

var chart = template.Must(template.New("chart").Parse(chartText))

// Sizes of the chart in its own units.
const (
	chartLeft  = 470 // where bars begin
	chartReach = 240 // length of a bar that just reaches its goal
	chartMost  = 400 // length at which a bar is cut
	chartRow   = 26
	chartTop   = 46
)

type bar struct {
	Y, Text, Length int
	Label, Value    string
	Colour          string
}

func (g goal) colour() string {
	switch {
	case !g.decided():
		return "#b8912f"
	case g.met():
		return "#2a7f62"
	}
	return "#c8553d"
}

// drawGoals writes an SVG with a bar for each goal, so scaled that all goals
// are one line; a bar that stays left of it is met. A goal of at least so much
// is drawn upside down.
func drawGoals(w io.Writer, goals []goal) error {
	bars := make([]bar, 0, len(goals))
	for i, g := range goals {
		share := g.got.mid / g.reach
		if g.least {
			share = g.reach / g.got.mid
		}
		y := chartTop + i*chartRow
		bars = append(bars, bar{
			Y: y, Text: y + 13, Length: min(int(share*chartReach), chartMost),
			Label: g.what + " (" + g.unit + ")", Value: g.got.String(), Colour: g.colour(),
		})
	}
	bottom := chartTop + len(goals)*chartRow
	return chart.Execute(w, map[string]any{
		"Bars": bars, "Left": chartLeft, "Goal": chartLeft + chartReach, "Top": chartTop - 8, "Bottom": bottom,
		"Width": chartLeft + chartMost + 130, "Height": bottom + 12,
	})
}
