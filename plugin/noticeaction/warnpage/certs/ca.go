package certs

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"
)

const (
	requestTimeout = 30 * time.Second
	orderTimeout   = 3 * time.Minute
)

var (
	// errLimit is returned when the account has made as many orders as it may for now.
	errLimit = errors.New("the account has made as many orders as it may for now")
	// errUnavailable is returned when no certificate came for a reason that lies with the CA, the way to it or the
	// account, and not with the host.
	errUnavailable = errors.New("the CA is not available")
)

// ca is one CA, by one of its directories, with an account there. Safe for concurrent use.
type ca struct {
	directory string
	contact   []string // URLs
	client    *acmez.Client
	transport *http.Transport
	storage   certmagic.Storage

	mu      sync.Mutex // held while the account is looked up
	account acme.Account
}

// newCA makes a CA of the settings. order is told before each order is sent, with the context that it was made in,
// and may refuse it.
func newCA(s Settings, storage certmagic.Storage, solve *challenges, order func(context.Context) error) *ca {
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: requestTimeout, ResponseHeaderTimeout: requestTimeout,
		MaxIdleConnsPerHost: maxOrders, IdleConnTimeout: time.Minute,
	}
	transport.TLSClientConfig = s.tlsConfig()
	c := &ca{directory: s.Directory, transport: transport, storage: storage}
	if s.Email != "" {
		c.contact = []string{"mailto:" + s.Email}
	}
	c.client = &acmez.Client{
		Client: &acme.Client{
			Directory: s.Directory, UserAgent: s.UserAgent, PollTimeout: orderTimeout,
			HTTPClient: &http.Client{Transport: &gate{c: c, next: transport, order: order}, Timeout: requestTimeout},
		},
		ChallengeSolvers: map[string]acmez.Solver{acme.ChallengeTypeTLSALPN01: tlsSolver{solve}},
	}
	if s.HTTP {
		c.client.ChallengeSolvers[acme.ChallengeTypeHTTP01] = httpSolver{solve}
	}
	return c
}

// gate is the way of all requests to the CA: one order can become several, as each kind of challenge is tried.
type gate struct {
	c     *ca
	next  http.RoundTripper
	order func(context.Context) error
}

// RoundTrip implements [http.RoundTripper].
func (g *gate) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPost {
		d, err := g.c.client.GetDirectory(r.Context()) // known by now
		if err == nil && r.URL.String() == d.NewOrder {
			err = g.order(r.Context())
		}
		if err != nil {
			if r.Body != nil {
				_ = r.Body.Close()
			}
			return nil, err
		}
	}
	return g.next.RoundTrip(r)
}

func (c *ca) close() { c.transport.CloseIdleConnections() }

// identities asks the CA for the domains that name it in CAA records (RFC 8555 section 9.7.6).
func (c *ca) identities(ctx context.Context) ([]string, error) {
	d, err := c.client.GetDirectory(ctx)
	if err != nil {
		return nil, fmt.Errorf("asking for the CA's directory: %w: %w", errUnavailable, err)
	}
	if d.Meta == nil {
		return nil, nil
	}
	return d.Meta.CAAIdentities, nil
}

// issue orders the certificate of a request.
func (c *ca) issue(ctx context.Context, csr *x509.CertificateRequest, replaces *x509.Certificate) (*certmagic.IssuedCertificate, error) {
	ctx, cancel := context.WithTimeout(ctx, orderTimeout)
	defer cancel()
	account, err := c.register(ctx)
	if err != nil {
		return nil, err
	}
	order, err := acmez.OrderParametersFromCSR(account, csr)
	if err != nil {
		return nil, err
	}
	if d, err := c.client.GetDirectory(ctx); err == nil && d.RenewalInfo != "" {
		order.Replaces = replaces // RFC 9773 section 5
	}
	chains, err := c.client.ObtainCertificate(ctx, order)
	if order.Replaces != nil && unrelated(err) {
		order.Replaces = nil // the CA may have forgotten that one
		chains, err = c.client.ObtainCertificate(ctx, order)
	}
	if err != nil {
		c.doubt(err)
		return nil, err
	}
	if len(chains) == 0 {
		return nil, fmt.Errorf("%w: it sent no certificate", errUnavailable)
	}
	return &certmagic.IssuedCertificate{Certificate: chains[0].ChainPEM, Metadata: chains[0]}, nil
}

// unrelated reports whether the CA refused an order for another reason than its limits or a host that it could not
// validate.
func unrelated(err error) bool {
	var problem acme.Problem
	return errors.As(err, &problem) && problem.Resource == nil && outcomeOf(err) != outcomeLimited
}

// revoke has the CA revoke a certificate, for the reason that the name is redirected no more. One that is revoked
// already is no error.
func (c *ca) revoke(ctx context.Context, cert *x509.Certificate) error {
	ctx, cancel := context.WithTimeout(ctx, orderTimeout)
	defer cancel()
	account, err := c.register(ctx)
	if err != nil {
		return err
	}
	err = c.client.RevokeCertificate(ctx, account, cert, account.PrivateKey, acme.ReasonCessationOfOperation)
	var problem acme.Problem
	if errors.As(err, &problem) && problem.Type == acme.ProblemTypeAlreadyRevoked {
		return nil
	}
	c.doubt(err)
	return err
}

// doubt has the account looked up again if the CA does not know it.
func (c *ca) doubt(err error) {
	var problem acme.Problem
	if errors.As(err, &problem) && problem.Type == acme.ProblemTypeAccountDoesNotExist {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.account = acme.Account{}
	}
}

// register returns the account, which it makes if the CA does not know its key (RFC 8555 section 7.3.1).
func (c *ca) register(ctx context.Context) (acme.Account, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.account.Status != "" {
		return c.account, nil
	}
	key, err := c.key(ctx)
	if err != nil {
		return acme.Account{}, fmt.Errorf("%w: account: %w", errUnavailable, err)
	}
	account, err := c.client.NewAccount(ctx, acme.Account{PrivateKey: key, Contact: c.contact, TermsOfServiceAgreed: true})
	if err == nil && !slices.Equal(account.Contact, c.contact) {
		account.Contact = c.contact
		account, err = c.client.UpdateAccount(ctx, account)
	}
	if err == nil && account.Status != acme.StatusValid {
		err = fmt.Errorf("expected one that is valid, it is %s", account.Status)
	}
	if err != nil {
		return acme.Account{}, fmt.Errorf("%w: account: %w", errUnavailable, err)
	}
	c.account = account
	return account, nil
}

// key returns the account's private key, which it makes at the first time.
func (c *ca) key(ctx context.Context) (crypto.Signer, error) {
	at := "accounts/" + certmagic.StorageKeys.Safe(c.directory) + ".key"
	text, err := c.storage.Load(ctx, at)
	if err == nil {
		return certmagic.PEMDecodePrivateKey(text)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the key: %w", err)
	}
	fresh, err := certmagic.DefaultKeyGenerator.GenerateKey()
	if err != nil {
		return nil, err
	}
	if text, err = certmagic.PEMEncodePrivateKey(fresh); err != nil {
		return nil, err
	}
	if err := c.storage.Store(ctx, at, text); err != nil {
		return nil, fmt.Errorf("writing the key: %w", err)
	}
	return fresh.(crypto.Signer), nil
}

// caOf is the directory that a certificate's metadata name.
func caOf(resource []byte) string {
	var meta struct {
		Issuer acme.Certificate `json:"issuer_data"`
	}
	if json.Unmarshal(resource, &meta) != nil {
		return ""
	}
	return meta.Issuer.CA
}

// outcome is what became of an order, in a word for the metrics.
type outcome string

const (
	outcomeIssued      outcome = "issued"
	outcomeRefused     outcome = "refused"     // the CA said no to this host
	outcomeLimited     outcome = "limited"     // the CA, or our count of its limits, says not now
	outcomeUnavailable outcome = "unavailable" // the CA cannot be reached, fails or does not accept the account
)

// Outcomes are those of an order.
var Outcomes = []string{string(outcomeIssued), string(outcomeRefused), string(outcomeLimited), string(outcomeUnavailable)}

func outcomeOf(err error) outcome {
	var problem acme.Problem
	switch {
	case err == nil:
		return outcomeIssued
	case errors.Is(err, errLimit):
		return outcomeLimited
	case errors.Is(err, errUnavailable) || !errors.As(err, &problem):
		return outcomeUnavailable
	case problem.Type == acme.ProblemTypeRateLimited || problem.Status == http.StatusTooManyRequests:
		return outcomeLimited
	case problem.Status >= http.StatusInternalServerError, slices.Contains(accountProblems, problem.Type):
		return outcomeUnavailable
	}
	return outcomeRefused
}

// accountProblems say nothing about the host.
var accountProblems = []string{
	acme.ProblemTypeAccountDoesNotExist, acme.ProblemTypeBadNonce, acme.ProblemTypeExternalAccountRequired,
	acme.ProblemTypeServerInternal, acme.ProblemTypeUserActionRequired,
}
