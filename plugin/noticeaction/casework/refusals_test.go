package casework

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
)

func TestRefusedEvents(t *testing.T) {
	claim := procedure.Event{Kind: procedure.Claim}
	three := 3
	tests := []struct {
		name string
		do   func(d *desk, id string) error
		kind Kind
		says string // part of the refusal
	}{
		{"in a state that does not allow it", func(d *desk, id string) error {
			_, err := d.RecordEvent(context.Background(), clerk, EventRequest{Case: id, Event: procedure.Event{Kind: procedure.Approve}})
			return err
		}, Conflict, "holder_window takes"},
		{"in the future", func(d *desk, id string) error {
			_, err := d.RecordEvent(context.Background(), clerk, EventRequest{Case: id, Event: procedure.Event{Kind: procedure.Claim, At: d.clock().Add(time.Hour)}})
			return err
		}, Invalid, "not in the future"},
		{"before the notice", func(d *desk, id string) error {
			_, err := d.RecordEvent(context.Background(), clerk, EventRequest{Case: id, Event: procedure.Event{Kind: procedure.Claim, At: d.clock().Add(-time.Hour)}})
			return err
		}, Invalid, "not before the notice"},
		{"for an authority that may not", func(d *desk, id string) error {
			_, err := d.RecordEvent(context.Background(), dpa, EventRequest{Case: id, Event: claim})
			return err
		}, Forbidden, "recorded by [operator]"},
		{"on another authority's case", func(d *desk, id string) error {
			_, err := d.RecordEvent(context.Background(), economy, EventRequest{Case: id, Event: procedure.Event{Kind: procedure.Stop}})
			return err
		}, Forbidden, "a case of the authority fps-economy"},
		{"on no case", func(d *desk, _ string) error {
			_, err := d.RecordEvent(context.Background(), clerk, EventRequest{Case: "2026-09999", Event: claim})
			return err
		}, NotFound, "the id of a case"},
		{"that only time writes", func(d *desk, id string) error {
			_, err := d.RecordEvent(context.Background(), clerk, EventRequest{Case: id, Event: procedure.Event{Kind: procedure.Expire}})
			return err
		}, Invalid, "a person records"},
		{"on a case that has moved on", func(d *desk, id string) error {
			_, err := d.RecordEvent(context.Background(), clerk, EventRequest{Case: id, Event: claim, Match: &three})
			return err
		}, Precondition, "a case of 3 events; it has 2"},
		{"a name in a case already", func(d *desk, _ string) error {
			_, err := d.OpenCase(context.Background(), clerk, opening("other.be", "example.be"))
			return err
		}, Conflict, "is in case 2026-00001"},
		{"a notice that lacks items", func(d *desk, _ string) error {
			r := opening("other.be")
			r.Notice.Office, r.Notice.Competent = "", false
			_, err := d.OpenCase(context.Background(), clerk, r)
			return err
		}, Invalid, "office of the inspector; confirmation of competence"},
		{"a notice of another authority", func(d *desk, _ string) error {
			_, err := d.OpenCase(context.Background(), economy, opening("other.be"))
			return err
		}, Forbidden, "the authority fps-economy"},
		{"a name outside of the zones", func(d *desk, _ string) error {
			_, err := d.OpenCase(context.Background(), clerk, opening("example.com"))
			return err
		}, Invalid, "one of the zones served"},
		{"from a message that is none", func(d *desk, _ string) error {
			r := opening("other.be")
			r.Message = "N2026-00009"
			_, err := d.OpenCase(context.Background(), clerk, r)
			return err
		}, Invalid, "id of a message"},
		{"an address that is none", func(d *desk, _ string) error {
			r := opening("other.be")
			r.Parties.Sites[0].Addresses = []string{"192.0.2"}
			_, err := d.OpenCase(context.Background(), clerk, r)
			return err
		}, Invalid, "IPv4 or IPv6 addresses"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := caseDesk(t)
				id := d.approved("example.be")
				before, lines := asJSON(t, d.view(id)), len(d.entries())
				err := tt.do(d, id)
				wantKind(t, err, tt.kind)
				if !strings.Contains(err.Error(), tt.says) {
					t.Errorf("refusal = %v, want it to say %q", err, tt.says)
				}
				if after := asJSON(t, d.view(id)); after != before {
					t.Errorf("the case has changed to %s", after)
				}
				entries := d.entries()
				last := entries[len(entries)-1]
				if len(entries) != lines+1 || last.Action != "refuse" || !strings.Contains(last.Reason, tt.says) {
					t.Errorf("journal ends in %+v, want the refusal", last)
				}
			})
		})
	}
}

func TestRefusalsInTheJournalAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := caseDesk(t)
		for range maxRefusals + 5 {
			_, err := d.RecordEvent(context.Background(), clerk, EventRequest{Case: "none", Event: procedure.Event{Kind: procedure.Claim}})
			wantKind(t, err, NotFound)
		}
		if n := len(d.entries()); n != maxRefusals {
			t.Errorf("journal of %d lines, want %d", n, maxRefusals)
		}
		time.Sleep(refusalsPer)
		_, _ = d.RecordEvent(context.Background(), clerk, EventRequest{Case: "none", Event: procedure.Event{Kind: procedure.Claim}})
		entries := d.entries()
		if last := entries[len(entries)-1]; !strings.HasSuffix(last.Reason, "(and 5 more that are not listed)") {
			t.Errorf("last line = %+v", last)
		}
	})
}
