package noticeaction

import (
	"crypto/tls"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/coredns-na/coredns-na/internal/version"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/warnpage/certs"
)

// pageNames is a desk's set of flagged names as the certificates of its page see it.
type pageNames struct {
	set  *redirect.Set
	find atomic.Pointer[func(host string) (name string, ok bool)] // by the lines in force
}

// Flagged implements [certs.Names].
func (p *pageNames) Flagged(host string) (string, bool) {
	if find := p.find.Load(); find != nil {
		return (*find)(host)
	}
	return "", false
}

// Standing implements [certs.Names]. It does not look at the lines in force, which are not complete while an
// instance starts: what is revoked is lost.
func (p *pageNames) Standing(host string) bool {
	for table := p.set.Table(); ; {
		if _, ok := table.Lookup(host); ok {
			return true
		}
		_, rest, ok := strings.Cut(host, ".")
		if !ok {
			return false
		}
		host = rest
	}
}

// All implements [certs.Names].
func (p *pageNames) All() iter.Seq[string] { return p.set.Table().Names() }

// Generation implements [certs.Names].
func (p *pageNames) Generation() uint64 { return p.set.Table().Generation() }

// pageCertificates are those of a desk's warning page. The manager outlives reloads as the desk does.
type pageCertificates struct {
	manager atomic.Pointer[certs.Manager] // nil: the page has none
	folder  string
	names   pageNames
}

// open takes up what there is of certificates for cfg's page, if it is to have some. None is ordered before the
// lines are in force.
func (h *pageCertificates) open(cfg *config) error {
	if !cfg.hasCertificates() {
		return nil
	}
	folder := cfg.certificateFolder()
	if h.manager.Load() != nil {
		if h.folder != folder {
			return fmt.Errorf("acme_storage: expected a restart, not a reload, to move the certificates from %s to %s", h.folder, folder)
		}
		return nil
	}
	m, err := certs.Open(certs.Config{
		Folder: folder, Names: &h.names, Now: now,
		OnOrder: func(outcome string) { certificateOrdersTotal.WithLabelValues(outcome).Inc() },
		Log:     func(line string) { log.Info(line) },
		Warn:    func(line string) { log.Warning(line) },
	})
	if err != nil {
		return fmt.Errorf("acme_storage: %w", err)
	}
	h.folder = folder
	h.manager.Store(m)
	showCertificates(m)
	return nil
}

// use has certificates ordered by the lines of the claims, which are those of one instance.
func (h *pageCertificates) use(claims []*claim) {
	find := finder(h.names.set, claims)
	name := func(host string) (string, bool) {
		name, _, ok := find(host)
		return name, ok
	}
	h.names.find.Store(&name)
	m, cfg := h.manager.Load(), claims[0].cfg
	if m == nil || !cfg.hasCertificates() {
		return
	}
	m.Use(certs.Settings{
		Directory: cfg.acme.directory, Email: cfg.acme.email, Roots: cfg.acmeRoots,
		HTTP: len(cfg.page.plain) > 0, CAA: cfg.acme.caa, UserAgent: "coredns-na/" + version.String(),
	})
}

// close ends them if no claim wants any; what is on disk stays.
func (h *pageCertificates) close(claims []*claim) error {
	m := h.manager.Load()
	if m == nil || slices.ContainsFunc(claims, func(c *claim) bool { return c.cfg.hasCertificates() }) {
		return nil
	}
	h.manager.Store(nil)
	hideCertificates(m)
	if err := m.Close(); err != nil {
		return fmt.Errorf("closing certificates: %w", err)
	}
	return nil
}

// tls is that of the page; nil: it has none.
func (h *pageCertificates) tls() *tls.Config {
	if m := h.manager.Load(); m != nil {
		return m.TLSConfig()
	}
	return nil
}

// challenge is what answers the CA; nil: nothing.
func (h *pageCertificates) challenge() func(http.Handler) http.Handler {
	if m := h.manager.Load(); m != nil {
		return m.HTTPChallenge
	}
	return nil
}

// changed is told of what was published by the desk, see [casework.Config].
func (h *pageCertificates) changed(changes []redirect.Change) {
	m := h.manager.Load()
	if m == nil {
		return
	}
	var flagged []string
	for _, c := range changes {
		if !c.Remove {
			flagged = append(flagged, c.Name)
		}
	}
	m.Changed(flagged...)
}

// issuer returns what says which CA may issue certificates for flagged names, as CAA records have it; empty: none.
func (h *pageCertificates) issuer(cfg *config) func() string {
	if cfg.acme.caa != "" {
		return func() string { return cfg.acme.caa }
	}
	if !cfg.hasCertificates() {
		return nil
	}
	return func() string {
		if m := h.manager.Load(); m != nil {
			return m.CAA()
		}
		return ""
	}
}
