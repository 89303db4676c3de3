package noticeaction

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coredns/caddy"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/api"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

// desk is what there is once per database and process: the store, its single
// writer, the set of redirects and the admin addresses. It outlives reloads:
// Caddy starts the new instance before it stops the old one, so each directive
// of each instance holds a claim, and the last one out closes.
type desk struct {
	path    string
	store   *store.Store
	set     *redirect.Set
	work    *casework.Desk
	servers map[string]*api.Server // by the address in the Corefile
	secure  map[string]bool        // the addresses that were opened with TLS
	zones   atomic.Pointer[[]string]

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
}

// desks are the open desks of the process.
var desks struct {
	sync.Mutex
	open []*desk
}

// apiGrace is how long requests under way may take when an address closes.
const apiGrace = 5 * time.Second

// acquire opens the desk of cfg's database, or joins it.
func acquire(instance *caddy.Instance, cfg *config, handler *NoticeAction) (*claim, error) {
	desks.Lock()
	defer desks.Unlock()
	if err := prune(); err != nil {
		log.Errorf("Closing what a failed start left: %v", err)
	}

	d, err := deskFor(cfg.database)
	if err != nil {
		return nil, err
	}
	c := &claim{desk: d, instance: instance, cfg: cfg, handler: handler, stop: func() {}}
	err = d.agree(c)
	if err == nil {
		err = d.listen(cfg)
	}
	if err != nil {
		return nil, errors.Join(err, d.settle())
	}
	d.claims = append(d.claims, c)
	if err := d.enforce(); err != nil {
		d.claims = slices.DeleteFunc(d.claims, func(o *claim) bool { return o == c })
		return nil, errors.Join(err, d.settle())
	}
	return c, nil
}

// release gives up c; giving it up twice is no error.
func (c *claim) release() error {
	if c == nil { // the instance never started
		return nil
	}
	desks.Lock()
	defer desks.Unlock()
	return c.drop()
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
	c.stop()
	c.stopped.Wait()
	d.claims = slices.Delete(d.claims, i, i+1)
	if slices.ContainsFunc(d.claims, func(o *claim) bool { return o.instance == c.instance }) {
		return nil // its other directives go the same way in a moment
	}
	return d.settle()
}

// deskFor returns the open desk of the database at path, by any name, or
// opens it.
func deskFor(path string) (*desk, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	info, statErr := os.Stat(path)
	for _, d := range desks.open {
		if d.path == path {
			return d, nil
		}
		if other, err := os.Stat(d.path); err == nil && statErr == nil && os.SameFile(info, other) {
			return d, nil
		}
	}
	s, err := store.Open(path)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	d := &desk{path: path, store: s, set: redirect.NewSet(), servers: make(map[string]*api.Server), secure: make(map[string]bool)}
	d.zones.Store(&[]string{})
	d.work, err = casework.Open(casework.Config{
		Store: s, Set: d.set, Policy: &casework.Policy{},
		OnPublish:    d.published,
		OnReach:      d.mailboxes.set,
		OnStoreError: func(err error) { storeErrorsTotal.Inc(); log.Errorf("Store %s: %v", path, err) },
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("database: loading %s: %w", path, err), s.Close())
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

// agree refuses a directive whose lines about the desk contradict those of
// another one of its instance on the same database.
func (d *desk) agree(c *claim) error {
	for _, o := range d.claims {
		if o.instance == c.instance && o.cfg.shared() != c.cfg.shared() {
			return fmt.Errorf("expected the same resolver, brake, tokens and admin_tls as %s, which has the same database", o.cfg.at)
		}
	}
	return nil
}

// listen opens the admin addresses of cfg that are not open yet.
func (d *desk) listen(cfg *config) error {
	for _, addr := range cfg.admin {
		if d.servers[addr] != nil {
			if d.secure[addr] != (cfg.tlsConfig != nil) {
				return fmt.Errorf("admin: expected a restart, not a reload, to turn TLS on or off at %s", addr)
			}
			continue
		}
		s, err := api.Listen(addr, cfg.tlsConfig, http.NotFoundHandler(), func(line string) { log.Warningf("Admin %s: %s", addr, line) })
		if err != nil {
			return err
		}
		d.servers[addr], d.secure[addr] = s, cfg.tlsConfig != nil
	}
	return nil
}

// settle brings the desk in line with its claims; the last one out closes it.
func (d *desk) settle() error {
	if len(d.claims) > 0 {
		return errors.Join(d.closeUnclaimed(), d.enforce())
	}
	desks.open = slices.DeleteFunc(desks.open, func(o *desk) bool { return o == d })
	return errors.Join(d.closeUnclaimed(), d.work.Close(), d.store.Close())
}

// closeUnclaimed closes the addresses that no claim names.
func (d *desk) closeUnclaimed() error {
	var errs []error
	for addr, s := range d.servers {
		if slices.ContainsFunc(d.claims, func(c *claim) bool { return slices.Contains(c.cfg.admin, addr) }) {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), apiGrace)
		errs = append(errs, s.Close(ctx))
		cancel()
		delete(d.servers, addr)
	}
	return errors.Join(errs...)
}

// enforce puts the lines of the running instance in force.
func (d *desk) enforce() error {
	running := d.running()
	cfg := running[0].cfg
	policy := &casework.Policy{Brake: cfg.brake}
	for _, c := range running {
		policy.Zones = append(policy.Zones, c.cfg.origins...)
		policy.WarningHosts = append(policy.WarningHosts, c.cfg.host)
		policy.Protect = append(policy.Protect, c.cfg.protect...)
	}
	slices.Sort(policy.Zones)
	policy.Zones = slices.Compact(policy.Zones) // a zone may be served in several views
	policy.ZoneServers = func(zone string) (hosts []string) {
		for _, c := range running {
			hosts = append(hosts, c.handler.view.servers(zone)...)
		}
		return hosts
	}
	policy.Surroundings = func(name string) casework.Surroundings {
		for _, c := range running {
			if _, start, ok := c.handler.zones.registrable(name + "."); ok && start == 0 {
				return c.handler.surroundings(name)
			}
		}
		return casework.Surroundings{}
	}
	policy.Look = lookUp(running, policy.ZoneServers)
	if err := policy.Validate(); err != nil {
		return err
	}
	d.work.SetPolicy(policy)
	d.zones.Store(&policy.Zones)
	d.published(0)

	handler := api.New(api.Config{
		Desk: d.work, Tokens: cfg.tokens,
		Observe: func(route string, code int) { apiRequestsTotal.WithLabelValues(route, fmt.Sprint(code)).Inc() },
		Log:     func(line string) { log.Info(line) },
	})
	for _, s := range d.servers {
		s.SetHandler(handler)
		s.SetTLS(cfg.tlsConfig)
	}
	return nil
}
