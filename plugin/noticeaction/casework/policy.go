package casework

import "time"

// Policy says which names may be flagged. It is not changed once in use.
type Policy struct {
	Zones        []string                   // the zones served, as CoreDNS has them: "be."
	WarningHosts []string                   // hosts of the warning page
	Protect      []string                   // names that are never flagged; one deeper protects the name that holds it
	ZoneServers  func(zone string) []string // host names of the zone's NS set now; may be nil; zone as in Zones
	Brake        Brake
}

// Brake is the most names newly flagged in a sliding window; the zero value is no limit.
type Brake struct {
	Count int
	Per   time.Duration
}

// Validate reports the first entry of the policy that is not what was expected.
func (p *Policy) Validate() error { return nil }

// Name normalises a name and checks that it may be flagged.
func (p *Policy) Name(input string) (string, error) { return input, nil }

// Unicode returns the U-label form of a name, for display.
func Unicode(name string) string { return name }
