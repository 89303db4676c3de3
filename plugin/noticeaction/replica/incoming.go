package replica

import (
	"context"
	"errors"
	"fmt"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// incoming is what etcd holds, as far as it has been heard of.
type incoming struct {
	set      *records
	changes  []change        // of the set, heard of since and not in it yet
	bad      map[string]bool // names whose records cannot be believed
	verified int             // records whose signatures were checked since the last head
}

// maxVerify is how many records are checked one by one between two heads. A head vouches for any number of them; the
// signature of each only tells at once that somebody meddles, and takes some 50 µs to check.
const maxVerify = 10_000

// maxChanges is how many changes are collected before they are put into the set: each time nearly all of it is copied.
const maxChanges = 10_000

// fold puts the changes into the set.
func (in *incoming) fold() { in.set, in.changes = in.set.with(in.changes), nil }

// session lists the set, and takes in what changes until something fails.
func (f *Follower) session(ctx context.Context, b *backoff) error {
	k := keyspace{f.cfg.Prefix}
	l, err := list(ctx, f.client, k, func(string, []byte) bool { return true })
	if err != nil {
		return err
	}
	w, ctx, stop := watch(ctx, f.client, k.set(), l.revision+1)
	defer stop()
	in := &incoming{set: l.set, bad: l.bad}
	if err := f.listed(ctx, in, l); err != nil {
		return err
	}
	f.confirm()
	w.listen()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-w.progress.C:
			if err := w.poke(ctx); err != nil {
				return err
			}
		case resp, open := <-w.events:
			if err := w.check(resp, open); err != nil {
				return err
			}
			if err := f.take(in, resp.Events); err != nil {
				return err
			}
			b.reset()
			f.confirm()
			w.listen()
		}
	}
}

// listed judges what was listed. That the records are not those of the head is no fault yet: the publisher may be
// writing, and its head will follow.
func (f *Follower) listed(ctx context.Context, in *incoming, l *listing) error {
	if l.head == nil {
		if f.Status().Held {
			f.refuse(RefusedEmpty, "etcd holds no set")
		}
		return nil
	}
	err := f.judge(in, l.head)
	if !errors.Is(err, errMismatch) {
		return err
	}
	left := maxVerify
	_, err = list(ctx, f.client, keyspace{f.cfg.Prefix}, func(name string, value []byte) bool {
		if r, err := decodeValue(name, value); err == nil && left > 0 && !f.holds(r) {
			left--
			if err := f.cfg.Keys.verifyValue(f.cfg.Prefix, name, value); err != nil {
				in.bad[name] = true
				f.refuse(RefusedSignature, err.Error())
			}
		}
		return true
	})
	return err
}

func (f *Follower) holds(r Record) bool {
	f.mu.Lock()
	held := f.held
	f.mu.Unlock()
	if held == nil {
		return false
	}
	was, ok := held.get(r.Name)
	return ok && was.equal(r)
}

var errMismatch = errors.New("following: the records in etcd are not those that its head is of")

// take takes in what changed, in its order, and judges each head.
func (f *Follower) take(in *incoming, events []*clientv3.Event) error {
	k := keyspace{f.cfg.Prefix}
	for _, e := range events {
		key, gone := string(e.Kv.Key), e.Type == clientv3.EventTypeDelete
		name, isName := strings.CutPrefix(key, k.names())
		switch {
		case isName && gone:
			delete(in.bad, name)
			in.changes = append(in.changes, change{Record: Record{Name: name}, remove: true})
		case isName:
			if r, ok := f.admit(in, name, e.Kv.Value); ok {
				in.changes = append(in.changes, change{Record: r})
			}
		case key == k.head() && gone:
			f.refuse(RefusedEmpty, "the head of the set was deleted")
		case key == k.head():
			in.fold()
			if err := f.judge(in, e.Kv.Value); err != nil {
				f.refuse(RefusedMismatch, err.Error())
				return err
			}
		}
	}
	if len(in.changes) >= maxChanges {
		in.fold()
	}
	return nil
}

// admit reads a record that came, and checks its signature.
func (f *Follower) admit(in *incoming, name string, value []byte) (Record, bool) {
	r, err := decodeValue(name, value)
	if err == nil && in.verified < maxVerify {
		in.verified++
		err = f.cfg.Keys.verifyValue(f.cfg.Prefix, name, value)
	}
	if err != nil {
		in.bad[name] = true
		f.refuse(RefusedSignature, err.Error())
		return Record{}, false
	}
	delete(in.bad, name)
	return r, true
}

// refuse notes why what etcd holds is not believed. Answers go on from what is held.
func (f *Follower) refuse(reason Refusal, detail string) {
	f.mu.Lock()
	again := f.status.Refusal == reason && f.status.Detail == detail
	f.status.Refusal, f.status.Detail = reason, detail
	f.mu.Unlock()
	f.cfg.OnRefuse(reason)
	if !again {
		f.cfg.Log(fmt.Sprintf("refusing the set in etcd (%s): %s; answers go on from what is held", reason, detail))
	}
	wake(f.report)
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
