package noticeaction

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coredns/caddy"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/api"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/intake"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/reach"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/warnpage"
)

// desk is what there is once per database and process: the store, its single
// writer, the set of redirects and the admin addresses. It outlives reloads:
// Caddy starts the new instance before it stops the old one, so each directive
// of each instance holds a claim, and the last one out closes.
type desk struct {
	path    string
	store   *store.Store // nil: the flags are those of another server
	set     *redirect.Set
	work    *casework.Desk         // likewise
	servers map[string]*api.Server // by the address in the Corefile
	closing sync.WaitGroup         // servers that come to their end
	origins atomic.Pointer[zones]  // in force

	mailServers map[string]*intake.Server // by the address in the Corefile
	visitors    visitors
	certs       pageCertificates
	delivery    delivery
	replication replication
	figures     *figures

	gauges sync.Mutex     // held to set them
	shown  map[string]int // flags by zone, as the gauges last told

	mailboxes mailboxes // kept up to date whether a directive preserves mail or not

	// claims, oldest first. The instance of the first is the one that runs;
	// its lines are in force until it is gone, so a reload that fails changes
	// nothing.
	claims []*claim
}

// claim is one directive's hold on a desk.
type claim struct {
	desk     *desk
	instance *caddy.Instance
	cfg      *config
	handler  *NoticeAction
	stop     context.CancelFunc // ends what runs for this directive alone
	stopped  sync.WaitGroup
	batch    atomic.Pointer[batch] // nil without udp_batch
}

// desks are the open desks of the process.
var desks struct {
	sync.Mutex
	open []*desk
}

// openDesks returns them.
func openDesks() []*desk {
	desks.Lock()
	defer desks.Unlock()
	return slices.Clone(desks.open)
}

// acquire opens the desk of cfg's database, or joins it.
func acquire(instance *caddy.Instance, cfg *config, handler *NoticeAction) (*claim, error) {
	desks.Lock()
	defer desks.Unlock()
	if err := prune(); err != nil {
		log.Errorf("Closing what a failed start left: %v", err)
	}

	d, err := deskOf(cfg)
	if err != nil {
		return nil, err
	}
	c := &claim{desk: d, instance: instance, cfg: cfg, handler: handler, stop: func() {}}
	d.claims = append(d.claims, c)
	err = d.agree(c)
	if err == nil {
		err = d.listen(cfg)
	}
	if err == nil {
		err = d.listenForMail(cfg)
	}
	if err == nil {
		err = d.certs.open(cfg)
	}
	if err == nil {
		err = d.listenForVisitors(cfg)
	}
	if err == nil {
		err = d.enforce()
	}
	if err != nil {
		d.claims = slices.DeleteFunc(d.claims, func(o *claim) bool { return o == c })
		return nil, errors.Join(err, d.settle())
	}
	if d.work != nil {
		d.delivery.start(d.work)
	}
	c.meet()
	for _, o := range d.claims {
		if o.instance != instance {
			handler.view.adopt(o.handler.view)
		}
	}
	return c, nil
}

// release gives up c; giving it up twice is no error. It logs what goes wrong:
// to Caddy, an error here would mean that the reload failed, and keep the
// other plugins from being shut down.
func (c *claim) release() error {
	if c == nil { // the instance never started
		return nil
	}
	desks.Lock()
	defer desks.Unlock()
	if err := c.drop(); err != nil {
		log.Errorf("Closing: %v", err)
	}
	return nil
}

// abandon gives up the claims of instances that never came to run or run no
// longer: Caddy calls no shutdown of an instance whose start failed.
func abandon() error {
	desks.Lock()
	defer desks.Unlock()
	return prune()
}

func prune() error {
	alive := caddy.Instances()
	var errs []error
	for _, d := range slices.Clone(desks.open) {
		for _, c := range slices.Clone(d.claims) {
			if c.instance != nil && !slices.Contains(alive, c.instance) {
				errs = append(errs, c.drop())
			}
		}
	}
	return errors.Join(errs...)
}

func (c *claim) drop() error {
	d := c.desk
	i := slices.Index(d.claims, c)
	if i < 0 {
		return nil
	}
	c.batch.Load().release()
	c.stop()
	c.stopped.Wait()
	d.claims = slices.Delete(d.claims, i, i+1)
	if slices.ContainsFunc(d.claims, func(o *claim) bool { return o.instance == c.instance }) {
		return nil // its other directives go the same way in a moment
	}
	return d.settle()
}

func newDesk(path string) *desk {
	d := &desk{path: path, set: redirect.NewSet(), servers: make(map[string]*api.Server), mailServers: make(map[string]*intake.Server), figures: newFigures()}
	d.visitors.servers = make(map[string]*warnpage.Server)
	d.certs.names.set = d.set
	d.origins.Store(new(zones))
	return d
}

// deskFor returns the open desk of the database at path, by any name, or
// opens it. A path that has come to mean another file, or none, is refused:
// what is acknowledged would be lost to the next start.
func deskFor(path string) (*desk, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	info, statErr := os.Stat(path)
	for _, d := range desks.open {
		if d.store == nil {
			continue
		}
		other, err := os.Stat(d.path)
		same := err == nil && statErr == nil && os.SameFile(info, other)
		if (same || d.path == path) && !d.store.Same() {
			return nil, fmt.Errorf("database: expected %s to be the file that this process has open, but it was moved or replaced; put it back, or restart", path)
		}
		if same {
			return d, nil
		}
	}
	s, err := store.Open(path)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	d := newDesk(path)
	d.store = s
	d.work, err = casework.Open(casework.Config{
		Store: s, Set: d.set, Policy: &casework.Policy{}, Now: now,
		OnPublish: func(took time.Duration) {
			d.published(took)
			d.replication.committed()
		},
		OnChange: d.certs.changed,
		OnReach: func(name string, record *reach.Record) {
			d.mailboxes.set(name, record)
			d.replication.touch(name)
		},
		OnCases: func() {
			d.figures.changed()
			d.replication.committed()
		},
		OnPage:       d.visitors.contents.publish,
		OnStoreError: func(err error) { storeErrorsTotal.Inc(); log.Errorf("Store %s: %v", path, err) },
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("database: loading %s: %w", path, err), s.Close())
	}
	d.figures.start(d.work)
	if status, err := d.work.Status(); err == nil && !status.LastCommit.IsZero() {
		lastChangeGauge.Set(float64(status.LastCommit.Unix()))
	}
	desks.open = append(desks.open, d)
	return d, nil
}

// running returns the claims of the instance that runs.
func (d *desk) running() (claims []*claim) {
	for _, c := range d.claims {
		if c.instance == d.claims[0].instance {
			claims = append(claims, c)
		}
	}
	return claims
}

// meet tells the directives of the claim's instance on its desk of each
// other's zones: their names may host one another.
func (c *claim) meet() {
	var own []*claim
	var origins []string
	for _, o := range c.desk.claims {
		if o.instance == c.instance {
			own, origins = append(own, o), append(origins, o.cfg.origins...)
		}
	}
	slices.Sort(origins)
	all := newZones(slices.Compact(origins))
	for _, o := range own {
		o.handler.view.hosts.Store(&all)
	}
}

// holdsClaims reports whether a directive of the instance holds a claim.
func holdsClaims(instance *caddy.Instance) bool {
	desks.Lock()
	defer desks.Unlock()
	return slices.ContainsFunc(desks.open, func(d *desk) bool {
		return slices.ContainsFunc(d.claims, func(c *claim) bool { return c.instance == instance })
	})
}

// agree refuses a directive whose lines contradict those of another one of its
// instance on the same database, or cannot be put in force together.
func (d *desk) agree(c *claim) error {
	var own []*claim
	for _, o := range d.claims {
		if o.instance != c.instance {
			continue
		}
		own = append(own, o)
		if o.cfg.shared() != c.cfg.shared() {
			return fmt.Errorf("expected the same resolver, brake, tokens and admin_tls, and the same lines about cases, certificates, the content of the page and other servers, as %s, which has the same database", o.cfg.at)
		}
	}
	return policyOf(own).Validate()
}

// settle brings the desk in line with its claims; the last one out closes it.
func (d *desk) settle() error {
	d.closeUnclaimed()
	err := d.certs.close(d.claims)
	if len(d.claims) > 0 {
		return errors.Join(err, d.enforce())
	}
	desks.open = slices.DeleteFunc(desks.open, func(o *desk) bool { return o == d })
	return errors.Join(err, d.shut())
}
