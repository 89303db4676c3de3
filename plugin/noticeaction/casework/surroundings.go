package casework

import (
	"fmt"
	"strings"
	"time"
)

// Surroundings is what the zone that is served tells about a name: what a redirect would reach beyond
// the name itself.
type Surroundings struct {
	Known     bool // the zone answered; if not, nothing below DelegationTTL is known
	Delegated bool
	Servers   []string // of the delegation, without final dot

	DelegationTTL time.Duration // of the NS set
	NegativeTTL   time.Duration // of the zone's answer that there is no such name
	DS            bool
	DSTTL         time.Duration
	Unsigned      bool // redirects in this zone are not signed, so a DS record makes them bogus

	HostsKnown bool // the zone could be read as a whole; if not, nothing below but AnswerTTL is known

	HostsOf  int      // other names that have a name server at or below this name, hosts exempt from redirects left out
	Hosts    []string // some of those servers
	Examples []string // some of those names

	AnswerTTL time.Duration // of the answers that a redirect gives
}

// RedirectWithin is how long a resolver may keep what it has just learned from the zone, the delegation
// or that there is none. What it has learned from the holder's servers lives by its own TTLs.
func (s *Surroundings) RedirectWithin() time.Duration {
	if s.Known && !s.Delegated {
		return s.NegativeTTL
	}
	return max(s.DelegationTTL, s.DSTTL)
}

// UndoWithin is how long until every resolver has forgotten a redirect that ended.
func (s *Surroundings) UndoWithin() time.Duration { return s.AnswerTTL }

// judge says what stands against redirecting the name, an *Error or nil, and what one should know of
// even so.
func (s *Surroundings) judge(name string, force []Force) (warnings []Warning, refusal error) {
	object := func(kind Kind, f Force, detail string) {
		switch {
		case forced(force, f):
			warnings = append(warnings, Warning{Code: string(f), Detail: detail})
		case refusal == nil:
			refusal = refuse(kind, name, "%s; force with %q", detail, f)
		}
	}
	switch {
	case !s.Known:
		object(Unavailable, ForceZoneUnknown, zoneUnknown)
	case !s.Delegated:
		object(Forbidden, ForceNotDelegated, "expected a name that the zone delegates; this one is not, so nothing is there to redirect")
	}
	if s.Known && !s.HostsKnown {
		warnings = append(warnings, Warning{Code: "hosting-unknown", Detail: "the zone cannot be read as a whole, so whether other names have their name servers below this one could not be seen"})
	}
	if s.HostsOf > 0 {
		object(Forbidden, ForceHostsNameServers, fmt.Sprintf("expected a name without name servers of others; %s serve %d other names (%s), which would fail with it",
			list(s.Hosts), s.HostsOf, list(s.Examples)))
	}
	if s.DS && s.Unsigned {
		warnings = append(warnings, Warning{Code: "child-has-ds", Detail: "the name has a DS record, so validating resolvers take its redirect for bogus and reach nothing; " +
			"have the registry drop the DS record; caches keep it for " + s.DSTTL.String()})
	}
	return warnings, refusal
}

const zoneUnknown = "the zone is not loaded yet, so nothing could be checked; try again"

func list(names []string) string { return strings.Join(names, ", ") }

// around asks the policy for the surroundings of a name that passed check and judges them; no policy
// without eyes objects. The surroundings are nil if there are no eyes for them.
func (c *checker) around(name string) (s *Surroundings, warnings []Warning, refusal error) {
	seen := Surroundings{Known: true, Delegated: true, HostsKnown: true}
	if c.policy.Surroundings != nil {
		seen = c.policy.Surroundings(name)
		s = &seen
	}
	warnings, refusal = c.judge(name, seen)
	return s, warnings, refusal
}

// glance judges the surroundings of a name without asking the zone about it, where that is enough.
func (c *checker) glance(name string, now bool) (warnings []Warning, refusal error) {
	if c.policy.Glance != nil {
		if seen, ok := c.policy.Glance(name, now); ok {
			return c.judge(name, seen)
		}
	}
	_, warnings, refusal = c.around(name)
	return warnings, refusal
}

func (c *checker) judge(name string, seen Surroundings) (warnings []Warning, refusal error) {
	_, apex, _ := strings.Cut(name, ".")
	seen.Known = seen.Known && !c.unknown[apex]
	return seen.judge(name, c.force)
}
