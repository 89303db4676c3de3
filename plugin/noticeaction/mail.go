package noticeaction

import (
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/miekg/dns"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/reach"
)

// mailbox is where the mail of a flagged name goes, as recorded before the
// redirect. Immutable. A nil mailbox is that of a name without one.
type mailbox struct {
	exchanges []exchange // by preference
	hosts     []host     // the exchanges below the name: only here can be said where they are
}

type exchange struct {
	preference uint16
	host       string // in lower case, with the final dot
}

// keptMail is the label below a name for the mail hosts that are redirected
// for the web: the name itself and www.
const keptMail = "kept-mail"

// newMailbox makes a mailbox of what was recorded of name, with the final
// dot; nil if no mail can be delivered by it.
func newMailbox(name string, record *reach.Record) *mailbox {
	if record == nil {
		return nil
	}
	b := new(mailbox)
	for _, x := range record.Mail {
		target := x.Host + "."
		if target == name || target == "www."+name {
			target = keptMail + strconv.Itoa(len(b.exchanges)) + "." + name
		}
		_, valid := dns.IsDomainName(target)
		below := strings.HasSuffix(target, "."+name)
		if !valid || below && len(x.Addresses) == 0 {
			continue
		}
		if below && b.host(target) == nil {
			v4, v6 := addresses(x.Addresses)
			b.hosts = append(b.hosts, host{name: target, v4: v4, v6: v6})
		}
		b.exchanges = append(b.exchanges, exchange{preference: x.Preference, host: target})
	}
	if len(b.exchanges) == 0 {
		return nil
	}
	return b
}

// host returns the mail host of that name; nil if it is none.
func (b *mailbox) host(name string) *host {
	if b == nil {
		return nil
	}
	i := slices.IndexFunc(b.hosts, func(h host) bool { return h.name == name })
	if i < 0 {
		return nil
	}
	return &b.hosts[i]
}

// mailboxes holds those of all flagged names that have one. Safe for
// concurrent use.
type mailboxes struct{ byName sync.Map } // name, in lower case with the final dot: *mailbox

// set is told of records by the desk, see [casework.Config].
func (m *mailboxes) set(name string, record *reach.Record) {
	name += "."
	if b := newMailbox(name, record); b != nil {
		m.byName.Store(name, b)
		return
	}
	m.byName.Delete(name)
}

func (m *mailboxes) of(name string) *mailbox {
	b, ok := m.byName.Load(name)
	if !ok {
		return nil
	}
	return b.(*mailbox)
}

// mailbox returns what the answer to a query at or below a flagged name needs
// of its mail. Most queries are not about mail and need no probe.
func (n *NoticeAction) mailbox(qtype uint16, owner, name string) *mailbox {
	if !n.preserve {
		return nil
	}
	atName := len(owner) == len(name)
	switch qtype {
	case dns.TypeMX, dns.TypeTXT:
		if atName {
			return n.mailboxes.of(name)
		}
	case dns.TypeA, dns.TypeAAAA, dns.TypeANY:
		if !atName {
			return n.mailboxes.of(name)
		}
	}
	return nil
}

// exchanges answers MX: what was recorded, or that there is no mail (RFC
// 7505).
func (a *answerer) exchanges(q *query) []dns.RR {
	switch {
	case q.mail != nil && q.atName():
		records, all := make([]dns.MX, len(q.mail.exchanges)), make([]dns.RR, len(q.mail.exchanges))
		for i, x := range q.mail.exchanges {
			records[i] = dns.MX{Hdr: a.header(q.owner, dns.TypeMX), Preference: x.preference, Mx: x.host}
			all[i] = &records[i]
		}
		return all
	case a.mailNull:
		return []dns.RR{&dns.MX{Hdr: a.header(q.owner, dns.TypeMX), Mx: "."}}
	}
	return nil
}

// spf answers TXT: no mail comes from the name (RFC 7208), unless it
// keeps its mail.
func (a *answerer) spf(q *query) []dns.RR {
	if !a.mailNull || !q.atName() || q.mail != nil {
		return nil
	}
	return []dns.RR{&dns.TXT{Hdr: a.header(q.owner, dns.TypeTXT), Txt: []string{"v=spf1 -all"}}}
}
