package replica

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// Bounds of one transaction; etcd's own are 128 and 1.5 MiB unless it is told otherwise.
const (
	maxOps   = 100
	maxBytes = 512 << 10
	writers  = 4 // transactions at once
)

// write writes the changes and then the head: few in one transaction with it, many in as many as it takes before.
func (p *Publisher) write(ctx context.Context, r *remote, todo *plan, override bool) error {
	k := keyspace{p.cfg.Prefix}
	var last []clientv3.Op
	g, at := errgroup.WithContext(ctx)
	g.SetLimit(writers)
	for rest := todo.changes; len(rest) > 0; {
		n := fit(rest)
		chunk := rest[:n]
		if rest = rest[n:]; len(rest) == 0 && n == len(todo.changes) {
			last = p.ops(k, chunk)
			break
		}
		g.Go(func() error {
			_, err := p.commit(at, r, p.ops(k, chunk))
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	h := todo.head
	h.Root, h.Signed = todo.set.root(), p.cfg.Now().UTC().Truncate(time.Millisecond)
	h.Sequence = p.nextSequence(r, h.Signed)
	if override {
		h.Override = h.Sequence
	}
	value := p.cfg.Signer.head(k.prefix, h)
	revision, err := p.commit(ctx, r, append(last, clientv3.OpPut(k.head(), string(value))))
	if err != nil {
		return err
	}
	r.head, r.headRevision, r.known, r.own, r.set, r.bad = value, revision, &h, true, todo.set, nil
	return nil
}

// fit returns how many of the changes fit into one transaction, at least one.
func fit(changes []change) int {
	n, size := 0, 0
	for n < len(changes) && n < maxOps {
		c := changes[n]
		if size += len(c.Name) + len(c.Authority) + len(c.Mail) + sealSize + 64; n > 0 && size > maxBytes {
			break
		}
		n++
	}
	return n
}

// ops signs the changes.
func (p *Publisher) ops(k keyspace, changes []change) []clientv3.Op {
	ops := make([]clientv3.Op, 0, len(changes)+1)
	for _, c := range changes {
		if c.remove {
			ops = append(ops, clientv3.OpDelete(k.names()+c.Name))
			continue
		}
		ops = append(ops, clientv3.OpPut(k.names()+c.Name, string(p.cfg.Signer.value(k.prefix, c.Record))))
	}
	return ops
}

// nextSequence is greater than any before: of the head in etcd, if a key of ours vouches for it, and of this
// process. A clock that runs on makes it so also when etcd has lost its data.
func (p *Publisher) nextSequence(r *remote, now time.Time) uint64 {
	next := max(uint64(max(now.UnixMilli(), 1)), p.Status().Published.Sequence+1)
	if h, err := p.cfg.Signer.Keys().verifyHead(p.cfg.Prefix, r.head); err == nil {
		next = max(next, h.Sequence+1)
	}
	return next
}

var errFenced = errors.New("writing etcd: the head is not the one that was read; another publisher may be at work")

// commit makes one transaction, unless the head has changed since it was read.
func (p *Publisher) commit(ctx context.Context, r *remote, ops []clientv3.Op) (revision int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	fence := clientv3.Compare(clientv3.ModRevision(keyspace{p.cfg.Prefix}.head()), "=", r.headRevision)
	resp, err := p.client.Txn(ctx).If(fence).Then(ops...).Commit()
	if err != nil {
		return 0, fmt.Errorf("writing etcd: %w", err)
	}
	if !resp.Succeeded {
		return 0, errFenced
	}
	r.writing.Lock()
	defer r.writing.Unlock()
	r.made[resp.Header.Revision] = true
	return resp.Header.Revision, nil
}
