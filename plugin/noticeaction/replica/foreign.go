package replica

import (
	"errors"
	"maps"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"
)

var (
	errForeign = errors.New("somebody else changed the set in etcd; it is put right")
	errRival   = errors.New("another publisher with the same key is at work in etcd")
)

// mine fails if a change in etcd is not this publisher's. What was changed is written again, but not what came with
// a head that is as good as its own: two publishers of one database would answer each other without end.
func (p *Publisher) mine(r *remote, resp clientv3.WatchResponse) error {
	k := keyspace{p.cfg.Prefix}
	foreign, rivals := make(map[string]bool), make(map[int64]bool)
	for _, e := range resp.Events {
		if !r.made[e.Kv.ModRevision] && string(e.Kv.Key) == k.head() && p.newer(e.Kv.Value) {
			rivals[e.Kv.ModRevision] = true
		}
	}
	for _, e := range resp.Events {
		key, revision := string(e.Kv.Key), e.Kv.ModRevision
		name, isName := strings.CutPrefix(key, k.names())
		if (isName || key == k.head()) && !r.made[revision] && !rivals[revision] {
			foreign[name] = true
		}
	}
	maps.DeleteFunc(r.made, func(revision int64, _ bool) bool { return revision <= resp.Header.Revision })
	if len(foreign) > 0 {
		maps.Copy(foreign, p.suspect)
		p.suspect = foreign
		return errForeign
	}
	if len(rivals) > 0 {
		return errRival
	}
	return nil
}

// newer tells whether a head is signed with this publisher's key and follows the one that it has published.
func (p *Publisher) newer(value []byte) bool {
	h, err := p.cfg.Signer.Keys().verifyHead(p.cfg.Prefix, value)
	return err == nil && h.Sequence > p.Status().Published.Sequence
}
