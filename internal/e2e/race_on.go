//go:build race

package e2e

// buildFlags make the programs as the test was made, races watched.
var buildFlags = []string{"-race"}
