package noticeaction

import (
	"context"
	"testing"
)

// TestClear: what is clear needs no question to the zone, whose answer would hold nothing to say.
func TestClear(t *testing.T) {
	v := viewOf(loadZone(t, "1"))
	if err := v.learnApexes(context.Background()); err != nil {
		t.Fatal(err)
	}
	claims := []*claim{{handler: &NoticeAction{zones: v.zones, view: v}}}
	if clear(claims, "example.be") {
		t.Error("a name is clear before the zone was read whole")
	}
	v.learnHosting(context.Background())
	for _, tc := range []struct {
		name string
		want bool
	}{
		{"example.be", true},
		{"two.be", true},
		{"signed.be", false},  // has a DS record, and redirects here are not signed
		{"bighost.be", false}, // hosts others
		{"one.be", false},
		{"host.be", false}, // not delegated
		{"absent.be", false},
		{"be", false},
		{"example.com", false},
	} {
		if got := clear(claims, tc.name); got != tc.want {
			t.Errorf("%s is clear: %v, want %v", tc.name, got, tc.want)
		}
		if s := surroundings(claims, tc.name); tc.want && (!s.Known || !s.Delegated || !s.HostsKnown || s.HostsOf > 0 || s.DS && s.Unsigned) {
			t.Errorf("%s is clear, but %+v", tc.name, s)
		}
	}
	apexes := *v.apexes.Load()
	apexes[0].soa.Serial++
	if clear(claims, "example.be") {
		t.Error("a name is clear though the zone has a new version that was not read")
	}
}
