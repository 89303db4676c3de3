package noticeaction

import (
	"context"
	"errors"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/api"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/replica"
)

// fleet shows the API the servers that follow a desk.
type fleet struct {
	publisher *replica.Publisher
	work      *casework.Desk
}

// Publisher implements [api.Fleet].
func (f fleet) Publisher() api.PublisherStatus {
	st := f.publisher.Status()
	return api.PublisherStatus{
		Connected: st.Connected, Generation: st.Published.Generation, Digest: st.Published.Digest.String(), Signed: st.Published.Signed,
		Behind: st.Behind.UTC(), Diverged: st.Diverged, Error: st.Error,
	}
}

// Nodes implements [api.Fleet].
func (f fleet) Nodes() (all []api.NodeStatus) {
	for _, n := range f.publisher.Fleet().Nodes() {
		all = append(all, api.NodeStatus{
			Node: n.Node, Version: n.Version, Generation: n.Generation, Digest: n.Digest, Flags: n.Flags,
			Applied: n.Applied, Confirmed: n.Confirmed, Seen: n.Seen.UTC(), Age: int64(max(now().Sub(n.Seen), 0).Seconds()),
			Late: n.Late, Refusal: n.Refusal,
		})
	}
	return all
}

// Reached implements [api.Fleet].
func (f fleet) Reached(ctx context.Context, generation uint64) *api.Reached {
	r, ok := f.publisher.Fleet().Await(ctx, generation)
	if !ok {
		return nil
	}
	return &api.Reached{Generation: r.Generation, At: r.At, Nodes: r.Nodes}
}

// Forget implements [api.Fleet].
func (f fleet) Forget(ctx context.Context, o casework.Order, node string) error {
	known := false
	for _, n := range f.publisher.Fleet().Nodes() {
		known = known || n.Node == node
	}
	if !known {
		return api.NoNode(node)
	}
	if o.DryRun {
		return nil
	}
	err := f.publisher.Fleet().Forget(ctx, node)
	switch {
	case errors.Is(err, replica.ErrNoNode):
		return api.NoNode(node)
	case err != nil:
		return &casework.Error{Kind: casework.Unavailable, Detail: "etcd does not take it now", Err: err}
	}
	return nil
}

// Override implements [api.Fleet]. It is journaled before it is ordered.
func (f fleet) Override(ctx context.Context, o casework.Order) error {
	if err := f.work.NoteOverride(ctx, o); err != nil || o.DryRun {
		return err
	}
	f.publisher.Override()
	return nil
}

// follower is the status of a desk that follows another.
func (d *desk) follower() (s api.Follower) {
	t := d.set.Table()
	s.Redirected, s.TableBytes, s.Zones = t.Len(), t.Bytes(), make(map[string]int)
	for zone, n := range t.Zones() {
		s.Zones[zone] = n
	}
	f := d.replication.follower.Load()
	if f == nil {
		return s
	}
	st := f.Status()
	s.Node, s.Loaded = f.Node(), st.Held
	s.Generation, s.Digest, s.Flags, s.Signed = st.Head.Generation, st.Head.Digest.String(), int(st.Head.Count), st.Head.Signed
	s.Applied, s.Connected, s.Confirmed, s.Snapshot = st.Applied.UTC(), st.Connected, st.Confirmed.UTC(), st.Snapshot.UTC()
	s.Refusal, s.Detail, s.Error = string(st.Refusal), st.Detail, st.Error
	return s
}
