package casework

import (
	"context"
	"strings"
	"testing"
	"time"
)

func TestSurroundings(t *testing.T) {
	delegated := Surroundings{Known: true, Delegated: true, HostsKnown: true}
	hosting := Surroundings{Known: true, Delegated: true, HostsKnown: true, HostsOf: 1500, Hosts: []string{"ns1.bighost.be"}, Examples: []string{"one.be"}}
	for _, tc := range []struct {
		name     string
		zone     Surroundings
		force    []Force
		refusal  string
		warnings []string
	}{
		{"delegated", delegated, nil, "", nil},
		{"the zone does not answer", Surroundings{}, nil, "not loaded yet", nil},
		{"the zone does not answer, forced", Surroundings{}, []Force{ForceZoneUnknown}, "", []string{"zone-unknown"}},
		{"the zone cannot be read whole", Surroundings{Known: true, Delegated: true}, nil, "", []string{"hosting-unknown"}},
		{"not delegated", Surroundings{Known: true, HostsKnown: true}, nil, `force with "not-delegated"`, nil},
		{"not delegated, forced", Surroundings{Known: true, HostsKnown: true}, []Force{ForceNotDelegated}, "", []string{"not-delegated"}},
		{"not delegated, another force", Surroundings{Known: true, HostsKnown: true}, []Force{ForceBrake}, `force with "not-delegated"`, nil},
		{"hosts others", hosting, nil, "ns1.bighost.be serve 1500 other names (one.be)", nil},
		{"hosts others, forced", hosting, []Force{ForceHostsNameServers}, "", []string{"hosts-name-servers"}},
		{"DS under a signed redirect", Surroundings{Known: true, Delegated: true, HostsKnown: true, DS: true}, nil, "", nil},
		{"DS under an unsigned redirect", Surroundings{Known: true, Delegated: true, HostsKnown: true, DS: true, Unsigned: true, DSTTL: time.Hour}, nil, "", []string{"child-has-ds"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			warnings, refusal := tc.zone.judge("example.be", tc.force)
			if (refusal == nil) != (tc.refusal == "") || refusal != nil && !strings.Contains(refusal.Error(), tc.refusal) {
				t.Errorf("refusal %v, want %q", refusal, tc.refusal)
			}
			var codes []string
			for _, w := range warnings {
				codes = append(codes, w.Code)
			}
			if got, want := strings.Join(codes, " "), strings.Join(tc.warnings, " "); got != want {
				t.Errorf("warnings %q, want %q", got, want)
			}
		})
	}
}

func TestEffectiveWithin(t *testing.T) {
	s := Surroundings{DelegationTTL: 24 * time.Hour, DSTTL: 2 * time.Hour, AnswerTTL: 5 * time.Minute}
	if got := s.RedirectWithin(); got != 24*time.Hour {
		t.Errorf("redirect within %s, want the delegation's TTL", got)
	}
	if got := s.UndoWithin(); got != 5*time.Minute {
		t.Errorf("undo within %s, want the answers' TTL", got)
	}
}

// A name of a zone that could not be asked is flagged only by force; a flag that stands can be replaced.
func TestZoneUnknown(t *testing.T) {
	all := Surroundings{Known: true, Delegated: true, HostsKnown: true}
	for _, tc := range []struct {
		name         string
		surroundings Surroundings
		servers      map[string]bool // whether those of the zone are known
		refused      bool
	}{
		{"all is known", all, map[string]bool{"be.": true, "vlaanderen.": true, "brussels.": true}, false},
		{"the zone does not answer", Surroundings{}, map[string]bool{"be.": true}, true},
		{"the zone's servers are not known", all, map[string]bool{"vlaanderen.": true}, true},
		{"another zone's servers are not known", all, map[string]bool{"be.": true}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := newDesk(t, testPolicy())
			d.flag("standing.be")
			p := testPolicy()
			p.Surroundings = func(string) Surroundings { return tc.surroundings }
			p.Servers = func(zone string) ([]string, bool) { return nil, tc.servers[zone] }
			d.SetPolicy(p)
			_, err := d.Flag(t.Context(), clerk, request("new.be"))
			_, imported := d.importText("", importLine("imported.be"))
			preview, _ := d.Preview("new.be")
			if !tc.refused {
				if err != nil || imported != nil {
					t.Fatalf("flag %v, import %v", err, imported)
				}
				return
			}
			for _, err := range []error{err, imported} {
				if e := refusalOf(t, err, Unavailable); !strings.Contains(e.Detail, "try again") {
					t.Errorf("refusal %q, want one that says to try again", e.Detail)
				}
			}
			if preview.Allowed || !strings.Contains(preview.Refusal, `"zone-unknown"`) {
				t.Errorf("preview %+v, want a refusal that names the force", preview)
			}
			report, err := d.importText("", importLine("imported.be")+`{"name":"held.be"}`)
			wantKind(t, err, Invalid)
			if len(report.Errors) == 0 {
				t.Error("no line is told")
			}
			replace := request("standing.be")
			replace.Note = "replaced"
			if r, err := d.Flag(t.Context(), clerk, replace); err != nil || !r.Changed {
				t.Errorf("replace: %+v, %v", r, err)
			}
			forcing := clerk
			forcing.Force = []Force{ForceZoneUnknown}
			if r, err := d.Flag(t.Context(), forcing, request("new.be")); err != nil || codes(r.Warnings) != "zone-unknown" {
				t.Errorf("forced: %+v, %v", r, err)
			}
		})
	}
}

// TestFlagAtAGlance asks the zone about a name only where a glance at its version of now does not tell enough.
func TestFlagAtAGlance(t *testing.T) {
	p, asked := testPolicy(), ""
	seen := Surroundings{Known: true, Delegated: true, HostsKnown: true}
	p.Glance = func(name string, now bool) (Surroundings, bool) {
		if !now {
			t.Errorf("a glance at %s as of a moment ago", name)
		}
		return seen, name != "signed.be"
	}
	p.Surroundings = func(name string) Surroundings {
		asked += name
		s := seen
		s.DS, s.Unsigned = true, true
		return s
	}
	d := newDesk(t, p)
	for _, tc := range []struct {
		name, asked string
		warnings    int
	}{{"clear.be", "", 0}, {"signed.be", "signed.be", 1}} {
		asked = ""
		result, err := d.Flag(context.Background(), Order{Actor: "tester"}, FlagRequest{Name: tc.name, Authority: "apd-gba", Reference: "1"})
		if err != nil || len(result.Warnings) != tc.warnings || asked != tc.asked {
			t.Errorf("%s: %+v, %v, asked about %q; want %d warnings, asked about %q", tc.name, result, err, asked, tc.warnings, tc.asked)
		}
	}
}
