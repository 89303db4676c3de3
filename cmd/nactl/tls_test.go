package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/api"
)

// certify writes a certificate for loopback, which is its own CA and a client's too, to tls.crt and its key to
// tls.key. It returns the line that lets its holder in.
func certify(ts *testscript.TestScript) string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "certified"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	ts.Check(err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("tls.crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("tls.key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600))
	sum := sha256.Sum256(der)
	return "certified admin " + hex.EncodeToString(sum[:]) + "\n"
}

// serveTLS has the API listen with TLS too, with its address in $TLS.
func serveTLS(ts *testscript.TestScript, handler *api.Handler) {
	config, err := api.TLSConfig(ts.MkAbs("tls.crt"), ts.MkAbs("tls.key"), ts.MkAbs("tls.crt"))
	ts.Check(err)
	server, err := api.Listen("127.0.0.1:0", config, handler, func(line string) { ts.Logf("server: %s", line) })
	ts.Check(err)
	ts.Defer(func() { ts.Check(server.Close(context.Background())) })
	ts.Setenv("TLS", server.Addr())
}

func TestNoCommandTakesAFlagFromAllOthers(t *testing.T) {
	root := new(app).command()
	var look func(cmd *cobra.Command)
	look = func(cmd *cobra.Command) {
		cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			if root.PersistentFlags().Lookup(f.Name) != nil {
				t.Errorf("%s: --%s is a flag of every command", cmd.CommandPath(), f.Name)
			}
		})
		for _, sub := range cmd.Commands() {
			look(sub)
		}
	}
	for _, cmd := range root.Commands() {
		look(cmd)
	}
}
