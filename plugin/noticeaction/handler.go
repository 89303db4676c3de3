package noticeaction

import (
	"context"
	"net/netip"
	"strings"
	"sync/atomic"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/metrics"
	"github.com/coredns/coredns/request"

	"github.com/miekg/dns"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"
)

const pluginName = "noticeaction"

// NoticeAction answers queries for flagged names and passes all others on.
// It is a [plugin.Handler]; once the server runs, queries may come
// concurrently.
type NoticeAction struct {
	Next plugin.Handler

	zones    zones
	answers  answerer
	observe  bool
	preserve bool // the mail of flagged names
	probes   []netip.Prefix

	started   atomic.Bool   // and all below stands
	redirect  *redirect.Set // from startup on
	mailboxes *mailboxes    // likewise
	desk      *desk         // likewise
	view      *view
	count     counters
}

// Name implements [plugin.Handler].
func (n *NoticeAction) Name() string { return pluginName }

// Ready implements CoreDNS's readiness check: answers are made from a loaded
// table, and validators can take them.
func (n *NoticeAction) Ready() bool {
	return n.started.Load() && !n.view.unfit.Load() && n.desk.loaded()
}

// CacheBypassZones keeps the cache plugin off the zones, so that flagging and
// unflagging a name shows at once.
func (n *NoticeAction) CacheBypassZones() []string { return n.zones }

// ServeDNS implements [plugin.Handler].
func (n *NoticeAction) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	q := r.Question[0]
	if q.Qclass == dns.ClassCHAOS && n.probe(w, r) {
		return dns.RcodeSuccess, nil
	}
	if r.Opcode != dns.OpcodeQuery || q.Qclass != dns.ClassINET || q.Qtype == dns.TypeAXFR || q.Qtype == dns.TypeIXFR {
		return plugin.NextOrFailure(n.Name(), n.Next, ctx, w, r)
	}
	zone, start, ok := n.zones.registrable(q.Name)
	if !ok {
		return plugin.NextOrFailure(n.Name(), n.Next, ctx, w, r)
	}
	table := n.redirect.Table()
	authority, flagged := find(table, q.Name[start:len(q.Name)-1])
	if !flagged {
		return plugin.NextOrFailure(n.Name(), n.Next, ctx, w, r)
	}
	return n.serveFlagged(ctx, w, r, zone, start, table.Authority(authority))
}

// serveFlagged answers a query for the name that starts at start in the query
// name. It is apart from ServeDNS to keep the stack of what passes on small.
//
//go:noinline
func (n *NoticeAction) serveFlagged(ctx context.Context, w dns.ResponseWriter, r *dns.Msg, zone, start int, authority string) (int, error) {
	q := &r.Question[0]
	apex, owner := n.view.apex(zone), strings.ToLower(q.Name)
	if apex.passes(q.Qtype, start == 0) {
		return plugin.NextOrFailure(n.Name(), n.Next, ctx, w, r)
	}
	n.count.inc(metrics.WithServer(ctx), n.zones, zone, q.Qtype)
	if n.observe {
		return plugin.NextOrFailure(n.Name(), n.Next, ctx, w, r)
	}

	question := query{
		req:    r,
		owner:  owner,
		name:   owner[start:],
		apex:   apex,
		exempt: apex.exempt[owner],
		mail:   n.mailbox(q.Qtype, owner, owner[start:]),
		reason: authority,
	}
	m := n.answers.answer(&question)
	if apex.signer != nil && len(m.Answer) == 0 && wantsSignatures(r) {
		n.deny(m, &question, request.Request{W: w}, metrics.WithServer(ctx))
	}
	// The answer is out or the client is gone: either way nobody else may write.
	_ = w.WriteMsg(m)
	return dns.RcodeSuccess, nil
}

func wantsSignatures(r *dns.Msg) bool {
	opt := r.IsEdns0()
	return opt != nil && opt.Do()
}

// find looks name up as it stands in the query. A name with escapes is first
// turned into octets: only odd software writes a letter that way, but it
// means the same name.
func find(table *redirect.Table, name string) (redirect.AuthorityID, bool) {
	if strings.IndexByte(name, '\\') < 0 {
		return table.Lookup(name)
	}
	var buf [256]byte
	octets, ok := unescape(buf[:0], name)
	if !ok {
		return 0, false
	}
	return table.LookupBytes(octets)
}
