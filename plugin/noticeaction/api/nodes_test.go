package api

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
)

// fakeFleet has the node ns1, which has generation 7.
type fakeFleet struct{ ordered *[]string }

func (f fakeFleet) Publisher() PublisherStatus {
	return PublisherStatus{Connected: true, Generation: 8}
}

func (f fakeFleet) Nodes() []NodeStatus {
	return []NodeStatus{{Node: "ns1", Generation: 7, Seen: start, Age: 3, Late: true}}
}

func (f fakeFleet) Reached(ctx context.Context, generation uint64) *Reached {
	if generation > 7 {
		<-ctx.Done()
		return nil
	}
	return &Reached{Generation: 7, At: start, Nodes: 1}
}

func (f fakeFleet) Forget(_ context.Context, o casework.Order, node string) error {
	if node != "ns1" {
		return NoNode(node)
	}
	return f.order("forget", o)
}

func (f fakeFleet) Override(_ context.Context, o casework.Order) error { return f.order("override", o) }

func (f fakeFleet) order(what string, o casework.Order) error {
	if f.ordered != nil && !o.DryRun {
		*f.ordered = append(*f.ordered, what+" by "+o.Actor)
	}
	return nil
}

func TestNodes(t *testing.T) {
	var ordered []string
	h := New(Config{Desk: fakeDesk{}, Fleet: fakeFleet{ordered: &ordered}})
	tell(t, h, []step{
		{name: "all", who: as("uid:0"), call: "GET /v1/nodes", status: 200, want: []string{`"node":"ns1"`, `"generation":8`, `"age_seconds":3`, `"late":true`}, never: "reached"},
		{name: "what all have", who: as("uid:0"), call: "GET /v1/nodes?generation=6", status: 200, want: []string{`"reached":{"generation":7,"at":"2026-05-12T09:30:00Z","nodes":1}`}},
		{name: "what not all have", who: as("uid:0"), call: "GET /v1/nodes?generation=8", status: 200, never: "reached"},
		{name: "waiting too long", who: as("uid:0"), call: "GET /v1/nodes?generation=8&wait=26", status: 422, want: []string{"wait"}},
		{name: "forget by trial", who: as("uid:0"), call: "DELETE /v1/nodes/ns1?dry_run=true", status: 204},
		{name: "forget", who: as("uid:0"), call: "DELETE /v1/nodes/ns1", status: 204},
		{name: "forget none", who: as("uid:0"), call: "DELETE /v1/nodes/ns2", status: 404, want: []string{"expected a node that has reported"}},
		{name: "override", who: as("uid:0"), call: "POST /v1/replica/override", status: 204},
	})
	if got := strings.Join(ordered, ", "); got != "forget by uid:0, override by uid:0" {
		t.Errorf("ordered: %s", got)
	}
}

func TestNodesOfAServerThatPublishesNothing(t *testing.T) {
	h := New(Config{Desk: fakeDesk{}})
	for _, call := range []string{"GET /v1/nodes", "DELETE /v1/nodes/ns1", "POST /v1/replica/override"} {
		method, path, _ := strings.Cut(call, " ")
		if got := serve(h, as("uid:0"), method, path, ""); got.Code != http.StatusNotFound || !strings.Contains(got.Body.String(), "publishes to others") {
			t.Errorf("%s: got %d %s", call, got.Code, got.Body)
		}
	}
}

// TestFollower: a server that follows another has a status and is ready or not, and nothing else.
func TestFollower(t *testing.T) {
	loaded := false
	h := New(Config{
		Follower: func() Follower {
			return Follower{Node: "ns1", Loaded: loaded, Generation: 7, Confirmed: start.Add(time.Second)}
		},
		Ready: func() bool { return loaded }, Tokens: tokensOf(t),
	})
	tell(t, h, []step{
		{name: "status", who: bearer("viewer"), call: "GET /v1/status", status: 200, want: []string{`"node":"ns1"`, `"generation":7`, `"version"`}},
		{name: "status to nobody", who: bearer("stranger"), call: "GET /v1/status", status: 401},
		{name: "not ready", who: as("uid:0"), call: "GET /v1/ready", status: 503, want: []string{"not loaded yet"}},
	})
	loaded = true
	tell(t, h, []step{
		{name: "ready", who: as("uid:0"), call: "GET /v1/ready", status: 200, want: []string{"true"}},
		{name: "no flags", who: as("uid:0"), call: "GET /v1/flags", status: 404},
		{name: "no flagging", who: as("uid:0"), call: "PUT /v1/flags/example.be", status: 404},
		{name: "no nodes", who: as("uid:0"), call: "GET /v1/nodes", status: 404},
		{name: "no backup", who: as("uid:0"), call: "GET /v1/backup", status: 404},
	})
}
