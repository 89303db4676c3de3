package main

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

func words[T ~string](values []T) []string {
	var all []string
	for _, v := range values {
		all = append(all, string(v))
	}
	return all
}

func TestWhatNactlOffersIsTheDesks(t *testing.T) {
	for name, tt := range map[string]struct{ got, want []string }{
		"states":          {states, words(procedure.States)},
		"statuses":        {statuses, words(store.Statuses)},
		"notice statuses": {noticeStatuses, words([]store.NoticeStatus{store.Draft, store.Unreadable, store.Bounce, store.Filed, store.Opened, store.Discarded})},
		"orders": {orders, words([]procedure.Order{
			procedure.OrderReinstate, procedure.OrderAccount, procedure.OrderCancel, procedure.OrderQuarantine, procedure.OrderRelease})},
	} {
		if !slices.Equal(tt.got, tt.want) {
			t.Errorf("%s: nactl offers %q, the desk has %q", name, tt.got, tt.want)
		}
	}
	var kinds []string
	for _, e := range events {
		kinds = append(kinds, strings.ReplaceAll(e.kind, "-", "_"))
	}
	for _, s := range procedure.States {
		for _, k := range procedure.Allowed(s) {
			if !slices.Contains(kinds, string(k)) {
				t.Errorf("%s takes %s, which nactl does not offer", s, k)
			}
		}
	}
}

// A change whose fate is unknown says how to repeat it; a dry run and a refusal do not.
func TestKeysOfCases(t *testing.T) {
	var keys []string
	drop := func(_ http.ResponseWriter, r *http.Request) {
		keys = append(keys, r.Header.Get("Idempotency-Key"))
		panic(http.ErrAbortHandler)
	}
	for range 2 {
		code, _, stderr := against(t, drop, "case", "approve", "2026-00001")
		if want := "repeat it with --idempotency-key " + keys[len(keys)-1]; code != 1 || !strings.Contains(stderr, want) {
			t.Errorf("got %d %q, want 1 and %q", code, stderr, want)
		}
	}
	if keys[0] == "" || keys[0] == keys[1] {
		t.Errorf("two changes had the keys %q", keys)
	}
	if _, _, stderr := against(t, drop, "case", "approve", "2026-00001", "--dry-run"); strings.Contains(stderr, "--idempotency-key") {
		t.Errorf("a dry run says %q", stderr)
	}
	refused := answer(409, `{"status":409,"title":"Conflict","detail":"no"}`)
	if _, _, stderr := against(t, refused, "case", "approve", "2026-00001"); strings.Contains(stderr, "--idempotency-key") {
		t.Errorf("a refusal says %q", stderr)
	}
	if against(t, drop, "case", "approve", "2026-00001", "--idempotency-key", "mine"); keys[len(keys)-1] != "mine" {
		t.Errorf("got key %q, want the one given", keys[len(keys)-1])
	}
}

func TestWhatAnEventSays(t *testing.T) {
	tests := []struct {
		args []string
		path string
		want string
	}{
		{[]string{"approve", "2026-00001"}, "/v1/cases/2026-00001/events", `{"kind":"approve"}`},
		{[]string{"claim-at-authority", "1", "--reached", "2026-05-12T09:30:00Z"}, "/v1/cases/1/events", `{"kind":"claim-at-authority","reached":"2026-05-12T09:30:00Z"}`},
		{[]string{"extend", "1", "--until", "2026-06-30", "--text", "a\nb"}, "/v1/cases/1/events", `{"kind":"extend","text":"a\nb","until":"2026-06-30"}`},
		{[]string{"extend", "1", "--days", "14", "--at", "2026-05-12T09:30:00+02:00"}, "/v1/cases/1/events", `{"at":"2026-05-12T09:30:00+02:00","days":14,"kind":"extend"}`},
		{[]string{"stop", "1", "--name", "a.be", "--name", "b.be,c.be"}, "/v1/cases/1/events", `{"kind":"stop","names":["a.be","b.be","c.be"]}`},
		{[]string{"relay", "1", "--word", "3", "--evidence", "N1"}, "/v1/cases/1/events", `{"evidence":"N1","kind":"relay","word":3}`},
		{[]string{"confirm-order", "a/b", "--order", "cancel"}, "/v1/cases/a%2Fb/events", `{"kind":"confirm-order","order":"cancel"}`},
		{[]string{"open", "--message", "N1", "--text", "x"}, "/v1/cases", `{"message":"N1","text":"x"}`},
	}
	for _, tt := range tests {
		var path, body string
		code, _, stderr := against(t, func(w http.ResponseWriter, r *http.Request) {
			text, _ := io.ReadAll(r.Body)
			path, body = r.URL.EscapedPath(), string(text)
			_, _ = io.WriteString(w, `{"case":{"id":"1"}}`)
		}, append([]string{"case"}, tt.args...)...)
		if code != 0 || path != tt.path || body != tt.want {
			t.Errorf("%q: got %d %s %s %q, want %s %s", tt.args, code, path, body, stderr, tt.path, tt.want)
		}
	}
}

// A line that changes no flag is a link of the chain, and leaves the flags as they are.
func TestAuditVerifyWithCases(t *testing.T) {
	lines := journal(2)
	for _, more := range []string{
		`"action":"case","name":"","case":"2026-00001","event":1,"kind":"open","state":"received","late":true,"record":"00"`,
		`"action":"refuse","name":"","case":"2026-00001","kind":"claim","reason":"conflict"`,
		`"action":"erase","name":"","case":"2026-00001"`,
		`"action":"receive","name":"","kind":"draft","reason":"notice N2026-00001","record":"00"`,
	} {
		lines = append(lines, `{"seq":`+string(rune('1'+len(lines)))+`,`+more+`,"prev":"`+sumOf(lines[len(lines)-1])+`"}`)
	}
	code, stdout, stderr := against(t, serveJournal(lines, 6, sumOf(lines[5]), digestOf(2)), "audit", "verify")
	if code != 0 || !strings.HasPrefix(stdout, "the journal is unbroken: 6 lines") {
		t.Errorf("got %d %q %q", code, stdout, stderr)
	}
	code, stdout, stderr = against(t, serveJournal(lines[2:], 6, "", ""), "audit", "list")
	if code != 0 || !strings.Contains(stdout, "case 2026-00001 event 1") || !strings.Contains(stdout, "open, received, late") {
		t.Errorf("got %d %q %q", code, stdout, stderr)
	}
}
