package noticeaction

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/dnssec"
	"github.com/coredns/coredns/plugin/transfer"

	"github.com/miekg/dns"
)

const (
	// relearn is how old the view of a zone's apex may be.
	relearn = time.Second
	// retry is how soon the zones are asked again after the start; later ever
	// less often, down to relearn.
	retry = 100 * time.Millisecond
)

// view is what is known of the zones behind. Learning goes on in the
// background; readers do one atomic load.
type view struct {
	zones       zones
	exempt      hostSet
	order       []int // in which zones are read whole
	asked       profile
	at          string                // the directive's place, for warnings
	next        func() plugin.Handler // the chain behind, once compiled
	signer      plugin.Handler        // the dnssec plugin; nil if there is none
	transferers []transfer.Transferer
	hosts       atomic.Pointer[zones] // those whose names may host others

	apexes  atomic.Pointer[[]apex]    // in the order of zones
	hosting []atomic.Pointer[hosting] // likewise; nil until read
	due     []pacer                   // learning held
	unfit   atomic.Bool               // a zone came to be signed in a way that cannot be served

	learning sync.Mutex // held to learn and publish
}

// newView is a view of zones that have not answered yet.
func newView(cfg *config) *view {
	v := &view{
		zones: newZones(cfg.origins), exempt: cfg.exempt, asked: cfg.profile, at: cfg.at,
	}
	v.order = readingOrder(v.zones, v.exempt)
	v.hosting, v.due = make([]atomic.Pointer[hosting], len(v.zones)), make([]pacer, len(v.zones))
	apexes := make([]apex, len(v.zones))
	for i, zone := range v.zones {
		apexes[i] = unknownApex(zone, cfg.host, cfg.ttl)
	}
	v.apexes.Store(&apexes)
	v.hosts.Store(&v.zones)
	return v
}

func (v *view) apex(zone int) *apex { return &(*v.apexes.Load())[zone] }

// adopt takes over what an older view knows of zones that this one has not
// seen yet.
func (v *view) adopt(old *view) {
	apexes := slices.Clone(*v.apexes.Load())
	for i := range apexes {
		for _, o := range *old.apexes.Load() {
			if o.zone == apexes[i].zone && o.known && !apexes[i].known {
				apexes[i].soa, apexes[i].ns, apexes[i].exempt = o.soa, o.ns, o.exempt
			}
		}
	}
	v.apexes.Store(&apexes)
}

// servers returns the host names of the zone's name servers as last learned,
// and whether the zone has answered at all.
func (v *view) servers(zone string) (hosts []string, known bool) {
	for _, a := range *v.apexes.Load() {
		if a.zone == zone {
			return a.ns, a.known
		}
	}
	return nil, false
}

// learnApexes asks for what has changed at each zone's apex; a zone that does
// not answer keeps what was known. The error, of all zones together, says
// which profile cannot be.
func (v *view) learnApexes(ctx context.Context) error {
	old := *v.apexes.Load()
	apexes := make([]apex, len(old))
	var errs []error
	for i, was := range old {
		var err error
		apexes[i], err = v.learnApex(ctx, was)
		errs = append(errs, err)
	}
	v.apexes.Store(&apexes)
	return errors.Join(errs...)
}

func (v *view) learnApex(ctx context.Context, was apex) (apex, error) {
	soa := v.records(ctx, was.zone, dns.TypeSOA)
	known := len(soa) > 0
	if !known && was.known {
		return was, nil
	}
	var servers []string
	for _, rr := range v.records(ctx, was.zone, dns.TypeNS) {
		servers = append(servers, rr.(*dns.NS).Ns)
	}
	slices.Sort(servers)
	if known && was.known && *soa[0].(*dns.SOA) == was.soa && slices.Equal(servers, was.ns) {
		return was, nil
	}
	now, err := v.settleProfile(ctx, was)
	if known {
		now.soa, now.ns, now.known = *soa[0].(*dns.SOA), servers, true
		now.exempt = v.glue(ctx, was)
	}
	return now, err
}

// settleProfile looks at how the zone is signed now.
func (v *view) settleProfile(ctx context.Context, a apex) (apex, error) {
	seen := v.inspect(ctx, v.signer, a.zone)
	p, warning, err := seen.choose(v.asked, a.zone)
	if err != nil {
		return a, err
	}
	if warning != "" && warning != a.warned {
		log.Warningf("%s: %s", v.at, warning)
	}
	a.profile, a.signer, a.warned = p, nil, warning
	if d, ok := v.signer.(dnssec.Dnssec); ok && seen.signer {
		a.signer = &d
	}
	return a, nil
}

// run keeps the view fresh until ctx ends.
func (v *view) run(ctx context.Context) {
	for pause := retry; ; pause = min(2*pause, relearn) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		v.learning.Lock()
		v.refresh(ctx)
		v.learning.Unlock()
	}
}

// refresh learns what is new. Called with learning held.
func (v *view) refresh(ctx context.Context) {
	err := v.learnApexes(ctx)
	if err != nil && !v.unfit.Load() {
		log.Errorf("%s: %v", v.at, err)
	}
	v.unfit.Store(err != nil)
	v.learnHosting(ctx)
}

// complete reports whether the zone has answered and was read.
func (v *view) complete(zone int) bool { return v.apex(zone).known && v.hostingOf(zone) != nil }

// await lets a view that has a gap, as at the start, look again first. Safe for
// concurrent use.
func (v *view) await(zone int) {
	if v.complete(zone) {
		return
	}
	v.learning.Lock()
	defer v.learning.Unlock()
	if !v.complete(zone) {
		v.refresh(context.Background())
	}
}
