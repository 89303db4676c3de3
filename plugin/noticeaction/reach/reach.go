// Package reach asks resolvers where a name can be reached: the addresses of the name and of www.
// below it, its name servers, and where its mail goes.
//
// It refuses to take the answers of a redirect for the truth. It keeps no record, and does not judge
// which name is asked for or what a record is good for.
package reach

import (
	"errors"
	"net/netip"
	"time"
)

// The most of anything that a record holds; what goes beyond is left out.
const (
	MaxHosts     = 2  // the name, and www. below it
	MaxAddresses = 16 // of a host
	MaxServers   = 16
	MaxExchanges = 16
	MaxName      = 253 // octets in a host name
)

// ErrRedirected is returned when the answers are those of a redirect, ours or one that the resolver
// owns up to (RFC 8914), so that nothing true was learned.
var ErrRedirected = errors.New("the resolver sees a redirect in place of the name")

// Record is where a name could be reached. Host names are in lower case without final dot, and all
// lists are sorted. A record is not changed once made.
type Record struct {
	At      time.Time  // when this was so, set by who keeps the record; UTC, whole seconds; zero: never
	Hosts   []Host     // the name and www. below it, those that have addresses
	Servers []string   // the name's name servers
	Mail    []Exchange // by preference; empty: none, or the name takes no mail (RFC 7505)
}

// Host is a host and its addresses, CNAMEs followed.
type Host struct {
	Name      string
	Addresses []netip.Addr
}

// Exchange is an MX record (RFC 1035 section 3.3.9) and the addresses of its host.
type Exchange struct {
	Preference uint16
	Host       string
	Addresses  []netip.Addr // none if they could not be learned
}

// Empty reports whether the record says nothing.
func (r Record) Empty() bool { return len(r.Hosts)+len(r.Servers)+len(r.Mail) == 0 }

// Over returns r with the parts of an older record that it lacks. While a name is redirected, what is
// no longer found there may merely be hidden.
func (r Record) Over(old Record) Record {
	if len(r.Hosts) == 0 {
		r.Hosts = old.Hosts
	}
	if len(r.Servers) == 0 {
		r.Servers = old.Servers
	}
	if len(r.Mail) == 0 {
		r.Mail = old.Mail
	}
	return r
}

// Redirect is what a redirect looks like to a resolver. An empty one is never recognised by its
// addresses.
type Redirect struct {
	Addresses []netip.Addr // of the warning page
	Servers   []string     // of the zone, which a redirect shows as the name's own; no final dot, any case
}
