package casework

import (
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
		{"the zone does not answer", Surroundings{}, nil, "", []string{"zone-unknown"}},
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
