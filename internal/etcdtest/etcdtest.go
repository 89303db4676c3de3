// Package etcdtest runs a cluster of real etcd members within a test. It is imported by tests only.
package etcdtest

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"

	"github.com/coredns-na/coredns-na/internal/e2e"
)

const patience = 60 * time.Second

// Cluster is a cluster of members on loopback. Its methods are for one goroutine.
type Cluster struct {
	tb      testing.TB
	configs []*embed.Config
	members []*embed.Etcd // nil: stopped
	client  *clientv3.Client
}

// Start runs so many members until the test ends.
func Start(tb testing.TB, size int) *Cluster {
	tb.Helper()
	c := &Cluster{tb: tb, members: make([]*embed.Etcd, size)}
	var initial []string
	for i := range size {
		cfg := embed.NewConfig()
		cfg.Name = fmt.Sprintf("member%d", i)
		cfg.Dir = filepath.Join(tb.TempDir(), cfg.Name)
		cfg.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.NewNop())
		cfg.TickMs, cfg.ElectionMs = 50, 500
		cfg.UnsafeNoFsync = true // a test dies with its disk
		cfg.QuotaBackendBytes = 4 << 30
		peer, client := freeURL(tb), freeURL(tb)
		cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
		cfg.ListenClientUrls, cfg.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
		initial = append(initial, cfg.Name+"="+peer.String())
		c.configs = append(c.configs, cfg)
	}
	for _, cfg := range c.configs {
		cfg.InitialCluster = strings.Join(initial, ",")
	}
	tb.Cleanup(c.StopAll)
	c.StartAll()
	client, err := clientv3.New(clientv3.Config{Endpoints: c.Endpoints(), Logger: zap.NewNop()})
	if err != nil {
		tb.Fatal(err)
	}
	c.client = client
	tb.Cleanup(func() { client.Close() })
	return c
}

func freeURL(tb testing.TB) url.URL {
	tb.Helper()
	return url.URL{Scheme: "http", Host: e2e.Address(e2e.FreePort(tb))}
}

// Endpoints are the members' client addresses, HOST:PORT each.
func (c *Cluster) Endpoints() (all []string) {
	for _, cfg := range c.configs {
		all = append(all, cfg.ListenClientUrls[0].Host)
	}
	return all
}

// Client is a client of all members.
func (c *Cluster) Client() *clientv3.Client { return c.client }

// StartAll starts the members that are stopped and waits until all are ready.
func (c *Cluster) StartAll() {
	c.tb.Helper()
	var started []int
	for i, m := range c.members {
		if m == nil {
			c.begin(i)
			started = append(started, i)
		}
	}
	for _, i := range started {
		c.ready(i)
	}
}

// StartMember starts a member that is stopped and waits until it is ready.
func (c *Cluster) StartMember(i int) {
	c.tb.Helper()
	c.begin(i)
	c.ready(i)
}

func (c *Cluster) begin(i int) {
	c.tb.Helper()
	m, err := embed.StartEtcd(c.configs[i])
	if err != nil {
		c.tb.Fatal(err)
	}
	c.members[i] = m
}

func (c *Cluster) ready(i int) {
	c.tb.Helper()
	select {
	case <-c.members[i].Server.ReadyNotify():
	case <-time.After(patience):
		c.tb.Fatalf("member %d did not get ready within %s", i, patience)
	}
}

// StopMember stops a member; its data stays. It does not hand its leadership over first.
func (c *Cluster) StopMember(i int) {
	if m := c.members[i]; m != nil {
		m.Server.HardStop()
		m.Close()
		c.members[i] = nil
	}
}

// StopAll stops all members.
func (c *Cluster) StopAll() {
	for i := range c.members {
		c.StopMember(i)
	}
}

// Leader is the number of the member that leads.
func (c *Cluster) Leader() int {
	c.tb.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-time.After(20 * time.Millisecond) {
		for i, m := range c.members {
			if m != nil && m.Server.Leader() == m.Server.MemberID() {
				return i
			}
		}
	}
	c.tb.Fatal("no member came to lead")
	return 0
}

// Compact forgets all revisions but the last.
func (c *Cluster) Compact() {
	c.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := c.client.Get(ctx, "any")
	if err == nil {
		_, err = c.client.Compact(ctx, r.Header.Revision, clientv3.WithCompactPhysical())
	}
	if err != nil {
		c.tb.Fatal(err)
	}
}
