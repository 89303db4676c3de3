package intake

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/emersion/go-message"
	"github.com/smallstep/pkcs7"
)

const (
	maxDetached     = 256 << 10 // bytes of a signature that stands apart
	maxCertificates = 10
	maxKeyBits      = 8192 // what a larger key costs grows with the cube of its size
)

// signed is what came of an S/MIME signature (RFC 8551).
type signed struct {
	present   bool
	valid     bool
	encrypted bool
	why       string // not valid: why
	address   string // of the certificate
	name      string // of the certificate; its address if it has none
}

// String is as [store.Notice] has it.
func (s signed) String() string {
	switch {
	case s.valid:
		return "valid: " + s.address
	case s.present:
		return "invalid: " + line(s.why, 200)
	}
	return "none"
}

// unwrap returns what a message says within its S/MIME signature, and whether that holds for the sender's
// address at that time. Only a signature over the whole message counts. What a message without one says is its own.
func (r Reader) unwrap(e *message.Entity, body []byte, email string, at time.Time) (*message.Entity, signed) {
	_, params, _ := e.Header.ContentType()
	switch kind := entityType(e); {
	case kind == "multipart/signed" && strings.HasSuffix(params["protocol"], "pkcs7-signature"):
		return r.unwrapDetached(e, body, params["boundary"], email, at)
	case strings.HasSuffix(kind, "/pkcs7-mime") || strings.HasSuffix(kind, "/x-pkcs7-mime"):
		return r.unwrapOpaque(e, email, at)
	}
	return e, signed{}
}

func (r Reader) unwrapDetached(e *message.Entity, body []byte, boundary, email string, at time.Time) (*message.Entity, signed) {
	s := signed{present: true, why: "expected a signed part and its signature"}
	content, signature, ok := splitSigned(body, boundary)
	if !ok {
		return e, s
	}
	inner, _ := message.Read(bytes.NewReader(content))
	apart, _ := message.Read(bytes.NewReader(signature))
	if inner == nil || apart == nil {
		return e, s
	}
	der, err := io.ReadAll(io.LimitReader(apart.Body, maxDetached+1))
	if err != nil || len(der) > maxDetached {
		s.why = "expected a signature of at most 256 KiB in base64"
		return inner, s
	}
	p7, err := parse(der)
	if err != nil {
		s.why = err.Error()
		return inner, s
	}
	p7.Content = content
	return inner, r.judge(p7, email, at)
}

func (r Reader) unwrapOpaque(e *message.Entity, email string, at time.Time) (*message.Entity, signed) {
	s := signed{present: true, why: "expected base64"}
	der, err := io.ReadAll(e.Body)
	if err != nil {
		return e, s
	}
	p7, err := parse(der)
	switch {
	case errors.Is(err, errNotSigned):
		return e, signed{encrypted: true}
	case err != nil:
		s.why = err.Error()
		return e, s
	}
	s = r.judge(p7, email, at)
	inner, _ := message.Read(bytes.NewReader(crlf(p7.Content)))
	if inner == nil {
		return e, s
	}
	return inner, s
}

// splitSigned returns the first two parts of a multipart body, the first byte for byte as it was signed: without
// the CRLF that belongs to the delimiter (RFC 1847 section 2.1).
func splitSigned(body []byte, boundary string) (content, signature []byte, ok bool) {
	delimiter := []byte("\r\n--" + boundary)
	_, rest, ok := cutDelimiter(append([]byte("\r\n"), body...), delimiter)
	if !ok || boundary == "" {
		return nil, nil, false
	}
	content, rest, ok = cutDelimiter(rest, delimiter)
	if !ok {
		return nil, nil, false
	}
	signature, _, _ = bytes.Cut(rest, delimiter)
	return content, signature, true
}

// cutDelimiter cuts at the first line that is the delimiter and white space only.
func cutDelimiter(b, delimiter []byte) (before, after []byte, ok bool) {
	for from := 0; ; {
		i := bytes.Index(b[from:], delimiter)
		if i < 0 {
			return nil, nil, false
		}
		i += from
		rest, after, ok := bytes.Cut(b[i+len(delimiter):], []byte("\r\n"))
		if ok && len(bytes.TrimLeft(rest, " \t")) == 0 {
			return b[:i], after, true
		}
		from = i + len(delimiter)
	}
}

var errNotSigned = errors.New("expected signed data, got other")

// parse reads CMS signed data (RFC 5652), after a look at whether the parser will take it well.
func parse(der []byte) (*pkcs7.PKCS7, error) {
	if err := walkBER(der); err != nil {
		return nil, err
	}
	p7, err := pkcs7.Parse(der)
	switch {
	case err != nil:
		return nil, errors.New("expected CMS signed data that can be decoded")
	case len(p7.Signers) == 0 && len(p7.Certificates) == 0:
		return nil, errNotSigned
	}
	return p7, nil
}

// weak are the digests that prove nothing any more.
var weak = []asn1.ObjectIdentifier{pkcs7.OIDDigestAlgorithmSHA1, pkcs7.OIDEncryptionAlgorithmRSASHA1, {1, 2, 840, 113549, 2, 5}}

// judge verifies the signature of p7 over its content, the certificate at that time, and that it is one of the
// sender's address.
func (r Reader) judge(p7 *pkcs7.PKCS7, email string, at time.Time) signed {
	s := signed{present: true}
	fail := func(why string) signed { s.why = why; return s }
	if len(p7.Signers) != 1 || len(p7.Certificates) > maxCertificates {
		return fail("expected one signer and at most 10 certificates")
	}
	for _, c := range p7.Certificates {
		if key, ok := c.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() > maxKeyBits {
			return fail("expected keys of at most 8192 bits")
		}
	}
	for _, oid := range weak {
		if p7.Signers[0].DigestAlgorithm.Algorithm.Equal(oid) {
			return fail("expected a digest of SHA-2, got a weak one")
		}
	}
	signer := p7.GetOnlySigner()
	if signer == nil {
		return fail("expected the certificate of the signer in the message")
	}
	if err := p7.Verify(); err != nil {
		var changed *pkcs7.MessageDigestMismatchError
		if errors.As(err, &changed) {
			return fail("the message is not the one that was signed")
		}
		return fail(strings.TrimPrefix(err.Error(), "pkcs7: "))
	}
	if err := r.trust(signer, p7.Certificates, at); err != nil {
		return fail(strings.TrimPrefix(err.Error(), "x509: "))
	}
	for _, address := range addresses(signer) {
		if email != "" && strings.EqualFold(address, email) {
			s.valid, s.address, s.name = true, email, line(signer.Subject.CommonName, maxLine)
			if s.name == "" {
				s.name = email
			}
			return s
		}
	}
	return fail("expected a certificate of the sender's address")
}

// trust says why a certificate does not sign mail for anyone that is trusted at that time.
func (r Reader) trust(c *x509.Certificate, all []*x509.Certificate, at time.Time) error {
	if r.Roots == nil {
		return errors.New("expected roots to check the certificate against, none are configured")
	}
	if c.KeyUsage != 0 && c.KeyUsage&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) == 0 {
		return errors.New("expected a certificate for signatures")
	}
	intermediates := x509.NewCertPool()
	for _, c := range all {
		intermediates.AddCert(c)
	}
	_, err := c.Verify(x509.VerifyOptions{
		Roots: r.Roots, Intermediates: intermediates, CurrentTime: at,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection},
	})
	return err
}

// addresses returns those of a certificate: of its alternative names, or as older ones have it of its subject
// (RFC 8550 section 3).
func addresses(c *x509.Certificate) []string {
	all := c.EmailAddresses
	for _, name := range c.Subject.Names {
		if address, ok := name.Value.(string); ok && name.Type.Equal(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}) {
			all = append(all, address)
		}
	}
	return all
}
