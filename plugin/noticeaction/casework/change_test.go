package casework

import (
	"context"
	"slices"
	"testing"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"
)

// TestOnChange: whoever is told of a change finds it in the table.
func TestOnChange(t *testing.T) {
	d := newDesk(t, testPolicy())
	d.close()
	told := make(chan string, 10)
	d.changed = func(changes []redirect.Change) {
		for _, c := range changes {
			if d.redirected(c.Name) == c.Remove {
				t.Errorf("%s: told of a change that is not in the table", c.Name)
			}
			told <- map[bool]string{false: "flagged ", true: "unflagged "}[c.Remove] + c.Name
		}
	}
	d.open(testPolicy())
	d.flag("example.be")
	if _, err := d.Unflag(context.Background(), clerk, "example.be", "ended", Match{}); err != nil {
		t.Fatal(err)
	}
	d.close()
	close(told)
	var got []string
	for one := range told {
		got = append(got, one)
	}
	if want := []string{"flagged example.be", "unflagged example.be"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
