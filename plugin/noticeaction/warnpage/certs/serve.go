package certs

import (
	"crypto/tls"
	"slices"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3"
)

// TLSConfig is that of the page's listeners. A handshake for a host that is not flagged, or that has no certificate
// yet, ends with the alert unrecognized_name (RFC 6066 section 3). There are no session tickets: a name that was given
// back is not to be reached by one.
func (m *Manager) TLSConfig() *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS12,
		NextProtos:             []string{"h2", "http/1.1", acmez.ACMETLS1Protocol},
		SessionTicketsDisabled: true,
		GetCertificate:         m.certificate,
	}
}

// certificate finds the one for a handshake; nil without error has the handshake end.
func (m *Manager) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	host := canonical(hello.ServerName)
	if slices.Equal(hello.SupportedProtos, []string{acmez.ACMETLS1Protocol}) {
		return m.challenges.certificate(host), nil
	}
	if !validHost(host) {
		return nil, nil
	}
	name, ok := m.cfg.Names.Flagged(host)
	if !ok {
		return nil, nil
	}
	m.mu.RLock()
	h, loaded := m.held[host], m.loaded
	m.mu.RUnlock()
	if h == nil && loaded {
		m.ask(job{host: host, name: name})
		return nil, nil
	}
	if cert := m.cached(host); cert != nil {
		return cert, nil
	}
	cert, err := m.magic.CacheManagedCertificate(hello.Context(), host)
	if err != nil {
		return nil, nil //nolint:nilerr // it is gone, or not there yet
	}
	return &cert.Certificate, nil
}

// cached is the newest certificate of a host in memory.
func (m *Manager) cached(host string) *tls.Certificate {
	var newest *certmagic.Certificate
	for _, c := range m.cache.AllMatchingCertificates(host) {
		if c.Names[0] == host && (newest == nil || c.Leaf.NotAfter.After(newest.Leaf.NotAfter)) {
			newest = &c
		}
	}
	if newest == nil {
		return nil
	}
	return &newest.Certificate
}

// forget drops a host's certificates from memory.
func (m *Manager) forget(host string) {
	m.cache.RemoveManaged([]certmagic.SubjectIssuer{{Subject: host}})
}

// ask has a certificate ordered for a flagged host that a visitor came for. Strangers come with any host.
func (m *Manager) ask(j job) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, running := m.running[j.host]
	a, extras := m.attempts[j.host], m.extras[j.name]
	switch {
	case running, m.ca == nil, a != nil && a.waits(m.cfg.Now()):
		return
	case !isChief(j.host, j.name) && len(extras) >= maxExtra && !slices.Contains(extras, j.host):
		return
	}
	if m.queue.ask(j) {
		m.addExtra(j.host, j.name)
		m.stir()
	}
}

// Figures count certificates without naming hosts.
type Figures struct {
	Valid    int // in use
	Pending  int // wanted, and waiting for their turn
	Failing  int // the last order was refused, and is tried again
	Revoking int // of names that were given back, not revoked yet

	Expires time.Time // when the first one that is held ends; zero: none is
	Up      bool      // the CA was available when it was last needed
}

// Figures returns those of a moment ago.
func (m *Manager) Figures() Figures {
	m.mu.RLock()
	defer m.mu.RUnlock()
	f := m.figures
	f.Revoking = len(m.revocations)
	return f
}
