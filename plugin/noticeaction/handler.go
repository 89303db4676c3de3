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

	inFront  int // plugins before this one in the chain
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
	templates atomic.Pointer[packedZones] // see packed
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
//
// Its frame lies below those of the zone or the socket, on a small stack that
// is copied to grow, so nearly all is done in functions that have returned by
// then, and a query that passes gets the room that the zone needs beforehand.
func (n *NoticeAction) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	if r.Question[0].Qclass == dns.ClassCHAOS && n.probe(w, r) {
		return dns.RcodeSuccess, nil
	}
	if h, ok := n.lookUp(r); ok {
		if m := n.redirected(ctx, w, r, h); m != nil {
			// The answer is out or the client is gone: either way nobody else may write.
			_ = w.WriteMsg(m)
			return dns.RcodeSuccess, nil
		}
	}
	makeRoom(len(r.Question) == 0)
	// NextOrFailure is for what plugins in front want to know: which plugin
	// answers, and the span of their trace. On the server's own writer there are none.
	if _, first := w.(*request.ScrubWriter); first && n.Next != nil {
		return n.Next.ServeDNS(ctx, w, r)
	}
	return plugin.NextOrFailure(pluginName, n.Next, ctx, w, r)
}

// makeRoom has the stack of a goroutine grow for what comes after: from the 4 KiB that CoreDNS leaves it with to the 8 that
// plugin file takes, or to 16 if plugins in front have used three already. To grow it, the runtime goes through every frame, and
// here are few. Used is not to be true: the frame has its size without being written to.
//
//go:noinline
func makeRoom(used bool) {
	if used {
		var room [4 << 10]byte
		touch(&room)
	}
}

//go:noinline
func touch(room *[4 << 10]byte) { room[0]++ }

// hit is where a query meets a flag.
type hit struct {
	zone, start int // the index of the zone, and where in the query name the flagged name starts
	authority   redirect.AuthorityID
	table       *redirect.Table // that it is of
}

// lookUp finds the flag that a query is for, if it is one to answer.
//
//go:noinline
func (n *NoticeAction) lookUp(r *dns.Msg) (h hit, ok bool) {
	q := &r.Question[0]
	if r.Opcode != dns.OpcodeQuery || q.Qclass != dns.ClassINET || q.Qtype == dns.TypeAXFR || q.Qtype == dns.TypeIXFR {
		return h, false
	}
	if h.zone, h.start, ok = n.zones.registrable(q.Name); !ok {
		return h, false
	}
	h.table = n.redirect.Table()
	h.authority, ok = find(h.table, q.Name[h.start:len(q.Name)-1])
	return h, ok
}

// redirected counts a query for a flagged name and returns its answer; nil if
// the zone is to give it.
//
//go:noinline
func (n *NoticeAction) redirected(ctx context.Context, w dns.ResponseWriter, r *dns.Msg, h hit) *dns.Msg {
	q, zone, start := &r.Question[0], h.zone, h.start
	apex, owner := n.view.apex(zone), strings.ToLower(q.Name)
	if apex.passes(q.Qtype, start == 0) {
		return nil
	}
	n.count.inc(metrics.WithServer(ctx), n.zones, zone, q.Qtype)
	if n.observe {
		return nil
	}

	question := query{
		req:    r,
		owner:  owner,
		name:   owner[start:],
		apex:   apex,
		exempt: apex.exempt[owner],
		mail:   n.mailbox(q.Qtype, owner, owner[start:]),
		reason: h.table.Authority(h.authority),
	}
	m := n.answers.answer(&question)
	if apex.signer != nil && len(m.Answer) == 0 && wantsSignatures(r) {
		n.deny(m, &question, request.Request{W: w}, metrics.WithServer(ctx))
	}
	return m
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
