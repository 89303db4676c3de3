package certs

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var start = time.Date(2026, 5, 12, 9, 30, 0, 0, time.UTC)

func TestWindow(t *testing.T) {
	w := window{events: 2, per: time.Hour}
	at := func(minutes ...int) (times []time.Time) {
		for _, m := range minutes {
			times = append(times, start.Add(time.Duration(m)*time.Minute))
		}
		return times
	}
	tests := []struct {
		name  string
		taken []time.Time
		now   int // minutes
		want  int
	}{
		{"nothing taken", nil, 0, 0},
		{"room for one", at(0), 10, 10},
		{"full: when the oldest has left", at(0, 30), 40, 60},
		{"as the oldest leaves", at(0, 30), 60, 60},
		{"the oldest has left", at(0, 30), 61, 61},
		{"more than allowed", at(0, 10, 20), 30, 70},
		{"after a clock was set back", at(100, 110), 0, 160},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, want := w.from(tt.taken, at(tt.now)[0]), at(tt.want)[0]; !got.Equal(want) {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

// TestNoWindowHoldsTooMuch asks whether it may, does so at once if it may, and looks at every span of time.
func TestNoWindowHoldsTooMuch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := window{events: rapid.IntRange(1, 5).Draw(t, "events"), per: time.Duration(rapid.IntRange(1, 20).Draw(t, "per")) * time.Second}
		var taken []time.Time
		now := start
		for _, wait := range rapid.SliceOfN(rapid.IntRange(0, 10), 1, 100).Draw(t, "waits") {
			now = now.Add(time.Duration(wait) * time.Second)
			at := w.from(taken, now)
			if at.Before(now) {
				t.Fatalf("at %s: got %s, which has passed", now, at)
			}
			if rapid.Bool().Draw(t, "patient") {
				now = at
			}
			if at.Equal(now) {
				taken = append(taken, now)
			}
			within := 0
			for _, at := range taken {
				if at.Add(w.per).After(now) {
					within++
				}
			}
			if within > w.events {
				t.Fatalf("at %s: %d events within %s, expected %d at most", now, within, w.per, w.events)
			}
		}
	})
}

func TestLimitsOfAHost(t *testing.T) {
	tests := []struct {
		name string
		past func(l *limits)
		want time.Duration // from start
	}{
		{"nothing asked for", func(*limits) {}, 0},
		{"five certificates in a week", func(l *limits) {
			for day := range 5 {
				l.issued("example.be", "www.example.be", start.AddDate(0, 0, day-5))
			}
		}, 2 * 24 * time.Hour},
		{"five of another host", func(l *limits) {
			for range 5 {
				l.issued("example.be", "example.be", start)
			}
		}, 0},
		{"fifty of the name", func(l *limits) {
			for i := range 50 {
				l.issued("example.be", fmt.Sprintf("h%d.example.be", i), start.Add(-time.Hour))
			}
		}, 7*24*time.Hour - time.Hour},
		{"fifty of another name", func(l *limits) {
			for i := range 50 {
				l.issued("another.be", fmt.Sprintf("h%d.another.be", i), start)
			}
		}, 0},
		{"five failures in an hour", func(l *limits) {
			for minute := range 5 {
				l.failed("www.example.be", start.Add(time.Duration(minute-5)*time.Minute))
			}
		}, 55 * time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLimits()
			tt.past(l)
			if got := l.host("example.be", "www.example.be", start).Sub(start); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
