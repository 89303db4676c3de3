package noticeaction

import (
	"context"
	"fmt"
	"slices"

	"github.com/coredns/coredns/plugin"

	"github.com/miekg/dns"
)

// profile says what the server is for the names below a zone.
type profile int

const (
	profileAuto profile = iota
	// profileInsecure answers as the apex of an unsigned child: a validator
	// finds the delegation without DS in the zone and accepts the answer.
	profileInsecure
	// profileSigned answers as part of the zone, for the dnssec plugin in
	// front to sign.
	profileSigned
)

// signing is what can be seen of how a zone is signed.
type signing struct {
	signer    bool // the dnssec plugin in front signs the zone
	preSigned bool // the zone holds signatures, or keys that dnssec does not have
	keys      bool // the zone holds keys
}

// inspect asks the dnssec plugin, nil when there is none, and the zone behind.
func (v *view) inspect(ctx context.Context, dnssec plugin.Handler, zone string) (s signing) {
	keys := v.secure(ctx, zone, dns.TypeDNSKEY)
	s.keys = has(keys, dns.TypeDNSKEY)
	s.preSigned = has(v.secure(ctx, zone, dns.TypeSOA), dns.TypeRRSIG) || has(keys, dns.TypeRRSIG)
	if dnssec == nil {
		return s
	}
	// dnssec answers DNSKEY itself for the zones that it signs and asks the
	// chain behind for all others.
	front := (&view{next: func() plugin.Handler { return dnssec }}).secure(ctx, zone, dns.TypeDNSKEY)
	s.signer = has(front, dns.TypeDNSKEY) && !subset(front, keys)
	s.preSigned = s.preSigned || s.signer && !subset(keys, front)
	return s
}

func has(rrs []dns.RR, rrtype uint16) bool {
	return slices.ContainsFunc(rrs, func(rr dns.RR) bool { return rr.Header().Rrtype == rrtype })
}

func subset(rrs, of []dns.RR) bool {
	for _, rr := range rrs {
		if !slices.ContainsFunc(of, func(o dns.RR) bool { return dns.IsDuplicate(rr, o) }) {
			return false
		}
	}
	return true
}

// choose settles the profile of a zone, or says why the one asked for cannot
// be: an answer that validators reject takes the name off the net instead of
// redirecting it.
func (s signing) choose(asked profile, zone string) (p profile, warning string, err error) {
	switch {
	case s.signer && s.preSigned:
		return 0, "", fmt.Errorf("profile: expected an unsigned zone %s behind dnssec, got one that is signed already", zone)
	case s.signer && asked == profileInsecure:
		return 0, "", fmt.Errorf("profile: expected auto or signed for the zone %s, which dnssec signs, got \"insecure\"", zone)
	case s.signer:
		return profileSigned, "", nil
	case asked == profileSigned:
		return profileSigned, fmt.Sprintf("profile signed, but dnssec does not sign %s here: validators reject redirects unless a server in front signs them", zone), nil
	case s.preSigned || s.keys:
		return profileInsecure, fmt.Sprintf("zone %s is signed elsewhere: a redirected name that has a DS record there is bogus for validators until the record is gone", zone), nil
	}
	return profileInsecure, "", nil
}
