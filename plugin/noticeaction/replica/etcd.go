package replica

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Cluster says where etcd is and under which prefix the set lies.
type Cluster struct {
	Endpoints []string    // HOST:PORT each
	TLS       *tls.Config // nil: none
	Prefix    string      // as CleanPrefix returns it
}

// dial prepares a client. It does not wait for etcd.
func (c Cluster) dial() (*clientv3.Client, error) {
	client, err := clientv3.New(clientv3.Config{
		Endpoints: c.Endpoints, TLS: c.TLS, Logger: zap.NewNop(),
		MaxCallRecvMsgSize: maxMessage,
		DialTimeout:        callTimeout, DialKeepAliveTime: progressEvery, DialKeepAliveTimeout: callTimeout,
	})
	if err != nil {
		return nil, fmt.Errorf("preparing for etcd: %w", err)
	}
	return client, nil
}

const (
	listPage = 20_000 // keys; for each page etcd counts all that are left
	minPage  = 10     // keys; so many are within maxMessage whatever they are

	// maxMessage is the most that is read at once, in bytes: whoever can write to etcd must not be able to take
	// all memory.
	maxMessage = 64 << 20
)

// listing is all that lies under set/ at one revision.
type listing struct {
	revision     int64
	head         []byte // nil: there is none
	headRevision int64  // of its last change; 0: there is none
	set          *records
	bad          map[string]bool // names whose values are no records, or did not pass the check
}

// list reads the set page by page, all of one revision. What cannot be read or does not pass the check is bad.
func list(ctx context.Context, client *clientv3.Client, k keyspace, check func(name string, value []byte) bool) (*listing, error) {
	l := &listing{bad: make(map[string]bool)}
	head, err := get(ctx, client, k.head())
	if err != nil {
		return nil, err
	}
	l.revision = head.Header.Revision
	for _, kv := range head.Kvs {
		l.head, l.headRevision = kv.Value, kv.ModRevision
	}
	var b builder
	end, size := clientv3.GetPrefixRangeEnd(k.names()), int64(listPage)
	for from := k.names(); from != ""; {
		page, err := get(ctx, client, from, clientv3.WithRange(end), clientv3.WithLimit(size), clientv3.WithRev(l.revision))
		if status.Code(err) == codes.ResourceExhausted && size > minPage {
			size = max(size/8, minPage)
			continue
		}
		if err != nil {
			return nil, err
		}
		from = ""
		for _, kv := range page.Kvs {
			name := strings.TrimPrefix(string(kv.Key), k.names())
			r, err := decodeValue(name, kv.Value)
			if err != nil || !check(name, kv.Value) {
				l.bad[name] = true
				continue
			}
			if err := b.add(r); err != nil {
				return nil, err
			}
		}
		if page.More {
			from = string(page.Kvs[len(page.Kvs)-1].Key) + "\x00"
		}
	}
	l.set = b.records()
	return l, nil
}

func get(ctx context.Context, client *clientv3.Client, key string, opts ...clientv3.OpOption) (*clientv3.GetResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	r, err := client.Get(ctx, key, opts...)
	if err != nil {
		return nil, fmt.Errorf("reading etcd: %w", err)
	}
	return r, nil
}

// backoff spaces out what is tried again.
type backoff struct{ last time.Duration }

// next returns how long to wait, between half and all of twice as long as before.
func (b *backoff) next() time.Duration {
	b.last = min(max(2*b.last, minBackoff), maxBackoff)
	return b.last/2 + rand.N(b.last/2)
}

func (b *backoff) reset() { b.last = 0 }

// again runs session until ctx ends, each time after a pause. failed is told why one ended.
func again(ctx context.Context, session func(context.Context, *backoff) error, failed func(error)) {
	var b backoff
	for ctx.Err() == nil {
		err := session(ctx, &b)
		if ctx.Err() != nil {
			return
		}
		failed(err)
		select {
		case <-ctx.Done():
		case <-time.After(b.next()):
		}
	}
}

var (
	errSilent    = errors.New("watching etcd: it fell silent")
	errWatchOver = errors.New("watching etcd: the watch ended")
	errWentBack  = errors.New("watching etcd: it went back to an older state")
)

// watching is a watch that is asked regularly whether it still lives.
type watching struct {
	events   clientv3.WatchChan
	progress *time.Ticker
	heard    time.Time
	revision int64 // the last that was heard of
	client   *clientv3.Client
}

// watch follows what changes under a prefix from a revision on. It ends with ctx, or stop.
func watch(ctx context.Context, client *clientv3.Client, prefix string, from int64) (*watching, context.Context, func()) {
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	w := &watching{
		events:   client.Watch(ctx, prefix, clientv3.WithPrefix(), clientv3.WithRev(from), clientv3.WithProgressNotify()),
		progress: time.NewTicker(progressEvery), heard: time.Now(), revision: from - 1, client: client,
	}
	return w, ctx, func() {
		w.progress.Stop()
		cancel()
	}
}

// check turns what the channel gave into an error if the watch is of no more use.
func (w *watching) check(resp clientv3.WatchResponse, open bool) error {
	w.heard = time.Now()
	switch err := resp.Err(); {
	case err != nil:
		return fmt.Errorf("watching etcd: %w", err)
	case !open:
		return errWatchOver
	case resp.Header.GetRevision() < w.revision:
		// restored from a backup, or another cluster: what changes there would not be told before it has come this far
		return errWentBack
	}
	w.revision = resp.Header.GetRevision()
	return nil
}

// listen says that nobody has listened while there was other work: silence counts from now on.
func (w *watching) listen() { w.heard = time.Now() }

// poke asks for a sign of life, and fails if the last one is too old.
func (w *watching) poke(ctx context.Context) error {
	if time.Since(w.heard) > silentFor {
		return errSilent
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := w.client.RequestProgress(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("watching etcd: %w", err)
	}
	return nil
}
