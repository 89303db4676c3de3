package wire

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// handOff is how long the end of an owner waits for its last queries, and for
// its successor to serve; CoreDNS gives its own listeners as long.
const handOff = 5 * time.Second

var datagramsTotal = promauto.NewCounterVec(prometheus.CounterOpts{
	Namespace: plugin.Namespace, Subsystem: "noticeaction", Name: "udp_batch_datagrams_total",
	Help: "Counter of datagrams read in batches, answered inside the packet, everything else (handed to the plugin chain, or not worth a reply), or dropped where too many wait in the chain.",
}, []string{"server", "path"})

// Claim is what one server block of an owner holds of an address. The sockets
// stand as long as there is a claim: they outlive reloads.
type Claim struct {
	config Config
	owner  any
	group  *group

	served  chan struct{} // closed once the owner serves
	serving *serving      // from then on
}

// groups are the addresses of the process that are claimed.
var groups struct {
	sync.Mutex
	open map[string]*group
}

// group is the sockets of an address. Its fields are guarded by groups, but
// for serving.
type group struct {
	address string
	claims  []*Claim
	lanes   []*lane        // none until an owner serves
	leaving sync.WaitGroup // sockets that wait for their last queries

	entering sync.RWMutex // guards serving
	serving  *serving

	inPacket, chained, dropped prometheus.Counter
}

// Acquire claims an address for a server block. The sockets are opened when
// its server runs, see [Serve]. It returns [ErrUnsupported], or an error that says what
// another block of the owner has asked for.
func Acquire(owner any, config Config) (*Claim, error) {
	if !supported {
		return nil, ErrUnsupported
	}
	groups.Lock()
	defer groups.Unlock()
	g := groups.open[config.Address]
	if g == nil {
		g = &group{
			address:  config.Address,
			inPacket: datagramsTotal.WithLabelValues(config.Address, "packet"),
			chained:  datagramsTotal.WithLabelValues(config.Address, "chain"),
			dropped:  datagramsTotal.WithLabelValues(config.Address, "dropped"),
		}
	}
	for _, c := range g.claims {
		if c.owner == owner && c.config.Sockets != config.Sockets {
			return nil, fmt.Errorf("expected the same number of sockets as the other server block at %s, which has %d, got %d",
				config.Address, c.config.Sockets, config.Sockets)
		}
	}
	if groups.open == nil {
		groups.open = make(map[string]*group)
	}
	groups.open[config.Address] = g
	c := &Claim{config: config, owner: owner, group: g, served: make(chan struct{})}
	g.claims = append(g.claims, c)
	return c, nil
}

// Address is what is claimed.
func (c *Claim) Address() string { return c.config.Address }

// Sockets is how many sockets the address has now: 0 when they could not be
// opened, and until the server runs.
func (c *Claim) Sockets() int {
	groups.Lock()
	defer groups.Unlock()
	return len(c.group.lanes)
}

func serve(owner any, server *dnsserver.Server) {
	groups.Lock()
	defer groups.Unlock()
	g := groups.open[server.Addr]
	if g == nil {
		return
	}
	own := g.claimsOf(owner)
	if len(own) == 0 {
		return
	}
	s := newServing(server, own)
	g.enterWith(s)
	for _, c := range own {
		if c.serving == nil {
			close(c.served)
		}
		c.serving = s
	}
	config := own[0].config
	if err := g.resize(config.Sockets); err != nil {
		config.Log(fmt.Sprintf("Opening sockets beside %s, which serves alone: %v", g.address, err))
	}
}

func (g *group) claimsOf(owner any) (own []*Claim) {
	for _, c := range g.claims {
		if c.owner == owner {
			own = append(own, c)
		}
	}
	return own
}

// enter begins a batch; its end is told to the serving's calls.
func (g *group) enter() *serving {
	g.entering.RLock()
	defer g.entering.RUnlock()
	g.serving.calls.Add(1)
	return g.serving
}

// enterWith has batches served by s from now on.
func (g *group) enterWith(s *serving) {
	g.entering.Lock()
	defer g.entering.Unlock()
	g.serving = s
}

func (g *group) count(inPacket, chained, dropped int) {
	g.inPacket.Add(float64(inPacket))
	g.chained.Add(float64(chained))
	g.dropped.Add(float64(dropped))
}

// Release gives up the claim, once; the last one closes the sockets after the
// queries in them are answered. It returns when the owner's chain has no query
// any more, or after some seconds.
func (c *Claim) Release() {
	next, last := c.leave()
	switch {
	case last:
		c.group.close()
	case next != nil && c.serving != nil:
		await(next.served)
		finish(&c.serving.calls)
	}
}

// leave takes the claim off the group. It returns the claim of another owner,
// if the owner has none left, and whether nobody has.
func (c *Claim) leave() (next *Claim, last bool) {
	groups.Lock()
	defer groups.Unlock()
	g := c.group
	g.claims = slices.DeleteFunc(g.claims, func(o *Claim) bool { return o == c })
	switch {
	case len(g.claims) == 0:
		delete(groups.open, g.address)
		return nil, true
	case len(g.claimsOf(c.owner)) == 0:
		return g.claims[len(g.claims)-1], false
	}
	return nil, false
}

// finish waits for queries under way.
func finish(calls *sync.WaitGroup) {
	done := make(chan struct{})
	go func() {
		calls.Wait()
		close(done)
	}()
	await(done)
}

func await(done <-chan struct{}) {
	timeout := time.NewTimer(handOff)
	defer timeout.Stop()
	select {
	case <-done:
	case <-timeout.C:
	}
}

// host is the address without the transport, as package net takes it.
func host(address string) string {
	_, host, _ := strings.Cut(address, "://")
	return host
}
