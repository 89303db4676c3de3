package reach

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

const (
	rounds      = 2                      // times that each resolver is tried
	attemptTime = 700 * time.Millisecond // for one resolver's answer
	roundTime   = 1500 * time.Millisecond
	maxAtOnce   = 64   // questions under way, of all look-ups
	maxAliases  = 16   // CNAMEs followed in one answer
	udpSize     = 1232 // octets, so that answers are not fragmented
)

// Resolver asks resolvers, in the order given, until one answers. Its methods may be called
// concurrently.
type Resolver struct {
	servers  []string // host:port
	udp, tcp dns.Client
	slots    chan struct{}
}

// NewResolver returns a Resolver that asks these servers, of which there must be one or more. It sends nothing.
func NewResolver(servers ...netip.AddrPort) *Resolver {
	r := &Resolver{
		udp:   dns.Client{Net: "udp", Timeout: attemptTime},
		tcp:   dns.Client{Net: "tcp", Timeout: attemptTime},
		slots: make(chan struct{}, maxAtOnce),
	}
	for _, s := range servers {
		r.servers = append(r.servers, s.String())
	}
	return r
}

// question is asked in class IN; the name is in lower case with the final dot.
type question struct {
	name  string
	qtype uint16
}

func (q question) String() string { return q.name + " " + dns.Type(q.qtype).String() }

// answer holds what was asked for, or why it could not be learned.
type answer struct {
	records []dns.RR
	err     error
}

// askAll asks all questions at once and returns an answer to each, within roundTime.
func (r *Resolver) askAll(ctx context.Context, questions []question) []answer {
	ctx, cancel := context.WithTimeout(ctx, roundTime)
	defer cancel()
	answers := make([]answer, len(questions))
	var asking sync.WaitGroup
	for i, q := range questions {
		asking.Go(func() {
			select {
			case r.slots <- struct{}{}:
				defer func() { <-r.slots }()
				answers[i].records, answers[i].err = r.ask(ctx, q)
			case <-ctx.Done():
				answers[i].err = context.Cause(ctx)
			}
			if answers[i].err != nil {
				answers[i].err = fmt.Errorf("asking for %s: %w", q, answers[i].err)
			}
		})
	}
	asking.Wait()
	return answers
}

// ask tries the servers in turn until one answers.
func (r *Resolver) ask(ctx context.Context, q question) (records []dns.RR, err error) {
	for range rounds {
		for _, server := range r.servers {
			if records, err = r.try(ctx, server, q); err == nil {
				return records, nil
			}
			err = fmt.Errorf("%s: %w", server, err)
			if ctx.Err() != nil {
				return nil, err
			}
		}
	}
	return nil, err
}

// try asks one server, over TCP if the answer does not fit in UDP.
func (r *Resolver) try(ctx context.Context, server string, q question) ([]dns.RR, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTime)
	defer cancel()
	req := new(dns.Msg).SetQuestion(q.name, q.qtype).SetEdns0(udpSize, false)
	m, _, err := r.udp.ExchangeContext(ctx, req, server)
	if m != nil && m.Truncated { // which may also be cut within a record
		m, _, err = r.tcp.ExchangeContext(ctx, req, server)
	}
	if err != nil {
		return nil, err
	}
	if err := check(m, q); err != nil {
		return nil, err
	}
	return chase(m.Answer, q), nil
}

// check says why a message is no answer to the question.
func check(m *dns.Msg, q question) error {
	if len(m.Question) != 1 || !m.Response || m.Question[0].Qtype != q.qtype || !strings.EqualFold(m.Question[0].Name, q.name) {
		return errors.New("expected an answer to the question")
	}
	if m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError {
		return fmt.Errorf("expected an answer, got %s", dns.RcodeToString[m.Rcode])
	}
	if opt := m.IsEdns0(); opt != nil && slices.ContainsFunc(opt.Option, forged) {
		return ErrRedirected
	}
	if len(m.Answer) == 0 && !m.Authoritative && has(m.Ns, dns.TypeNS) && !has(m.Ns, dns.TypeSOA) {
		return errors.New("expected a resolver, got a referral from a server that does not resolve")
	}
	return nil
}

// forged reports whether a server owns up to an answer that is not the name's own (RFC 8914
// sections 4.5 and 4.16 to 4.18).
func forged(o dns.EDNS0) bool {
	ede, ok := o.(*dns.EDNS0_EDE)
	return ok && slices.Contains([]uint16{
		dns.ExtendedErrorCodeForgedAnswer, dns.ExtendedErrorCodeBlocked,
		dns.ExtendedErrorCodeCensored, dns.ExtendedErrorCodeFiltered,
	}, ede.InfoCode)
}

func has(rrs []dns.RR, rrtype uint16) bool {
	return slices.ContainsFunc(rrs, func(rr dns.RR) bool { return rr.Header().Rrtype == rrtype })
}

// chase returns the records asked for, at the end of the CNAMEs that the answer holds.
func chase(rrs []dns.RR, q question) (found []dns.RR) {
	owner := q.name
	for range maxAliases {
		alias := ""
		for _, rr := range rrs {
			if !strings.EqualFold(rr.Header().Name, owner) {
				continue
			}
			if rr.Header().Rrtype == q.qtype {
				found = append(found, rr)
			} else if cname, ok := rr.(*dns.CNAME); ok {
				alias = cname.Target
			}
		}
		if len(found) > 0 || alias == "" {
			return found
		}
		owner = alias
	}
	return nil
}
