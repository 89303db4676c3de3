package noticeaction

import (
	"slices"
	"strings"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"
)

// policyOf puts the lines of an instance's directives on one database
// together. claims has at least one.
func policyOf(claims []*claim) *casework.Policy {
	policy := &casework.Policy{Brake: claims[0].cfg.brake, Procedure: claims[0].cfg.procedure()}
	for _, c := range claims {
		policy.Zones = append(policy.Zones, c.cfg.origins...)
		policy.WarningHosts = append(policy.WarningHosts, c.cfg.host)
		policy.Protect = append(policy.Protect, c.cfg.protect...)
	}
	slices.Sort(policy.Zones)
	policy.Zones = slices.Compact(policy.Zones) // a zone may be served in several views
	policy.Servers = func(zone string) (hosts []string, known bool) { return serversOf(claims, zone) }
	policy.Surroundings = func(name string) casework.Surroundings { return surroundings(claims, name) }
	policy.Glance = func(name string, now bool) (casework.Surroundings, bool) { return glance(claims, name, now) }
	policy.Look = lookUp(claims)
	return policy
}

// enforce puts the lines of the running instance in force.
func (d *desk) enforce() error {
	running := d.running()
	policy := policyOf(running)
	if err := policy.Validate(); err != nil {
		return err
	}
	origins := newZones(policy.Zones)
	d.origins.Store(&origins)
	if err := d.delivery.use(running[0].cfg); err != nil {
		return err
	}
	if d.work != nil {
		d.work.SetPolicy(policy)
	}
	if err := d.replicate(running[0].cfg); err != nil {
		return err
	}
	d.serve(running, policy.Zones)
	d.certs.use(running)
	d.serveVisitors(running)
	d.published(0)
	d.warnOfStanding(running)
	return nil
}

// warnOfStanding tells of flags that stand although they could not be given
// under the lines in force: a reload lifts no flag.
func (d *desk) warnOfStanding(running []*claim) {
	table := d.set.Table()
	for _, c := range running {
		for line, hosts := range map[string][]string{"protect": c.cfg.protect, "warning_page": {c.cfg.host}} {
			for _, host := range hosts {
				if name, ok := flaggedAbove(table, *d.origins.Load(), host); ok {
					log.Warningf("%s: %s %s: %s is flagged and stays redirected until it is unflagged", c.cfg.at, line, host, name)
				}
			}
		}
	}
}

// flaggedAbove returns the flagged name that a host is or lies below.
func flaggedAbove(table *redirect.Table, origins zones, host string) (name string, ok bool) {
	_, start, ok := origins.registrable(host)
	if !ok {
		return "", false
	}
	name = strings.TrimSuffix(host[start:], ".")
	_, ok = table.Lookup(name)
	return name, ok
}
