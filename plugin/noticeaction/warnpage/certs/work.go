package certs

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/caddyserver/certmagic"
)

// start begins what can begin now, and returns when there may be more; zero: when something happens.
func (m *Manager) start(ctx context.Context, now time.Time) (at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at = m.renewNext
	if m.ca == nil || !m.loaded {
		return at
	}
	if m.pause.waits(now) {
		return earliest(at, m.pause.at)
	}
	if m.settings.CAA == "" && !m.learning && !now.Before(m.learn) {
		m.learning = true
		m.run.Go(func() { m.learnIdentity(ctx) })
	}
	at = earliest(at, m.startRevocations(ctx, now))
	if m.domain.Load() == nil {
		return at // no CA may issue yet
	}
	room := maxOrders
	if m.pause.tries > 0 {
		room = 1 // to see whether the CA is back
	}
	for len(m.running) < room {
		j, ok, free := m.next(now)
		at = earliest(at, free)
		if !ok {
			return at
		}
		m.running[j.host] = j
		m.run.Go(func() { m.finish(ctx, j, m.obtain(ctx, j)) })
	}
	return at
}

// jobKey is of the job in the context of its order.
type jobKey struct{}

// mayOrder writes an order down before the CA gets it.
func (m *Manager) mayOrder(ctx context.Context) error {
	j, ok := ctx.Value(jobKey{}).(job)
	if !ok {
		return errors.New("expected an order to have a host")
	}
	return m.journal.add(ordered, j.host, j.name)
}

// fromCA orders a certificate, and has certmagic store it.
func (m *Manager) fromCA(ctx context.Context, j job) error {
	ctx = context.WithValue(ctx, jobKey{}, j)
	if j.renewal {
		return m.magic.RenewCertSync(ctx, j.host, true)
	}
	return m.magic.ObtainCertSync(ctx, j.host)
}

// issuer is the CA in use as certmagic sees it.
type issuer struct{ m *Manager }

// IssuerKey implements [certmagic.Issuer].
func (issuer) IssuerKey() string { return issuerKey }

// Issue implements [certmagic.Issuer].
func (i issuer) Issue(ctx context.Context, csr *x509.CertificateRequest) (*certmagic.IssuedCertificate, error) {
	i.m.mu.RLock()
	c := i.m.ca
	i.m.mu.RUnlock()
	var replaces *x509.Certificate
	if j, ok := ctx.Value(jobKey{}).(job); ok && j.renewal {
		if old, directory, err := i.m.folder.leaf(ctx, j.host); err == nil && directory == c.directory && i.m.cfg.Now().Before(old.NotAfter) {
			replaces = old
		}
	}
	return c.issue(ctx, csr, replaces)
}

// finish takes up what became of an order.
func (m *Manager) finish(ctx context.Context, j job, err error) {
	if ctx.Err() != nil { // the Manager closes; the journal knows of the order
		return
	}
	if err == nil {
		m.forget(j.host)
		err = m.hold(ctx, j.host)
	}
	result := outcomeOf(err)
	switch result {
	case outcomeIssued:
		m.note(issued, j)
	case outcomeRefused:
		m.note(failed, j)
		m.cfg.Warn(fmt.Sprintf("Certificates: the CA refused %s: %v", j.host, err))
	case outcomeLimited:
		m.cfg.Log(fmt.Sprintf("Certificates: %s has to wait: %v", j.host, err))
	case outcomeUnavailable:
	}
	m.cfg.OnOrder(string(result))
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.running, j.host)
	m.reached(result != outcomeUnavailable, err)
	switch result {
	case outcomeIssued:
		delete(m.attempts, j.host)
	case outcomeRefused:
		m.attempt(j).failed(m.cfg.Now(), minRetry, maxRetry)
	case outcomeLimited:
		m.attempt(j).failed(m.cfg.Now(), limitedRetry, maxRetry)
	case outcomeUnavailable:
	}
	m.stir()
}

func (m *Manager) attempt(j job) *attempt {
	if m.attempts[j.host] == nil {
		m.attempts[j.host] = new(attempt)
	}
	return m.attempts[j.host]
}

func (m *Manager) note(kind kind, j job) {
	if err := m.journal.add(kind, j.host, j.name); err != nil {
		m.cfg.Warn(fmt.Sprintf("Certificates: %v", err))
	}
}

// reached is told whether the CA was there. While it is not, one request at a time asks whether it is back, less and
// less often. The lock is held.
func (m *Manager) reached(up bool, err error) {
	switch {
	case up && !m.figures.Up:
		m.cfg.Log("Certificates: the CA is available again")
	case !up && m.figures.Up:
		m.cfg.Warn(fmt.Sprintf("Certificates: expected the CA %s to be available, it is tried again: %v", m.settings.Directory, err))
	}
	m.figures.Up = up
	if up {
		m.pause = retry{}
	} else if !m.pause.waits(m.cfg.Now()) {
		m.pause.failed(m.cfg.Now(), minPause, maxPause)
	}
}

// learnIdentity asks the CA how CAA records name it, and keeps the answer for a start at which the CA is down.
func (m *Manager) learnIdentity(ctx context.Context) {
	m.mu.RLock()
	c := m.ca
	m.mu.RUnlock()
	names, err := c.identities(ctx)
	var domain string
	if len(names) > 0 && validHost(canonical(names[0])) {
		domain = canonical(names[0])
		if err := m.folder.learn(ctx, c.directory, domain); err != nil {
			m.cfg.Warn(fmt.Sprintf("Certificates: keeping how the CA is named: %v", err))
		}
	}
	if ctx.Err() != nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.learning = false
	m.stir()
	if c != m.ca {
		return // the settings have changed
	}
	m.reached(err == nil, err)
	if err != nil {
		return
	}
	m.learn = m.cfg.Now().Add(learnAgain)
	if domain == "" {
		m.cfg.Warn(fmt.Sprintf("Certificates: expected the CA %s to say how CAA records name it, or an acme_caa line; nothing is ordered", c.directory))
		return
	}
	m.domain.Store(&domain)
}

// startRevocations begins those that are due.
func (m *Manager) startRevocations(ctx context.Context, now time.Time) (at time.Time) {
	for id, r := range m.revocations {
		switch {
		case r.running:
		case !now.Before(r.notAfter):
			r.running = true
			m.run.Go(func() { m.revoked(ctx, id, nil) })
		case r.retry.waits(now):
			at = earliest(at, earliest(r.retry.at, r.notAfter))
		case m.revokers < maxRevocations:
			r.running = true
			m.revokers++
			c := m.caOf(r.Directory)
			m.run.Go(func() {
				err := c.revoke(ctx, r.leaf)
				m.mu.Lock()
				m.revokers--
				m.mu.Unlock()
				m.revoked(ctx, id, err)
			})
		}
	}
	return at
}

// revoked takes up what became of a revocation: nil, when it is done or the certificate has expired.
func (m *Manager) revoked(ctx context.Context, id string, err error) {
	if ctx.Err() != nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	defer m.stir()
	r := m.revocations[id]
	r.running = false
	if r.Directory == m.settings.Directory {
		m.reached(outcomeOf(err) != outcomeUnavailable, err)
	}
	if err == nil {
		if err = m.folder.Delete(ctx, r.key()); err == nil {
			delete(m.revocations, id)
			return
		}
	}
	if outcomeOf(err) != outcomeUnavailable || r.Directory != m.settings.Directory || r.retry.tries > 0 {
		m.cfg.Warn(fmt.Sprintf("Certificates: revoking that of %s, which is tried again until %s: %v", r.Host, r.notAfter.Format(time.DateOnly), err))
	}
	r.retry.failed(m.cfg.Now(), minPause, maxPause)
}

// caOf returns the CA of a directory.
func (m *Manager) caOf(directory string) *ca {
	if directory == m.settings.Directory || directory == "" {
		return m.ca
	}
	c := m.others[directory]
	if c == nil {
		s := m.settings
		s.Directory = directory
		c = newCA(s, m.folder, m.challenges, m.mayOrder)
		m.others[directory] = c
	}
	return c
}
