package api

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

// authorityOf is a CA of the tests.
type authorityOf struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newCA(t *testing.T, dir, name string) *authorityOf {
	t.Helper()
	ca := &authorityOf{file: filepath.Join(dir, name+".pem")}
	template := &x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, key := certify(t, template, nil)
	ca.cert, ca.key = parseCert(t, der), key
	writePEM(t, ca.file, "CERTIFICATE", der)
	return ca
}

// issue writes NAME.crt and NAME.key and returns the certificate.
func (ca *authorityOf) issue(t *testing.T, name string) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, key := certify(t, template, ca)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	base := filepath.Join(filepath.Dir(ca.file), name)
	writePEM(t, base+".crt", "CERTIFICATE", der)
	writePEM(t, base+".key", "PRIVATE KEY", keyDER)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func certify(t *testing.T, template *x509.Certificate, ca *authorityOf) ([]byte, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := template, key
	if ca != nil {
		parent, signer = ca.cert, ca.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	return der, key
}

func parseCert(t *testing.T, der []byte) *x509.Certificate {
	t.Helper()
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// overTLS is a client that trusts ca and shows certs.
func overTLS(t *testing.T, ca *authorityOf, certs ...tls.Certificate) *http.Client {
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: certs}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func TestTLSIdentities(t *testing.T) {
	dir := t.TempDir()
	servers, clients, strangers := newCA(t, dir, "servers"), newCA(t, dir, "clients"), newCA(t, dir, "strangers")
	servers.issue(t, "server")
	listed, unlisted := clients.issue(t, "listed"), clients.issue(t, "unlisted")
	foreign := strangers.issue(t, "foreign")
	sum := func(c tls.Certificate) string { return fmt.Sprintf("%x", sha256.Sum256(c.Certificate[0])) }
	tokens, err := readTokens("tokens", strings.NewReader(
		"desk admin "+sum(listed)+"\nforeign admin "+sum(foreign)+"\nann viewer "+hexSum("ann")))
	if err != nil {
		t.Fatal(err)
	}
	config, err := TLSConfig(filepath.Join(dir, "server.crt"), filepath.Join(dir, "server.key"), clients.file)
	if err != nil {
		t.Fatal(err)
	}
	desk := fakeDesk{lookup: func(string) (store.Flag, error) { return store.Flag{Name: "example.be"}, nil }}
	s, err := Listen("127.0.0.1:0", config, New(Config{Desk: desk, Tokens: tokens}), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(context.Background())

	tests := []struct {
		name   string
		client *http.Client
		token  string
		want   int
	}{
		{"a listed certificate", overTLS(t, servers, listed), "", 200},
		{"a certificate that is not listed", overTLS(t, servers, unlisted), "", 401},
		{"a certificate of another CA, which the client then keeps to itself", overTLS(t, servers, foreign), "", 401},
		{"no certificate", overTLS(t, servers), "", 401},
		{"a token", overTLS(t, servers), "ann", 200},
		{"a wrong token", overTLS(t, servers), "eve", 401},
		{"a wrong token with a listed certificate", overTLS(t, servers, listed), "eve", 401},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := http.NewRequest(http.MethodGet, "https://"+s.Addr()+"/v1/flags/example.be", nil)
			if err != nil {
				t.Fatal(err)
			}
			if tt.token != "" {
				bearer(tt.token)(r)
			}
			resp, err := tt.client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != tt.want {
				t.Errorf("got %d, want %d", resp.StatusCode, tt.want)
			}
		})
	}
	t.Run("TLS 1.1", func(t *testing.T) {
		c, err := tls.Dial("tcp", s.Addr(), &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
		if err == nil {
			c.Close()
			t.Error("a version older than 1.2 was taken")
		}
	})
	t.Run("plain HTTP", func(t *testing.T) {
		resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get("http://" + s.Addr() + "/v1/status")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusBadRequest {
			t.Errorf("got %d, want 400", resp.StatusCode)
		}
	})
}

func TestCertificatesAreReplacedWhileServing(t *testing.T) {
	dir := t.TempDir()
	first, second := newCA(t, dir, "first"), newCA(t, dir, "second")
	config := func(ca *authorityOf, name string) *tls.Config {
		ca.issue(t, name)
		c, err := TLSConfig(filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key"), "")
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	s, err := Listen("127.0.0.1:0", config(first, "one"), says("hello"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(context.Background())
	if got := body(t, overTLS(t, first), "https://"+s.Addr()); got != "hello" {
		t.Errorf("got %q", got)
	}
	s.SetTLS(config(second, "two"))
	if got := body(t, overTLS(t, second), "https://"+s.Addr()); got != "hello" {
		t.Errorf("got %q", got)
	}
	if resp, err := overTLS(t, first).Get("https://" + s.Addr()); err == nil {
		resp.Body.Close()
		t.Error("the old certificate is still shown")
	}
}

func TestTLSConfigErrors(t *testing.T) {
	dir := t.TempDir()
	ca := newCA(t, dir, "ca")
	ca.issue(t, "server")
	crt, key := filepath.Join(dir, "server.crt"), filepath.Join(dir, "server.key")
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, cert, key, ca, err string }{
		{"no certificate", filepath.Join(dir, "none"), key, "", "admin_tls: expected a certificate and its key in PEM form, got"},
		{"the key of another", crt, crt, "", "admin_tls: expected a certificate and its key"},
		{"no CA file", crt, key, filepath.Join(dir, "none"), "admin_tls: expected a client CA in PEM form, got"},
		{"an empty CA file", crt, key, empty, "admin_tls: expected a client CA in PEM form, got"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := TLSConfig(tt.cert, tt.key, tt.ca); err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got %v, want %q", err, tt.err)
			}
		})
	}
}
