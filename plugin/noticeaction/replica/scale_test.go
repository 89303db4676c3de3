package replica

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/coredns-na/coredns-na/internal/soak"
)

// TestHundredFollowers: each change is on all of a hundred followers, and how long that takes.
func TestHundredFollowers(t *testing.T) {
	const followers, changes = 100, 15
	n, d := newNetwork(t, 3), newDesk()
	d.commit(flagged(numbered(0, 1000)...)...)
	p := n.publish(d)
	var mu sync.Mutex
	seen := make(map[uint64][]time.Time)
	all := make([]*node, followers)
	for i := range all {
		all[i] = n.follow(fmt.Sprintf("ns%d", i), func(cfg *FollowerConfig) {
			set := cfg.Set
			cfg.OnChange = func() {
				now, g := time.Now(), set.Table().Generation()
				mu.Lock()
				defer mu.Unlock()
				seen[g] = append(seen[g], now)
			}
		})
	}
	for _, f := range all {
		f.reaches(t, 1)
	}
	await(t, "the first report of all", func() bool { return len(p.Fleet().Nodes()) == followers })
	var took []time.Duration
	for i := range changes {
		begin := time.Now()
		g := d.commit(append(flagged(fmt.Sprintf("new-%d.be", i)), lifted(numbered(i, i+1)...)...)...)
		p.Committed()
		await(t, fmt.Sprintf("generation %d on all", g), func() bool {
			mu.Lock()
			defer mu.Unlock()
			return len(seen[g]) == followers
		})
		mu.Lock()
		for _, at := range seen[g] {
			took = append(took, at.Sub(begin))
		}
		mu.Unlock()
	}
	for _, f := range all {
		f.holdsAll(t, d)
	}
	g := uint64(1 + changes)
	if r, ok := p.Fleet().Await(t.Context(), g); !ok || r.Nodes != followers {
		t.Errorf("the fleet: %v %v", r, ok)
	}
	slices.Sort(took)
	t.Logf("from commit to answer on %d followers in one process: p50 %s, p99 %s, most %s",
		followers, took[len(took)/2], took[len(took)*99/100], took[len(took)-1])
}

// TestManyFlags lists and holds many flags, beside a plain read of the same keys into a map.
func TestManyFlags(t *testing.T) { manyFlags(t, 50_000) }

// TestSoakMillionFlags is TestManyFlags at the size that the table is made for. It runs with make soak.
func TestSoakMillionFlags(t *testing.T) {
	if !soak.Wanted() {
		manyFlags(t, 10_000)
		return
	}
	manyFlags(t, 1_000_000)
}

func manyFlags(t *testing.T, count int) {
	n, d := newNetwork(t, 1), newDesk()
	d.commit(flagged(numbered(0, count)...)...)
	begin, cpu := time.Now(), cpuTime()
	p := n.publish(d)
	until(func() bool { return p.Status().Published.Generation == 1 })
	t.Logf("published %d flags in %s, %s of CPU time with etcd's", count, time.Since(begin).Round(time.Millisecond), cpuTime()-cpu)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if st, err := n.Client().Status(t.Context(), n.Endpoints()[0]); err != nil {
		t.Error(err)
	} else {
		t.Logf("etcd's database: %.0f MiB, of which %.0f in use", float64(st.DbSize)/(1<<20), float64(st.DbSizeInUse)/(1<<20))
	}

	before := heap()
	begin, cpu = time.Now(), cpuTime()
	plain := readPlainly(t, n.Client())
	t.Logf("a plain read of the same keys into a map: %s, %s of CPU time, %.0f MiB", time.Since(begin).Round(time.Millisecond), cpuTime()-cpu, heap()-before)
	if len(plain) != count {
		t.Fatalf("read %d keys, want %d", len(plain), count)
	}
	runtime.KeepAlive(plain)

	before = heap()
	begin, cpu = time.Now(), cpuTime()
	f := n.follow("one")
	until(func() bool { return f.Status().Held })
	t.Logf("a follower that lists them, checks them and makes a table: %s, %s of CPU time, %.0f MiB, of which the table %.0f",
		time.Since(begin).Round(time.Millisecond), cpuTime()-cpu, heap()-before, float64(f.set.Table().Bytes())/(1<<20))
	f.holdsAll(t, d)
	f.close()
	if info, err := os.Stat(f.cfg.Snapshot); err == nil {
		t.Logf("its snapshot: %.0f MiB", float64(info.Size())/(1<<20))
	}
	begin = time.Now()
	again := n.follow("one", at(f.cfg.Snapshot))
	t.Logf("a start from the snapshot: %s", time.Since(begin).Round(time.Millisecond))
	again.holdsAll(t, d)

	// one more is as quick as ever
	p = n.publish(d)
	until(func() bool { return p.Status().Connected && again.Status().Connected })
	begin = time.Now()
	g := d.commit(flagged("one-more.be")...)
	p.Committed()
	until(func() bool { return again.Status().Head.Generation == g })
	t.Logf("one more flag: %s", time.Since(begin).Round(time.Millisecond))
	if !again.redirects("one-more.be") {
		t.Error("does not redirect the last one")
	}
}

// until asks as long as the answer is no: what takes long with many flags ends with the test's own time at the latest.
func until(done func() bool) {
	for !done() {
		<-time.After(10 * time.Millisecond)
	}
}

func readPlainly(t *testing.T, client *clientv3.Client) map[string]string {
	t.Helper()
	all := make(map[string]string)
	k := keyspace{DefaultPrefix}
	for from := k.names(); from != ""; {
		page, err := client.Get(context.Background(), from, clientv3.WithRange(clientv3.GetPrefixRangeEnd(k.names())), clientv3.WithLimit(listPage))
		if err != nil {
			t.Fatal(err)
		}
		from = ""
		for _, kv := range page.Kvs {
			all[string(kv.Key)] = string(kv.Value)
		}
		if page.More {
			from = string(page.Kvs[len(page.Kvs)-1].Key) + "\x00"
		}
	}
	return all
}

// heap is what is in use, in MiB.
func heap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / (1 << 20)
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Round(time.Millisecond)
}
