package api

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

// TLSConfig reads the files of admin_tls. With a client CA (optional, empty:
// none) a client may identify itself by a certificate that the CA issued. The
// files are read now and not again: a reload calls TLSConfig and SetTLS.
func TLSConfig(certFile, keyFile, clientCA string) (*tls.Config, error) {
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("admin_tls: expected a certificate and its key in PEM form, got %q and %q: %w", certFile, keyFile, err)
	}
	config := &tls.Config{
		Certificates: []tls.Certificate{cert},
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"http/1.1"},
	}
	if clientCA == "" {
		return config, nil
	}
	pem, err := os.ReadFile(clientCA)
	if err != nil {
		return nil, fmt.Errorf("admin_tls: expected a client CA in PEM form, got %q: %w", clientCA, err)
	}
	config.ClientCAs = x509.NewCertPool()
	if !config.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("admin_tls: expected a client CA in PEM form, got %q", clientCA)
	}
	config.ClientAuth = tls.VerifyClientCertIfGiven
	return config, nil
}
