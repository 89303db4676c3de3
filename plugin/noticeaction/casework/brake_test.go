package casework

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

func brakedPolicy(count int) *Policy {
	p := testPolicy()
	p.Brake = Brake{Count: count, Per: time.Hour}
	return p
}

func TestBrake(t *testing.T) {
	d := newDesk(t, brakedPolicy(2))
	ctx := context.Background()
	d.flag("one.be")
	d.setTime(noon.Add(10 * time.Minute))
	d.flag("two.be")
	refused := func(when time.Time) {
		t.Helper()
		_, err := d.Flag(ctx, clerk, request("three.be"))
		if e := refusalOf(t, err, Braked); !e.RetryAt.Equal(when) || !strings.Contains(e.Detail, when.Format(time.RFC3339)) {
			t.Errorf("refusal = %q, at %s; want it to say %s", e.Detail, e.RetryAt, when)
		}
		if d.redirected("three.be") {
			t.Error("a refused name is in the table")
		}
	}
	refused(noon.Add(time.Hour))

	replace := request("one.be")
	replace.Note = "replacing is not flagging anew"
	if _, err := d.Flag(ctx, clerk, replace); err != nil {
		t.Error(err)
	}
	if _, err := d.Unflag(ctx, clerk, "two.be", "unflagging is never braked, and does not give back", Match{}); err != nil {
		t.Error(err)
	}
	refused(noon.Add(time.Hour))

	force := clerk
	force.Force = []Force{ForceBrake}
	if _, err := d.Flag(ctx, force, request("forced.be")); err != nil {
		t.Error(err)
	}
	entries := d.entries()
	if last := entries[len(entries)-1]; fmt.Sprint(last.Forced) != "[brake]" {
		t.Errorf("forced in the journal = %q, want brake", last.Forced)
	}

	d.reopen() // it survives a restart
	refused(noon.Add(time.Hour))
	d.SetPolicy(brakedPolicy(3)) // and follows a reload
	d.flag("three.be")
	d.SetPolicy(brakedPolicy(2))
	d.setTime(noon.Add(time.Hour)) // one.be leaves the window, what was forced was never in it
	_, err := d.Flag(ctx, clerk, request("four.be"))
	if e := refusalOf(t, err, Braked); !e.RetryAt.Equal(noon.Add(70 * time.Minute)) {
		t.Errorf("next at %s, want %s", e.RetryAt, noon.Add(70*time.Minute))
	}
	d.setTime(noon.Add(70 * time.Minute))
	d.flag("four.be")
}

func TestBrakeOnImport(t *testing.T) {
	d := newDesk(t, brakedPolicy(3))
	body := func(from, n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(importLine(fmt.Sprintf("n%d.be", from+i)))
		}
		return b.String()
	}
	_, err := d.importText("", body(0, 4))
	if e := refusalOf(t, err, Braked); !e.RetryAt.IsZero() {
		t.Errorf("next at %s for more than the brake ever allows", e.RetryAt)
	}
	if d.generation() != 0 || d.set.Table().Len() != 0 {
		t.Error("a refused import changed something")
	}
	if r, err := d.importText("", body(0, 3)); err != nil || r.Created != 3 {
		t.Fatalf("%+v, %v; want 3 created", r, err)
	}
	_, err = d.Flag(context.Background(), clerk, request("n9.be"))
	if e := refusalOf(t, err, Braked); !e.RetryAt.Equal(noon.Add(time.Hour)) {
		t.Errorf("next at %s, want %s", e.RetryAt, noon.Add(time.Hour))
	}
	force := Order{Actor: "uid:0", Force: []Force{ForceBrake}}
	if r, err := d.Import(context.Background(), force, "", strings.NewReader(body(2, 500))); err != nil || r.Created != 499 {
		t.Fatalf("%+v, %v; want 499 created", r, err)
	}
	d.reopen()
	d.setTime(noon.Add(time.Hour - time.Second))
	_, err = d.Flag(context.Background(), clerk, request("n1000.be"))
	wantKind(t, err, Braked)
	d.setTime(noon.Add(time.Hour))
	if r, err := d.importText("", body(1000, 3)); err != nil || r.Created != 3 {
		t.Errorf("%+v, %v; want 3 created after the window", r, err)
	}
}

func TestBrakeDoesNotCountWhatWasNotDone(t *testing.T) {
	d := newDesk(t, brakedPolicy(1))
	dry := clerk
	dry.DryRun = true
	for range 3 {
		if _, err := d.Flag(context.Background(), dry, request("dry.be")); err != nil {
			t.Fatal(err)
		}
	}
	d.flag("one.be")
	_, err := d.Flag(context.Background(), dry, request("dry.be"))
	wantKind(t, err, Braked)
}
