package reach

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// Look finds out where a name, in lower-case A-labels without final dot, can be reached, within three
// seconds. With an error the record holds what could be learned all the same; with ErrRedirected it is
// empty. Its At is not set.
func (r *Resolver) Look(ctx context.Context, name string, redirect Redirect) (Record, error) {
	l := look{name: name, redirect: redirect}
	apex, www := dns.Fqdn(name), dns.Fqdn("www."+name)
	answers := r.askAll(ctx, []question{
		{apex, dns.TypeA}, {apex, dns.TypeAAAA}, {www, dns.TypeA}, {www, dns.TypeAAAA},
		{apex, dns.TypeNS}, {apex, dns.TypeMX},
	})
	l.addHost(name, answers[0], answers[1])
	l.addHost("www."+name, answers[2], answers[3])
	l.addServers(answers[4])
	l.addMail(answers[5])

	var questions []question
	for _, x := range l.record.Mail {
		questions = append(questions, question{x.Host + ".", dns.TypeA}, question{x.Host + ".", dns.TypeAAAA})
	}
	answers = r.askAll(ctx, questions)
	for i := range l.record.Mail {
		x := &l.record.Mail[i]
		x.Addresses = l.addresses(x.Host, answers[2*i], answers[2*i+1])
	}
	if l.redirected {
		return Record{}, ErrRedirected
	}
	return l.record, l.failure()
}

// look is one look-up under way.
type look struct {
	name       string
	redirect   Redirect
	record     Record
	redirected bool
	failed     int
	first      error
}

// take returns the records of an answer and notes a failure.
func (l *look) take(a answer) []dns.RR {
	if a.err != nil {
		l.failed++
		l.first = cmp.Or(l.first, a.err)
	}
	return a.records
}

func (l *look) failure() error {
	if l.failed == 0 {
		return nil
	}
	return fmt.Errorf("%d questions without an answer, the first: %w", l.failed, l.first)
}

// own reports whether a host is the name or lies below it.
func (l *look) own(host string) bool {
	return host == l.name || strings.HasSuffix(host, "."+l.name)
}

// addresses joins a host's A and AAAA. A sign of a redirect at or below the name counts for the name;
// elsewhere it merely hides that host.
func (l *look) addresses(host string, answers ...answer) (all []netip.Addr) {
	for _, a := range answers {
		if errors.Is(a.err, ErrRedirected) && l.own(host) {
			l.redirected = true
		}
		for _, rr := range l.take(a) {
			if addr, ok := address(rr); ok {
				all = append(all, addr)
			}
		}
	}
	if slices.ContainsFunc(all, func(a netip.Addr) bool { return slices.Contains(l.redirect.Addresses, a) }) {
		l.redirected = l.redirected || l.own(host)
		return nil
	}
	slices.SortFunc(all, netip.Addr.Compare)
	return head(slices.Compact(all), MaxAddresses)
}

func address(rr dns.RR) (netip.Addr, bool) {
	switch rr := rr.(type) {
	case *dns.A:
		return netip.AddrFromSlice(rr.A.To4())
	case *dns.AAAA:
		return netip.AddrFromSlice(rr.AAAA.To16())
	}
	return netip.Addr{}, false
}

func (l *look) addHost(host string, a, aaaa answer) {
	if all := l.addresses(host, a, aaaa); len(all) > 0 {
		l.record.Hosts = append(l.record.Hosts, Host{Name: host, Addresses: all})
	}
}

// addServers takes the NS set, unless it is the one that a redirect shows.
func (l *look) addServers(a answer) {
	l.redirected = l.redirected || errors.Is(a.err, ErrRedirected)
	var all []string
	for _, rr := range l.take(a) {
		if host, ok := hostName(rr.(*dns.NS).Ns); ok {
			all = append(all, host)
		}
	}
	ours := func(host string) bool {
		return slices.ContainsFunc(l.redirect.Servers, func(s string) bool { return strings.EqualFold(s, host) })
	}
	if !slices.ContainsFunc(all, func(host string) bool { return !ours(host) }) {
		return
	}
	slices.Sort(all)
	l.record.Servers = head(slices.Compact(all), MaxServers)
}

// addMail takes the MX set; a null MX (RFC 7505) is none.
func (l *look) addMail(a answer) {
	l.redirected = l.redirected || errors.Is(a.err, ErrRedirected)
	var all []Exchange
	for _, rr := range l.take(a) {
		mx := rr.(*dns.MX)
		if host, ok := hostName(mx.Mx); ok {
			all = append(all, Exchange{Preference: mx.Preference, Host: host})
		}
	}
	slices.SortFunc(all, func(a, b Exchange) int {
		return cmp.Or(cmp.Compare(a.Preference, b.Preference), cmp.Compare(a.Host, b.Host))
	})
	all = slices.CompactFunc(all, func(a, b Exchange) bool { return a.Preference == b.Preference && a.Host == b.Host })
	l.record.Mail = head(all, MaxExchanges)
}

// hostName returns a host name as a record has it; false for the root and for names that no host has.
func hostName(name string) (string, bool) {
	host := strings.ToLower(strings.TrimSuffix(name, "."))
	return host, host != "" && len(host) <= MaxName && !strings.ContainsFunc(host, func(c rune) bool { return c <= ' ' || c == '\\' || c > '~' })
}

func head[T any](all []T, most int) []T { return all[:min(len(all), most):min(len(all), most)] }
