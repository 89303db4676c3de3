package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/coredns-na/coredns-na/internal/version"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
)

const (
	nodesRoute    = "GET /v1/nodes"
	forgetRoute   = "DELETE /v1/nodes/{node}"
	overrideRoute = "POST /v1/replica/override"
	readyRoute    = "GET /v1/ready"

	everywhereRoute = "GET /v1/cases/{id}/everywhere"
)

// Fleet is what the API needs to know of the servers that follow this one. All methods are called concurrently.
type Fleet interface {
	Publisher() PublisherStatus
	Nodes() []NodeStatus
	// Reached returns when all nodes had a generation, once they have or ctx ends; nil: not yet, or not known any more.
	Reached(ctx context.Context, generation uint64) *Reached
	// Forget and Override refuse with an *casework.Error.
	Forget(ctx context.Context, o casework.Order, node string) error
	Override(ctx context.Context, o casework.Order) error
}

// PublisherStatus says how far etcd is.
type PublisherStatus struct {
	Connected  bool      `json:"connected" doc:"Whether etcd can be written"`
	Generation uint64    `json:"generation" doc:"The generation that etcd holds" example:"42"`
	Digest     string    `json:"digest" doc:"Of the set that etcd holds, in hex; the one that the status shows if etcd holds everything"`
	Signed     time.Time `json:"signed,omitzero" doc:"When its head was last signed; absent: never"`
	Behind     time.Time `json:"behind,omitzero" doc:"When the first change was committed that etcd does not hold; absent: it holds all"`
	Diverged   bool      `json:"diverged" doc:"Whether etcd holds what the journal does not lead to, as after an older backup was restored; nothing is published then until an override"`
	Error      string    `json:"error,omitempty" doc:"Why nothing can be published now"`
}

// NodeStatus is what a follower reported.
type NodeStatus struct {
	Node       string    `json:"node" doc:"Its name" example:"ns1"`
	Version    string    `json:"version" doc:"Of its program" example:"v1.2.3"`
	Generation uint64    `json:"generation" doc:"That it answers by" example:"42"`
	Digest     string    `json:"digest" doc:"Of its set, in hex"`
	Flags      int       `json:"flags" doc:"In its set" example:"3"`
	Applied    time.Time `json:"applied,omitzero" doc:"When it began to answer by that, by its own clock; absent: before it was started" example:"2026-05-12T09:30:00Z"`
	Confirmed  time.Time `json:"confirmed,omitzero" doc:"When etcd last told it that there was nothing newer, by its own clock" example:"2026-05-12T09:30:00Z"`
	Seen       time.Time `json:"seen" doc:"When its last report came, by this server's clock" example:"2026-05-12T09:30:00Z"`
	Age        int64     `json:"age_seconds" doc:"How long ago that was" example:"7"`
	Late       bool      `json:"late" doc:"Whether its next report is overdue"`
	Refusal    string    `json:"refusal,omitempty" enum:"signature,replay,older,empty,shrunk,mismatch,table" doc:"Why it does not believe what etcd holds"`
}

// Reached says when all nodes had a generation.
type Reached struct {
	Generation uint64    `json:"generation" doc:"That all had by then; the one asked for or a later one" example:"42"`
	At         time.Time `json:"at" doc:"When the last of them reported it, by this server's clock" example:"2026-05-12T09:30:00Z"`
	Nodes      int       `json:"nodes" doc:"How many there were" example:"5"`
}

type nodesInput struct {
	Generation uint64 `query:"generation" doc:"Tell when all nodes had this generation" example:"42"`
	Wait       int    `query:"wait" minimum:"0" maximum:"25" doc:"Wait so many seconds at most until they have" example:"10"`
}

type nodesOutput struct{ Body nodesReply }

type nodesReply struct {
	Publisher PublisherStatus `json:"publisher" doc:"How far etcd is"`
	Nodes     []NodeStatus    `json:"nodes" nullable:"false" doc:"By name"`
	Reached   *Reached        `json:"reached,omitempty" doc:"When all nodes had the generation asked for; absent: they do not, or it was too long ago"`
}

var errNotPublishing = problem(http.StatusNotFound, "expected a server that publishes to others; this one does not")

func (h *Handler) registerNodes(api huma.API) {
	huma.Register(api, operation(nodesRoute, "nodes", "List nodes",
		"The servers that answer by the flags of this one, and what they last reported.",
		http.StatusNotFound, http.StatusUnprocessableEntity), h.nodes)
	forget := operation(forgetRoute, "nodes", "Forget a node",
		"Takes a node that is gone for good out of the view. One that lives comes back with its next report.", http.StatusNotFound)
	huma.Register(api, forget, h.forget)
	huma.Register(api, operation(overrideRoute, "nodes", "Override the nodes",
		"Has every node take the flags of this server as they are, even if they are older, far fewer or none, or are not what the nodes have been led to. "+
			"For after an older backup was restored. The journal keeps who did.", http.StatusNotFound), h.override)
	registerReady(api, h.config.Ready)
}

func (h *Handler) nodes(ctx context.Context, in *nodesInput) (*nodesOutput, error) {
	fleet := h.config.Fleet
	if fleet == nil {
		return nil, errNotPublishing
	}
	out := &nodesOutput{}
	if in.Generation > 0 {
		ctx, cancel := context.WithTimeout(ctx, time.Duration(in.Wait)*time.Second)
		defer cancel()
		out.Body.Reached = fleet.Reached(ctx, in.Generation)
	}
	out.Body.Publisher, out.Body.Nodes = fleet.Publisher(), fleet.Nodes()
	if out.Body.Nodes == nil {
		out.Body.Nodes = []NodeStatus{}
	}
	return out, nil
}

type forgetInput struct {
	Trial
	Node string `path:"node" doc:"Its name" example:"ns1"`
}

type overrideInput struct{ Trial }

func (h *Handler) forget(ctx context.Context, in *forgetInput) (*struct{}, error) {
	if h.config.Fleet == nil {
		return nil, errNotPublishing
	}
	if err := h.config.Fleet.Forget(ctx, in.order(ctx), in.Node); err != nil {
		return nil, refusal(ctx, err)
	}
	in.note(ctx, "a node was forgotten")
	return nil, nil
}

func (h *Handler) override(ctx context.Context, in *overrideInput) (*struct{}, error) {
	if h.config.Fleet == nil {
		return nil, errNotPublishing
	}
	if err := h.config.Fleet.Override(ctx, in.order(ctx)); err != nil {
		return nil, refusal(ctx, err)
	}
	in.note(ctx, "the nodes are overridden")
	return nil, nil
}

type readyOutput struct{ Body readyReply }

type readyReply struct {
	Ready bool `json:"ready" doc:"Always true; a server that is not ready answers 503"`
}

// registerReady tells whether answers are made from a loaded set; a nil function: they are.
func registerReady(api huma.API, ready func() bool) {
	huma.Register(api, operation(readyRoute, "desk", "Tell whether ready",
		"Whether the flags are loaded; 503 while they are not. On a server that follows another, also that it has none of its own."),
		func(context.Context, *struct{}) (*readyOutput, error) {
			if ready != nil && !ready() {
				return nil, problem(http.StatusServiceUnavailable, "the flags are not loaded yet")
			}
			return &readyOutput{Body: readyReply{Ready: true}}, nil
		})
}

// Follower is the status of a server that follows another.
type Follower struct {
	Node       string         `json:"node" doc:"Its name" example:"ns1"`
	Loaded     bool           `json:"loaded" doc:"Whether it has a set to answer by"`
	Generation uint64         `json:"generation" doc:"Of the set that it answers by" example:"42"`
	Digest     string         `json:"digest" doc:"Of that set, in hex"`
	Flags      int            `json:"flags" doc:"In the set" example:"3"`
	Redirected int            `json:"redirected" doc:"Names redirected: the flags that have not ended" example:"3"`
	Zones      map[string]int `json:"zones" doc:"Names redirected by zone"`
	TableBytes int            `json:"table_bytes" doc:"Memory that the table holds, in bytes"`
	Signed     time.Time      `json:"signed,omitzero" doc:"When the head of the set was signed, by the publisher's clock"`
	Applied    time.Time      `json:"applied,omitzero" doc:"When it began to answer by that; absent: before it was started"`
	Connected  bool           `json:"connected" doc:"Whether etcd is being watched"`
	Confirmed  time.Time      `json:"confirmed,omitzero" doc:"When etcd last told that there was nothing newer; absent: not since the start"`
	Snapshot   time.Time      `json:"snapshot,omitzero" doc:"When the last snapshot was written; absent: not since the start"`
	Refusal    string         `json:"refusal,omitempty" enum:"signature,replay,older,empty,shrunk,mismatch,table" doc:"Why it does not believe what etcd holds"`
	Detail     string         `json:"detail,omitempty" doc:"The same, for people"`
	Error      string         `json:"error,omitempty" doc:"Why etcd is not being watched"`
}

type followerOutput struct{ Body followerReply }

type followerReply struct {
	Version string `json:"version" doc:"The program's version" example:"v1.2.3"`
	Commit  string `json:"commit,omitempty" doc:"The commit it was built from" example:"0123456789ab"`
	Follower
	UDPBatch []Batch `json:"udp_batch" nullable:"false" doc:"The addresses whose DNS over UDP is read in batches"`
}

// registerFollower registers all that there is on a server that follows another.
func (h *Handler) registerFollower(api huma.API) {
	huma.Register(api, operation("GET /v1/status", "desk", "Show the status", "Describes a server that follows another."),
		func(context.Context, *struct{}) (*followerOutput, error) {
			return &followerOutput{Body: followerReply{
				Version: version.String(), Commit: version.Commit(), Follower: h.config.Follower(), UDPBatch: h.config.Batches(),
			}}, nil
		})
	registerReady(api, h.config.Ready)
}

// NoNode is the refusal for a name that no node has.
func NoNode(name string) error {
	return &casework.Error{Kind: casework.NotFound, Field: "node", Value: casework.Clip(name), Detail: fmt.Sprintf("expected a node that has reported, got %q", casework.Clip(name))}
}

type everywhereOutput struct{ Body everywhereReply }

type everywhereReply struct {
	Case    string       `json:"case" doc:"The id of the case" example:"2026-00001"`
	Changes []caseChange `json:"changes" nullable:"false" doc:"The oldest first"`
}

type caseChange struct {
	Generation uint64    `json:"generation" doc:"Of the change" example:"42"`
	At         time.Time `json:"at" doc:"When it was committed" example:"2026-05-12T09:30:00Z"`
	Flagged    []string  `json:"flagged" nullable:"false" doc:"Names that were flagged, or whose flag was changed" example:"example.be"`
	Lifted     []string  `json:"lifted" nullable:"false" doc:"Names that were given back" example:"example.be"`
	Everywhere time.Time `json:"everywhere,omitzero" doc:"When all other servers had it; absent: not yet, or there are none" example:"2026-05-12T09:30:01Z"`
}

func (h *Handler) everywhere(ctx context.Context, in *verifyInput) (*everywhereOutput, error) {
	changes, err := h.config.Cases.Everywhere(asking(ctx), in.ID)
	if err != nil {
		return nil, refusal(ctx, err)
	}
	out := &everywhereOutput{Body: everywhereReply{Case: in.ID, Changes: []caseChange{}}}
	for _, c := range changes {
		out.Body.Changes = append(out.Body.Changes, caseChange{
			Generation: c.Generation, At: c.At, Flagged: orEmpty(c.Flagged), Lifted: orEmpty(c.Lifted), Everywhere: c.Everywhere,
		})
	}
	return out, nil
}
