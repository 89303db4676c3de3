// Package certs keeps the certificates of the warning page: for each flagged name and its "www." one, and one for
// each of a few other hosts below it once a visitor asks for it. A [Manager] orders them from a CA by ACME (RFC 8555),
// renews them, and has them revoked when the name is given back.
//
// What to order is never queued but derived, from the set of flagged names and from what is on disk, so a million
// flags at once are no more work than their certificates, and a restart forgets nothing. The order of orders is:
// renewals; what visitors ask for; what was flagged last; all the rest, as the table has it. What the CA allows is
// counted before it is asked, and the count survives a restart.
//
// The package never orders for a host that is not flagged, whoever asks, nor for the warning host. It knows neither
// DNS nor the page: the page's listeners bring it their handshakes and the CA's requests. All is in one folder, which
// one process has at a time.
package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"iter"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
)

const (
	maxOrders      = 4      // under way at once
	maxRevocations = 4      // likewise
	maxCached      = 10_000 // certificates in memory
	maxAsked       = 1000   // hosts that visitors asked for and that wait
	maxRecent      = 1000   // names that were flagged last and wait
	maxBacklog     = 1000   // of the other names, until the set is looked at again
	maxExtra       = 5      // hosts of one name, beside itself and "www."
	bulk           = 100    // names flagged at once from which none goes before the rest

	lookAgain  = time.Minute // at the set, though nobody said that it changed
	learnAgain = 24 * time.Hour
	tidyAgain  = time.Hour
	never      = time.Duration(math.MaxInt64)
)

// Names is the set of flagged names, as answers are made from it. Its methods may be called concurrently and must not
// wait.
type Names interface {
	// Flagged returns the flagged name that a host, in lower case without final dot, is or lies below, if visitors
	// of the host are sent to the page.
	Flagged(host string) (name string, ok bool)
	// Standing reports whether a host is or lies below a flagged name, whether visitors are sent to the page or not:
	// what stands is not revoked.
	Standing(host string) bool
	// All yields the names of one moment.
	All() iter.Seq[string]
	// Generation is a number that changes when the set does; 0 before anything is known of it.
	Generation() uint64
}

// Config is what a Manager works with.
type Config struct {
	Folder string // its own; see [Check]
	Names  Names
	Now    func() time.Time // nil: time.Now

	OnOrder func(outcome string) // nil, or told what became of each order: one of [Outcomes]
	Log     func(line string)    // nil, or told what an operator may want to know
	Warn    func(line string)    // nil, or told what an operator should look at
}

// Settings say which CA to use. They can change while the Manager runs.
type Settings struct {
	Directory string         // URL of the CA's directory
	Email     string         // where the CA writes to; the account agrees to the CA's terms
	Roots     *x509.CertPool // of the CA's server; nil: the system's
	HTTP      bool           // the page listens for HTTP, so http-01 can be used beside tls-alpn-01
	CAA       string         // the domain that names the CA in CAA records; empty: as the directory says
	UserAgent string
}

func (s *Settings) equal(o *Settings) bool {
	a, b := *s, *o
	a.Roots, b.Roots = nil, nil
	return a == b && (s.Roots == nil) == (o.Roots == nil) && (s.Roots == nil || s.Roots.Equal(o.Roots))
}

func (s *Settings) tlsConfig() *tls.Config {
	return &tls.Config{RootCAs: s.Roots, MinVersion: tls.VersionTLS12}
}

// Manager keeps the certificates. Its methods may be called concurrently.
type Manager struct {
	cfg        Config
	folder     *folder
	journal    *journal
	challenges *challenges
	cache      *certmagic.Cache
	magic      *certmagic.Config

	domain atomic.Pointer[string] // of the CA, for CAA records; nil: not known
	wake   chan struct{}          // of size 1
	cancel context.CancelFunc
	run    sync.WaitGroup

	tidyAt time.Time // for the Manager's own goroutine alone

	obtain func(context.Context, job) error // from the CA into the folder; tests have one of their own

	mu sync.RWMutex
	state
}

// state is what is guarded by the Manager's mu.
type state struct {
	settings Settings
	ca       *ca            // nil: none yet
	others   map[string]*ca // by directory: those that certificates to be revoked are of

	loaded      bool                // held is all that is on disk
	held        map[string]*holding // by host
	attempts    map[string]*attempt // by host: what failed, or must wait
	extras      map[string][]string // by name: its hosts that count against maxExtra
	running     map[string]job      // orders, by host
	revocations map[string]*revocation
	revokers    int // revocations under way

	queue queue
	pause retry // of all that needs the CA, while it is not available
	learn time.Time

	learning  bool
	swept     uint64    // generation at the last sweep
	sweepAt   time.Time // when it is due though nothing changed
	renewNext time.Time
	figures   Figures // as of the last look
}

// holding is a certificate on disk.
type holding struct {
	notAfter time.Time
	renew    time.Time // from when on
}

// attempt is of a host whose last order failed, or that has to wait.
type attempt struct{ retry }

// Open makes a Manager of the folder's certificates, which serves them at once and orders nothing before [Manager.Use].
func Open(cfg Config) (*Manager, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.OnOrder == nil {
		cfg.OnOrder = func(string) {}
	}
	if cfg.Log == nil {
		cfg.Log = func(string) {}
	}
	if cfg.Warn == nil {
		cfg.Warn = func(string) {}
	}
	f, err := openFolder(cfg.Folder)
	if err != nil {
		return nil, err
	}
	j, err := openJournal(cfg.Folder, cfg.Now)
	if err != nil {
		return nil, errors.Join(err, f.close())
	}
	m := &Manager{
		cfg: cfg, folder: f, journal: j, challenges: newChallenges(), wake: make(chan struct{}, 1),
		state: state{
			others: make(map[string]*ca), held: make(map[string]*holding), attempts: make(map[string]*attempt),
			extras: make(map[string][]string), running: make(map[string]job), revocations: make(map[string]*revocation),
			figures: Figures{Up: true},
		},
	}
	m.obtain = m.fromCA
	m.openCache()
	var ctx context.Context
	ctx, m.cancel = context.WithCancel(context.Background())
	m.run.Go(func() { m.keep(ctx) })
	return m, nil
}

// openCache sets certmagic up to order, renew, store and remember, each time that it is told to, and to do nothing by
// itself: its own maintenance would renew past the limits of the CA.
func (m *Manager) openCache() {
	quiet := zap.NewNop()
	m.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert:   func(certmagic.Certificate) (*certmagic.Config, error) { return m.magic, nil },
		RenewCheckInterval: never, OCSPCheckInterval: never,
		Capacity: maxCached, Logger: quiet,
	})
	m.magic = certmagic.New(m.cache, certmagic.Config{
		Issuers: []certmagic.Issuer{issuer{m}}, Storage: m.folder, KeySource: certmagic.DefaultKeyGenerator,
		OCSP: certmagic.OCSPConfig{DisableStapling: true}, DisableARI: true, Logger: quiet,
	})
}

// Use has everything from now on go to the CA of the settings. Certificates of another CA are good until they are
// renewed. It also says that what Names tells may have changed.
func (m *Manager) Use(s Settings) {
	m.mu.RLock()
	same := m.ca != nil && m.settings.equal(&s)
	m.mu.RUnlock()
	if same {
		m.stir()
		return
	}
	known, err := m.folder.identities(context.Background())
	if err != nil {
		m.cfg.Warn(fmt.Sprintf("Certificates: reading how CAs are named: %v", err))
	}
	domain := s.CAA
	if domain == "" {
		domain = known[s.Directory]
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closeCAs()
	m.settings, m.ca = s, newCA(s, m.folder, m.challenges, m.mayOrder)
	m.pause, m.learn = retry{}, time.Time{}
	m.domain.Store(nil)
	if domain != "" {
		m.domain.Store(&domain)
	}
	m.stir()
}

// CAA is the domain by which CAA records name the CA (RFC 8659 section 4.2); empty while it is not known, when there
// are no orders either.
func (m *Manager) CAA() string {
	if domain := m.domain.Load(); domain != nil {
		return *domain
	}
	return ""
}

// Changed says that the set is not what it was; flagged are the names that are new in it, if it is known which. It
// does not wait.
func (m *Manager) Changed(flagged ...string) {
	if 0 < len(flagged) && len(flagged) <= bulk {
		m.queue.remember(flagged)
	}
	m.stir()
}

// stir has the Manager look at what there is to do.
func (m *Manager) stir() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// Close ends what is under way, which is taken up again by the next one to open the folder.
func (m *Manager) Close() error {
	m.cancel()
	m.run.Wait()
	m.cache.Stop()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closeCAs()
	return errors.Join(m.journal.close(), m.folder.close())
}

// closeCAs lets what is under way with them come to its end.
func (m *Manager) closeCAs() {
	if m.ca != nil {
		m.ca.close()
	}
	for _, c := range m.others {
		c.close()
	}
	clear(m.others)
}
