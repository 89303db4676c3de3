package noticeaction

import (
	"context"
	"testing"

	"github.com/coredns/coredns/plugin"
)

// TestGlance: what a glance tells is what the zone answers.
func TestGlance(t *testing.T) {
	v := viewOf(loadZone(t, "1"))
	if err := v.learnApexes(context.Background()); err != nil {
		t.Fatal(err)
	}
	claims := []*claim{{handler: &NoticeAction{zones: v.zones, view: v}}}
	if _, ok := glance(claims, "example.be", false); ok {
		t.Error("a glance tells of a name before the zone was read whole")
	}
	v.learnHosting(context.Background())
	for _, tc := range []struct {
		name string
		ok   bool
	}{
		{"example.be", true},
		{"two.be", true},
		{"signed.be", false},  // has a DS record, and redirects here are not signed
		{"bighost.be", false}, // hosts others
		{"one.be", false},
		{"host.be", true}, // not delegated
		{"absent.be", true},
		{"example.com", false},
	} {
		got, ok := glance(claims, tc.name, true)
		if ok != tc.ok {
			t.Errorf("%s: told: %v, want %v", tc.name, ok, tc.ok)
		}
		want := surroundings(claims, tc.name)
		if ok && (got.Known != want.Known || got.Delegated != want.Delegated || got.DS != want.DS || got.Unsigned != want.Unsigned || got.HostsKnown != want.HostsKnown || want.HostsOf > 0) {
			t.Errorf("%s at a glance: %+v, want %+v", tc.name, got, want)
		}
	}
	later := loadZone(t, "2")
	v.next = func() plugin.Handler { return later }
	if _, ok := glance(claims, "example.be", false); !ok {
		t.Error("a glance does not tell of a name by the version that was last learned")
	}
	if _, ok := glance(claims, "example.be", true); ok {
		t.Error("a glance tells of a name as of now though the zone has a new version")
	}
	(*v.apexes.Load())[0].soa.Serial++
	if _, ok := glance(claims, "example.be", false); ok {
		t.Error("a glance tells of a name though the zone has a new version that was not read")
	}
}
