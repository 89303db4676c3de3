package noticeaction

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/coredns/coredns/plugin"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/api"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	pageroom "github.com/coredns-na/coredns-na/plugin/noticeaction/page"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/warnpage"
)

var pageRequestsTotal = promauto.NewCounterVec(prometheus.CounterOpts{
	Namespace: plugin.Namespace, Subsystem: pluginName, Name: "page_requests_total",
	Help: "Counter of answers to visitors; the language is empty for what is not a page.",
}, []string{"status", "language"})

// visitors is where a desk's warning page is served, and what it needs besides the lines of the Corefile.
type visitors struct {
	servers  map[string]*warnpage.Server // by the address in the Corefile
	contents contents
}

// listenForVisitors opens the addresses of cfg's warning page that are not open yet.
func (d *desk) listenForVisitors(cfg *config) error {
	for _, addr := range cfg.page.plain {
		if err := d.listenForVisitorsAt("page", addr, nil); err != nil {
			return err
		}
	}
	for _, addr := range cfg.page.secure {
		if err := d.listenForVisitorsAt("page_tls", addr, d.certs.tls()); err != nil {
			return err
		}
	}
	return nil
}

func (d *desk) listenForVisitorsAt(line, addr string, config *tls.Config) error {
	if s := d.visitors.servers[addr]; s != nil && s.Alive() {
		if s.Secure() != (config != nil) {
			return fmt.Errorf("%s: expected a restart, not a reload, to turn TLS on or off at %s", line, addr)
		}
		return nil
	}
	for _, o := range desks.open {
		if o != d && o.visitors.servers[addr] != nil {
			return fmt.Errorf("%s: expected an address of its own for each database, got %q, which serves %s; to move it there, restart", line, addr, o.path)
		}
	}
	s, err := warnpage.Listen(addr, config, http.HandlerFunc(starting), func(text string) { log.Warningf("Warning page at %s: %s", addr, text) })
	if err != nil {
		return fmt.Errorf("%s: %w", line, err)
	}
	d.visitors.servers[addr] = s
	return nil
}

// serveVisitors has all addresses answer by the lines of the claims, which are those of one instance.
func (d *desk) serveVisitors(claims []*claim) {
	cfg := claims[0].cfg
	var hosts []string
	for _, c := range claims {
		hosts = append(hosts, strings.TrimSuffix(c.cfg.host, "."))
	}
	find := finder(d.set, claims)
	handler := warnpage.New(warnpage.Config{
		Hosts: hosts, Page: d.page(cfg), Authorities: cfg.directory(),
		Abuse: cfg.page.abuse, Challenge: d.certs.challenge(), Now: now,
		Find: func(host string) (warnpage.Redirect, bool) {
			name, authority, ok := find(host)
			return warnpage.Redirect{Name: casework.Unicode(name), Authority: authority}, ok
		},
		Observe: func(status int, language string) {
			pageRequestsTotal.WithLabelValues(strconv.Itoa(status), language).Inc()
		},
		Log: func(line string) { log.Errorf("Warning page: %s", line) },
	})
	for _, s := range d.visitors.servers {
		s.SetHandler(handler)
		s.SetTLS(d.certs.tls())
	}
}

// finder returns what says with which flagged name, and by whose order, a host is redirected: as the claims'
// directives answer queries for it, from the published table.
func finder(set *redirect.Set, claims []*claim) func(host string) (name, authority string, ok bool) {
	type directive struct {
		zones  zones
		exempt hostSet
	}
	var all []directive
	for _, c := range claims {
		if !c.cfg.observe {
			all = append(all, directive{newZones(c.cfg.origins), c.cfg.exempt})
		}
	}
	return func(host string) (name, authority string, ok bool) {
		table := set.Table()
		qname := host + "."
		for _, one := range all {
			_, start, ok := one.zones.registrable(qname)
			if !ok || one.exempt[qname] {
				continue
			}
			name := host[start:]
			if id, flagged := table.Lookup(name); flagged {
				return name, table.Authority(id), true
			}
		}
		return "", "", false
	}
}

// page returns what says which page an authority has: the one that was published last, or that of the folder,
// or what is built in.
func (d *desk) page(cfg *config) func(authority string) *pageroom.Page {
	return func(authority string) *pageroom.Page {
		if p := d.visitors.contents.of(authority); p != nil {
			return p
		}
		if p := cfg.contents[authority]; p != nil {
			return p
		}
		return pageroom.Default(authority)
	}
}

// showPage returns what makes a page into what visitors see.
func (d *desk) showPage(cfg *config) api.ShowPage {
	now, directory := d.page(cfg), cfg.directory()
	return func(authority string, p *pageroom.Page, language string) []byte {
		if p == nil {
			p = now(authority)
		}
		a, _ := directory.Find(authority)
		return p.Render(pageroom.View{
			Language: language, Name: "example.be", Authority: a.Names.In(language), Website: a.Website, Abuse: cfg.page.abuse,
		})
	}
}

// contents are the pages that were published. Safe for concurrent use.
type contents struct{ byAuthority sync.Map } // id: *page.Page

// publish is told of pages by the desk, see [casework.Config].
func (c *contents) publish(p store.Page) {
	made, err := pageroom.New(p.Content)
	if err != nil { // it was checked by an older program
		log.Errorf("Version %d of the page of %s: %v", p.Version, p.Authority, err)
		return
	}
	c.byAuthority.Store(p.Authority, made)
}

func (c *contents) of(authority string) *pageroom.Page {
	p, ok := c.byAuthority.Load(authority)
	if !ok {
		return nil
	}
	return p.(*pageroom.Page)
}
