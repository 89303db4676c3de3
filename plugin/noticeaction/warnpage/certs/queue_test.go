package certs

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"iter"
	"math/big"
	"net/http"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3/acme"

	"github.com/coredns-na/coredns-na/internal/e2e"
)

// numbered is a set of the names n0.be, n1.be and so on, and of some others.
type numbered struct {
	n atomic.Int64
	set
}

func newNumbered(n int) *numbered {
	s := &numbered{set: set{names: make(map[string]bool), generation: 1}}
	s.n.Store(int64(n))
	return s
}

func (s *numbered) Flagged(host string) (string, bool) {
	name := strings.TrimPrefix(host, "www.")
	if digits, ok := strings.CutPrefix(strings.TrimSuffix(name, ".be"), "n"); ok {
		if i, err := strconv.Atoi(digits); err == nil {
			return name, i < int(s.n.Load())
		}
	}
	return s.set.Flagged(host)
}

func (s *numbered) Standing(host string) bool {
	_, ok := s.Flagged(host)
	return ok
}

func (s *numbered) All() iter.Seq[string] {
	return func(yield func(string) bool) {
		for name := range s.set.All() {
			if !yield(name) {
				return
			}
		}
		for i := range int(s.n.Load()) {
			if !yield(fmt.Sprintf("n%d.be", i)) {
				return
			}
		}
	}
}

// order is one that a clerk took.
type order struct {
	at time.Time
	job
}

// clerk stands for the CA where the time is not real: an order takes it a second.
type clerk struct {
	m      *Manager
	refuse func(job) error // nil: it has no objection

	mu       sync.Mutex
	orders   []order
	together int // under way
	most     int // that were under way together
}

// newClerk opens a Manager with a clerk for a CA, both to be used in a bubble. The clerk refuses what refuse has an
// objection to; nil: nothing.
func newClerk(t *testing.T, names Names, refuse func(job) error) *clerk {
	t.Helper()
	c := &clerk{refuse: refuse}
	var err error
	if c.m, err = Open(Config{Folder: filepath.Join(t.TempDir(), "certs"), Names: names, Log: func(l string) { t.Log(l) }, Warn: func(l string) { t.Log(l) }}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.m.Close(); err != nil {
			t.Error(err)
		}
	})
	c.m.mu.Lock()
	c.m.obtain = c.take
	c.m.mu.Unlock()
	c.m.Use(Settings{Directory: "https://ca.invalid/dir", CAA: "ca.invalid"})
	return c
}

func (c *clerk) take(ctx context.Context, j job) error {
	c.mu.Lock()
	c.orders = append(c.orders, order{time.Now(), j})
	c.together++
	c.most = max(c.most, c.together)
	c.mu.Unlock()
	time.Sleep(time.Second)
	c.mu.Lock()
	c.together--
	c.mu.Unlock()
	if err := c.m.mayOrder(context.WithValue(ctx, jobKey{}, j)); err != nil {
		return err
	}
	if c.refuse != nil {
		if err := c.refuse(j); err != nil {
			return err
		}
	}
	return c.m.store(j.host)
}

// store writes a certificate of 90 days.
func (m *Manager) store(host string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), DNSNames: []string{host},
		NotBefore: time.Now(), NotAfter: time.Now().AddDate(0, 0, 90),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	keyText, err := certmagic.PEMEncodePrivateKey(key)
	if err != nil {
		return err
	}
	ctx := context.Background()
	return errors.Join(
		m.folder.Store(ctx, certmagic.StorageKeys.SiteCert(issuerKey, host), pemOf(der)),
		m.folder.Store(ctx, certmagic.StorageKeys.SitePrivateKey(issuerKey, host), keyText),
		m.folder.Store(ctx, certmagic.StorageKeys.SiteMeta(issuerKey, host), []byte("{}")))
}

func (c *clerk) taken() []order {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]order(nil), c.orders...)
}

// of returns when a host was ordered.
func (c *clerk) of(host string) (times []time.Time) {
	for _, o := range c.taken() {
		if o.host == host {
			times = append(times, o.at)
		}
	}
	return times
}

func TestManyFlagsKeepToTheLimits(t *testing.T) {
	t.Parallel() // they wait for the disk
	synctest.Test(t, func(t *testing.T) {
		names := newNumbered(400)
		c := newClerk(t, names, nil)
		begin := time.Now()
		time.Sleep(7 * time.Hour)
		orders := c.taken()
		if want := 3 * ceilings[backlog]; len(orders) != want {
			t.Errorf("in seven hours: got %d orders, want %d", len(orders), want)
		}
		for i := ceilings[backlog]; i < len(orders); i++ {
			if between := orders[i].at.Sub(orders[i-ceilings[backlog]].at); between < accountOrders.per-maxOrders*time.Second {
				t.Fatalf("orders %d and %d: got %s between them", i-ceilings[backlog], i, between)
			}
		}
		if c.most > maxOrders {
			t.Errorf("got %d orders together, want %d at most", c.most, maxOrders)
		}
		if took := orders[ceilings[backlog]-1].at.Sub(begin); took > 2*time.Minute {
			t.Errorf("the first %d orders: expected them at once, they took %s", ceilings[backlog], took)
		}

		// who is flagged now, or visited, does not wait for all the rest
		names.flag("urgent.be")
		c.m.Changed("urgent.be")
		c.m.ask(job{host: "n399.be", name: "n399.be"})
		time.Sleep(10 * time.Second)
		for _, host := range []string{"urgent.be", "www.urgent.be", "n399.be"} {
			if len(c.of(host)) != 1 {
				t.Errorf("%s: expected one order within seconds", host)
			}
		}
	})
}

func TestStrangersLeaveRoomForTheRest(t *testing.T) {
	t.Parallel() // they wait for the disk
	synctest.Test(t, func(t *testing.T) {
		names := newNumbered(300)
		c := newClerk(t, names, nil)
		for i := range 300 {
			c.m.ask(job{host: fmt.Sprintf("n%d.be", i), name: fmt.Sprintf("n%d.be", i)})
		}
		time.Sleep(time.Hour)
		if got := len(c.taken()); got != ceilings[asked] {
			t.Errorf("got %d orders for strangers and the rest, want %d", got, ceilings[asked])
		}
		names.flag("urgent.be")
		c.m.Changed("urgent.be")
		time.Sleep(10 * time.Second)
		if len(c.of("urgent.be")) != 1 {
			t.Error("urgent.be: expected an order within seconds")
		}
	})
}

func TestWhatIsInUseIsRenewedFirst(t *testing.T) {
	t.Parallel() // they wait for the disk
	synctest.Test(t, func(t *testing.T) {
		names := newNumbered(10)
		c := newClerk(t, names, nil)
		time.Sleep(60*24*time.Hour - time.Hour)
		if got := len(c.taken()); got != 20 {
			t.Fatalf("got %d orders, want two for each name", got)
		}
		names.n.Store(60)
		c.m.Changed()
		time.Sleep(2 * time.Hour)
		for i := range 10 {
			times := c.of(fmt.Sprintf("n%d.be", i))
			if len(times) != 2 {
				t.Fatalf("n%d.be: expected a renewal, got orders at %v", i, times)
			}
			if after := times[1].Sub(times[0]); after < 60*24*time.Hour || after > 60*24*time.Hour+2*time.Minute {
				t.Errorf("n%d.be: expected its renewal after 60 days, got %s", i, after)
			}
		}
	})
}

func TestARenewalIsOrderedOnce(t *testing.T) {
	t.Parallel() // they wait for the disk
	synctest.Test(t, func(t *testing.T) {
		c := newClerk(t, newSet("one.be"), nil)
		time.Sleep(time.Hour)
		next := func() (job, bool) {
			c.m.mu.Lock()
			defer c.m.mu.Unlock()
			// queued while its order was under way
			c.m.queue.fill(renewals, []job{{host: "one.be", name: "one.be", renewal: true}})
			j, ok, _ := c.m.next(time.Now())
			return j, ok
		}
		if j, ok := next(); ok {
			t.Errorf("right after an order: expected none, got %+v", j)
		}
		c.m.mu.Lock()
		c.m.held["one.be"].renew = time.Now()
		c.m.mu.Unlock()
		if _, ok := next(); !ok {
			t.Error("a third before the end: expected an order")
		}
	})
}

func TestARefusedHostIsTriedLessAndLess(t *testing.T) {
	t.Parallel() // they wait for the disk
	synctest.Test(t, func(t *testing.T) {
		c := newClerk(t, newSet("bad.be", "good.be"), func(j job) error {
			if j.name == "bad.be" {
				return acme.Problem{Status: http.StatusForbidden, Type: acme.ProblemTypeUnauthorized, Detail: "nothing there"}
			}
			return nil
		})
		time.Sleep(24 * time.Hour)
		if len(c.of("good.be")) != 1 || len(c.of("www.good.be")) != 1 {
			t.Error("good.be: expected one order for each host")
		}
		times := c.of("bad.be")
		if len(times) < 8 || len(times) > 14 {
			t.Errorf("bad.be: got %d orders in a day", len(times))
		}
		for i := hostFailures.events; i < len(times); i++ {
			if span := times[i].Sub(times[i-hostFailures.events]); span < hostFailures.per {
				t.Errorf("bad.be: got %d orders in %s", hostFailures.events+1, span)
			}
		}
		if f := c.m.Figures(); f.Valid != 2 || f.Failing != 2 || f.Pending != 0 || !f.Up {
			t.Errorf("got %+v", f)
		}
	})
}

func TestACAThatIsDownIsAskedByOneAtATime(t *testing.T) {
	t.Parallel() // they wait for the disk
	synctest.Test(t, func(t *testing.T) {
		var back atomic.Bool
		c := newClerk(t, newNumbered(100), func(job) error {
			if !back.Load() {
				return errors.New("connection refused")
			}
			return nil
		})
		time.Sleep(6 * time.Hour)
		down := c.taken()
		if len(down) > 60 {
			t.Errorf("got %d orders in six hours", len(down))
		}
		for i := maxOrders + 1; i < len(down); i++ {
			if down[i].at.Sub(down[i-1].at) < minPause {
				t.Errorf("orders %d and %d: got %s between them", i-1, i, down[i].at.Sub(down[i-1].at))
			}
		}
		if c.m.Figures().Up {
			t.Error("expected the CA to be known to be down")
		}
		back.Store(true)
		time.Sleep(maxPause + 5*time.Minute)
		if f := c.m.Figures(); !f.Up || f.Valid == 0 {
			t.Errorf("expected certificates again, got %+v", f)
		}
	})
}

func TestTheCAsOwnWordOnLimits(t *testing.T) {
	t.Parallel() // they wait for the disk
	synctest.Test(t, func(t *testing.T) {
		c := newClerk(t, newSet("example.be"), func(job) error {
			return acme.Problem{Status: http.StatusTooManyRequests, Type: acme.ProblemTypeRateLimited}
		})
		time.Sleep(limitedRetry - time.Minute)
		if got := c.of("example.be"); len(got) != 1 {
			t.Errorf("within an hour: got orders at %v, want one", got)
		}
		time.Sleep(2 * time.Minute)
		if got := c.of("example.be"); len(got) != 2 {
			t.Errorf("after an hour: got orders at %v, want two", got)
		}
	})
}

// TestAMillionFlags: the queue is derived from the set, so that it holds little of it.
func TestAMillionFlags(t *testing.T) {
	const million = 1_000_000
	names := newNumbered(million)
	release := make(chan struct{})
	m, err := Open(Config{Folder: filepath.Join(t.TempDir(), "certs"), Names: names})
	if err != nil {
		t.Fatal(err)
	}
	m.mu.Lock()
	m.obtain = func(ctx context.Context, _ job) error {
		select {
		case <-release:
		case <-ctx.Done():
		}
		return errors.New("not reached")
	}
	m.mu.Unlock()
	before := runtime.NumGoroutine()
	m.Use(Settings{Directory: "https://ca.invalid/dir", CAA: "ca.invalid"})
	flagged := make([]string, million)
	for i := range flagged {
		flagged[i] = fmt.Sprintf("n%d.be", i)
	}
	m.Changed(flagged...)
	err = e2e.Await("all are counted", func() (bool, error) { return m.Figures().Pending == 2*million, nil })
	if err != nil {
		t.Error(err)
	}
	if got := runtime.NumGoroutine() - before; got > maxOrders {
		t.Errorf("got %d goroutines more, want %d at most", got, maxOrders)
	}
	m.mu.RLock()
	for c := range classes {
		if got := len(m.queue.lines[c]); got > max(maxAsked, maxRecent, maxBacklog) {
			t.Errorf("line %d: got %d jobs", c, got)
		}
	}
	m.mu.RUnlock()
	close(release)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
}
