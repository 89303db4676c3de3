package casework

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/publicsuffix"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/reach"
)

// Policy says which names may be flagged. It is replaced as a whole and not changed once in use; its
// methods may be called concurrently.
type Policy struct {
	Zones        []string // the zones served, as CoreDNS has them: "be."
	WarningHosts []string // hosts of the warning page
	Protect      []string // never flagged; an entry deeper than a registrable name protects the name that holds it
	Brake        Brake

	// Servers tells the host names of a zone's NS set now, zone as in Zones, and whether they are known;
	// may be nil. It may be called concurrently.
	Servers func(zone string) (hosts []string, known bool)

	// Surroundings tells what the zone holds at and around a name, as of now; may be nil. It may be called
	// concurrently.
	Surroundings func(name string) Surroundings

	// Glance tells the same quickly, but for servers and TTLs, or that it cannot; may be nil. It tells it as of a
	// moment ago, or with now as of now. It may be called concurrently.
	Glance func(name string, now bool) (Surroundings, bool)

	// Look finds out where a name can be reached, before it is redirected and daily from then on; may be
	// nil. It answers within seconds, with what it found even when there is an error, and may be called
	// concurrently.
	Look func(ctx context.Context, name string) (reach.Record, error)

	Procedure Procedure

	once  sync.Once
	rules rules
	bad   error
}

// Brake is the most names newly flagged in a sliding window; the zero value is no brake.
type Brake struct {
	Count int
	Per   time.Duration
}

// rules are a policy in the form in which names are compared.
type rules struct {
	zones   map[string]string // without final dot: as in Policy.Zones
	names   []string          // the keys of zones, sorted
	warning []string
	protect []string
}

func (p *Policy) compiled() (*rules, error) {
	p.once.Do(func() {
		p.rules.zones = make(map[string]string, len(p.Zones))
		for _, z := range p.Zones {
			apex := strings.ToLower(strings.TrimSuffix(z, "."))
			if apex == "" {
				p.bad = fmt.Errorf("zones: expected a zone below the root, got %q", z)
				return
			}
			p.rules.zones[apex] = z
		}
		p.rules.names = slices.Sorted(maps.Keys(p.rules.zones))
		if p.rules.warning, p.bad = canonicalAll("warning_page", p.WarningHosts); p.bad == nil {
			p.rules.protect, p.bad = canonicalAll("protect", p.Protect)
		}
	})
	return &p.rules, p.bad
}

// Validate reports the first entry that is not a name. Open refuses such a policy; so should whoever
// calls SetPolicy.
func (p *Policy) Validate() error {
	_, err := p.compiled()
	return err
}

func canonicalAll(what string, names []string) ([]string, error) {
	var all []string
	for _, n := range names {
		name, err := canonical(n)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		all = append(all, name)
	}
	return all, nil
}

// checker checks many names at one moment: it asks for the zones' servers once.
type checker struct {
	policy *Policy
	force  []Force

	asked   bool
	servers []server
	unknown map[string]bool // apexes of the zones whose servers are not known
}

// server is a name server of a zone.
type server struct{ host, apex string }

func (p *Policy) checker(force []Force) *checker { return &checker{policy: p, force: force} }

// check judges a name in canonical form. Every refusal is an *Error: Invalid for what is no registrable
// name of the zones served, Forbidden for one that must not be flagged.
func (c *checker) check(name string) error {
	r, err := c.policy.compiled()
	if err != nil {
		return &Error{Kind: Unavailable, Detail: "the policy cannot be used", Err: err}
	}
	if _, err := r.zoneOf(name); err != nil {
		return err
	}
	switch suffix := suffixOf(name); {
	case suffix == icann:
		return refuse(Invalid, name, "expected a registrable name, got a public suffix, under which others register theirs")
	case suffix == private && !forced(c.force, ForcePrivateSuffix):
		return refuse(Forbidden, name, "expected a name of one holder; others have their own names below this one, which would all be redirected; force with %q", ForcePrivateSuffix)
	}
	if host, ok := heldHost(name, r.warning); ok {
		return refuse(Forbidden, name, "expected a name that does not hold the warning page's host %s", host)
	}
	c.ask(r)
	for _, s := range c.servers {
		if holds(name, s.host) {
			return refuse(Forbidden, name, "expected a name that does not hold %s, a name server of the zone %s itself", s.host, s.apex)
		}
	}
	if entry, ok := heldHost(name, r.protect); ok {
		return refuse(Forbidden, name, "expected a name that is not protected; the configuration protects %s", entry)
	}
	return nil
}

// zoneOf returns the most specific zone that holds the name, which must be directly below it.
func (r *rules) zoneOf(name string) (apex string, err error) {
	if _, ok := r.zones[name]; ok {
		return "", refuse(Invalid, name, "expected a name below a zone, got the zone itself")
	}
	parent := name
	for depth := 1; ; depth++ {
		_, rest, more := strings.Cut(parent, ".")
		if !more {
			return "", refuse(Invalid, name, "expected a name in one of the zones served: %s", strings.Join(r.names, ", "))
		}
		parent = rest
		if _, ok := r.zones[parent]; !ok {
			continue
		}
		if depth > 1 {
			registrable := name[:len(name)-len(parent)-1]
			registrable = registrable[strings.LastIndexByte(registrable, '.')+1:]
			return "", refuse(Invalid, name, "expected exactly one label below the zone %s, such as %s.%s", parent, registrable, parent)
		}
		return parent, nil
	}
}

// ask gets the name servers of all zones: those of one may lie in another.
func (c *checker) ask(r *rules) {
	if c.asked || c.policy.Servers == nil {
		return
	}
	c.asked, c.unknown = true, make(map[string]bool)
	for _, apex := range r.names {
		hosts, known := c.policy.Servers(r.zones[apex])
		c.unknown[apex] = !known
		for _, h := range hosts {
			c.servers = append(c.servers, server{strings.ToLower(strings.TrimSuffix(h, ".")), apex})
		}
	}
}

// holds reports whether the host is the name or lies below it.
func holds(name, host string) bool {
	return host == name || len(host) > len(name) && strings.HasSuffix(host, name) && host[len(host)-len(name)-1] == '.'
}

// heldHost returns the first of the hosts that the name holds.
func heldHost(name string, hosts []string) (string, bool) {
	for _, h := range hosts {
		if holds(name, h) {
			return h, true
		}
	}
	return "", false
}

type suffixKind int

const (
	none suffixKind = iota
	private
	icann
)

// suffixOf tells whether others register names directly below this one, or below every name
// directly below it, by the Public Suffix List.
func suffixOf(name string) suffixKind {
	if suffix, _ := publicsuffix.PublicSuffix("*." + name); len(suffix) < len(name) {
		return none // nor is the name itself a suffix, or it would have been found
	}
	for _, probe := range []string{name, "*." + name} {
		if suffix, byICANN := publicsuffix.PublicSuffix(probe); suffix == probe {
			if byICANN {
				return icann
			}
			return private
		}
	}
	return none
}

func refuse(kind Kind, name, format string, args ...any) error {
	return &Error{Kind: kind, Field: "name", Value: name, Detail: fmt.Sprintf(format, args...)}
}
