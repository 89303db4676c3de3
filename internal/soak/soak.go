// Package soak says how long a test of what chance decides is to run.
package soak

import (
	"os"
	"strconv"
	"testing"
)

const variable = "NOTICEACTION_SOAK_ROUNDS" // set by make soak

// Rounds returns how often to try: few times, or as often as make soak asks. Whatever it asks that is not
// a number from 1 fails the test.
func Rounds(tb testing.TB, few int) int {
	tb.Helper()
	if !Wanted() {
		return few
	}
	n, err := strconv.Atoi(os.Getenv(variable))
	if err != nil || n < 1 {
		tb.Fatalf("%s: expected a number from 1, got %q", variable, os.Getenv(variable))
	}
	return n
}

// Wanted returns whether make soak runs the test.
func Wanted() bool { return os.Getenv(variable) != "" }
