package certs

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
	"golang.org/x/sys/unix"
)

// issuerKey is under which certmagic keeps all certificates, whichever CA they are of: after a change of the CA the
// old ones are good until they are renewed.
const issuerKey = "acme"

// Where things are in the folder, beside what certmagic keeps.
const (
	lockFile    = "lock"
	identityKey = "identities.json"
	revoking    = "revoking"
)

// folder is all that is on disk, of mode 0700 with files of mode 0600. One process has it at a time. Safe for
// concurrent use, also of one key.
type folder struct {
	certmagic.FileStorage

	lock *os.File // held until close

	mu    sync.Mutex
	locks map[string]chan struct{} // closed when it is unlocked
}

// Check reports why a folder cannot hold certificates; it makes one that is not there.
func Check(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return fmt.Errorf("making the folder: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("looking at the folder: %w", err)
	}
	if mode := info.Mode(); !mode.IsDir() || mode.Perm() != 0o700 {
		return fmt.Errorf("expected %s to be a folder of mode 0700, for it holds private keys, its mode is %s", path, mode)
	}
	return nil
}

func openFolder(path string) (*folder, error) {
	if err := Check(path); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(path, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the folder: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("expected %s to be free, but another desk or process has it: %w", path, err), lock.Close())
	}
	return &folder{FileStorage: certmagic.FileStorage{Path: path}, lock: lock, locks: make(map[string]chan struct{})}, nil
}

func (f *folder) close() error { return f.lock.Close() }

// Lock implements [certmagic.Locker] within the process.
func (f *folder) Lock(ctx context.Context, name string) error {
	for {
		f.mu.Lock()
		held, ok := f.locks[name]
		if !ok {
			f.locks[name] = make(chan struct{})
		}
		f.mu.Unlock()
		if !ok {
			return nil
		}
		select {
		case <-held:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Unlock implements [certmagic.Locker].
func (f *folder) Unlock(_ context.Context, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if held, ok := f.locks[name]; ok {
		close(held)
		delete(f.locks, name)
	}
	return nil
}

// leaf reads a host's certificate and the directory of the CA that it is of.
func (f *folder) leaf(ctx context.Context, host string) (cert *x509.Certificate, directory string, err error) {
	text, err := f.Load(ctx, certmagic.StorageKeys.SiteCert(issuerKey, host))
	if err != nil {
		return nil, "", err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, "", fmt.Errorf("expected a certificate of %s in PEM form", host)
	}
	if cert, err = x509.ParseCertificate(block.Bytes); err != nil {
		return nil, "", err
	}
	meta, err := f.Load(ctx, certmagic.StorageKeys.SiteMeta(issuerKey, host))
	if err != nil {
		return nil, "", err
	}
	if !f.Exists(ctx, certmagic.StorageKeys.SitePrivateKey(issuerKey, host)) {
		return nil, "", fmt.Errorf("expected a key of %s: %w", host, fs.ErrNotExist)
	}
	return cert, caOf(meta), nil
}

// hosts returns those that there is anything of.
func (f *folder) hosts() ([]string, error) {
	entries, err := os.ReadDir(f.Filename(certmagic.StorageKeys.CertsPrefix(issuerKey)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listing certificates: %w", err)
	}
	hosts := make([]string, len(entries))
	for i, e := range entries {
		hosts[i] = e.Name()
	}
	return hosts, nil
}

// remove deletes a host's certificate, its key first.
func (f *folder) remove(ctx context.Context, host string) error {
	return errors.Join(
		f.Delete(ctx, certmagic.StorageKeys.SitePrivateKey(issuerKey, host)),
		f.Delete(ctx, certmagic.StorageKeys.CertsSitePrefix(issuerKey, host)))
}

// revocation is a certificate that is to be revoked. Its key is gone: the account's is enough (RFC 8555 section 7.6).
type revocation struct {
	Host        string
	Directory   string // of the CA
	Certificate []byte // DER

	id       string // the serial number
	notAfter time.Time
	leaf     *x509.Certificate
	retry    retry
	running  bool
}

func newRevocation(host, directory string, cert *x509.Certificate) *revocation {
	return &revocation{
		Host: host, Directory: directory, Certificate: cert.Raw,
		id: cert.SerialNumber.Text(16), notAfter: cert.NotAfter, leaf: cert,
	}
}

// retire turns a host's certificate into a revocation: the note is durable before anything is deleted.
func (f *folder) retire(ctx context.Context, host string) (*revocation, error) {
	cert, directory, err := f.leaf(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("reading what is to be revoked: %w", err)
	}
	r := newRevocation(host, directory, cert)
	text, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	if err := f.Store(ctx, r.key(), text); err != nil {
		return nil, fmt.Errorf("noting what is to be revoked: %w", err)
	}
	if err := f.remove(ctx, host); err != nil {
		return nil, fmt.Errorf("deleting a key: %w", err)
	}
	return r, nil
}

func (r *revocation) key() string { return revoking + "/" + r.id + ".json" }

// revocations reads those that are noted. One that cannot be read is an error, and the others are returned.
func (f *folder) revocations(ctx context.Context) (all []*revocation, err error) {
	entries, err := os.ReadDir(f.Filename(revoking))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listing revocations: %w", err)
	}
	var errs []error
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".json") { // it was being written
			continue
		}
		r, err := f.revocation(ctx, e.Name())
		if err != nil {
			errs = append(errs, fmt.Errorf("reading revocation %s: %w", e.Name(), err))
			continue
		}
		all = append(all, r)
	}
	return all, errors.Join(errs...)
}

func (f *folder) revocation(ctx context.Context, name string) (*revocation, error) {
	text, err := f.Load(ctx, revoking+"/"+name)
	if err != nil {
		return nil, err
	}
	var r revocation
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(r.Certificate)
	if err != nil {
		return nil, err
	}
	return newRevocation(r.Host, r.Directory, cert), nil
}

// identities are the domains that name CAs in CAA records, by their directories, as last learned.
func (f *folder) identities(ctx context.Context) (map[string]string, error) {
	text, err := f.Load(ctx, identityKey)
	if errors.Is(err, fs.ErrNotExist) {
		return make(map[string]string), nil
	}
	if err != nil {
		return nil, err
	}
	var known map[string]string
	return known, json.Unmarshal(text, &known)
}

func (f *folder) learn(ctx context.Context, directory, domain string) error {
	known, err := f.identities(ctx)
	if err != nil || known == nil {
		known = make(map[string]string) // what is damaged is learned anew
	}
	known[directory] = domain
	text, err := json.Marshal(known)
	if err != nil {
		return err
	}
	return f.Store(ctx, identityKey, text)
}
