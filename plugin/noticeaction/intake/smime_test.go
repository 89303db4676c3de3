package intake

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/smallstep/pkcs7"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

// identity is a certificate and its key.
type identity struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func issue(t testing.TB, by *identity, change func(*x509.Certificate)) identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(received.UnixNano() + int64(len(t.Name()))), Subject: pkix.Name{CommonName: "An Peeters"},
		NotBefore: received.AddDate(-5, 0, 0), NotAfter: received.AddDate(5, 0, 0),
		EmailAddresses: []string{"president@apd-gba.be"},
		KeyUsage:       x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection},
	}
	if change != nil {
		change(template)
	}
	parent := identity{template, key}
	if by != nil {
		parent = *by
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent.cert, &key.PublicKey, parent.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return identity{cert, key}
}

func authorityOf(t testing.TB) identity {
	return issue(t, nil, func(c *x509.Certificate) {
		*c = x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Root"}, NotBefore: c.NotBefore, NotAfter: c.NotAfter,
			IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		}
	})
}

func (id identity) sign(t testing.TB, content []byte, detached bool, digest asn1.ObjectIdentifier, parents ...*x509.Certificate) []byte {
	t.Helper()
	sd, err := pkcs7.NewSignedData(content)
	if err != nil {
		t.Fatal(err)
	}
	sd.SetDigestAlgorithm(digest)
	if err := sd.AddSignerChain(id.cert, id.key, parents, pkcs7.SignerInfoConfig{}); err != nil {
		t.Fatal(err)
	}
	if detached {
		sd.Detach()
	}
	der, err := sd.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return wrap(der)
}

// wrap returns base64 in lines.
func wrap(b []byte) []byte {
	var lines []byte
	for s := base64.StdEncoding.EncodeToString(b); s != ""; {
		n := min(76, len(s))
		lines = append(append(lines, s[:n]...), "\r\n"...)
		s = s[n:]
	}
	return lines
}

const (
	signedHeader = "From: President <president@apd-gba.be>\r\nSubject: Notice & Action: example.be\r\nMIME-Version: 1.0\r\n"
	signedText   = "Content-Type: text/plain\r\n\r\nReference: DOS-1\r\nOffice: Inspector General\r\nSignature: by hand\r\n"
	opaqueType   = "Content-Type: application/pkcs7-mime; smime-type=signed-data; name=smime.p7m\r\nContent-Transfer-Encoding: base64\r\n\r\n"
)

func detached(content string, signature []byte) []byte {
	return []byte(signedHeader + "Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; micalg=sha-256; boundary=\"b\"\r\n\r\n" +
		"Preamble\r\n--b\r\n" + content + "\r\n--b\r\nContent-Type: application/pkcs7-signature\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
		string(signature) + "\r\n--b--\r\n")
}

func TestSMIME(t *testing.T) {
	root := authorityOf(t)
	an := issue(t, &root, nil)
	between := issue(t, &root, func(c *x509.Certificate) {
		c.Subject.CommonName, c.EmailAddresses, c.ExtKeyUsage = "Between", nil, nil
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	})
	issued := issue(t, &between, nil)
	sha256, sha1 := pkcs7.OIDDigestAlgorithmSHA256, pkcs7.OIDDigestAlgorithmSHA1
	by := func(id identity) []byte { return detached(signedText, id.sign(t, []byte(signedText), true, sha256)) }
	opaque := func(id identity) []byte {
		return append([]byte(signedHeader+opaqueType), id.sign(t, []byte(signedText), false, sha256)...)
	}
	but := func(change func(*x509.Certificate)) identity { return issue(t, &root, change) }
	for name, tc := range map[string]struct {
		message []byte
		smime   string
	}{
		"detached":  {by(an), "valid: president@apd-gba.be"},
		"opaque":    {opaque(an), "valid: president@apd-gba.be"},
		"with LF":   {bytes.ReplaceAll(by(an), []byte("\r\n"), []byte("\n")), "valid: president@apd-gba.be"},
		"of a case": {by(but(func(c *x509.Certificate) { c.EmailAddresses = []string{"President@APD-GBA.be"} })), "valid: president@apd-gba.be"},
		"changed": {
			detached(strings.Replace(signedText, "DOS-1", "DOS-2", 1), an.sign(t, []byte(signedText), true, sha256)),
			"invalid: the message is not the one that was signed",
		},
		"of another address": {by(but(func(c *x509.Certificate) { c.EmailAddresses = []string{"x@example.net"} })), "invalid: expected a certificate of the sender's address"},
		"that has expired": {by(but(func(c *x509.Certificate) {
			c.NotAfter = time.Now().Add(time.Hour)
			c.NotBefore = time.Now().Add(-time.Hour)
		})), "invalid: certificate has expired or is not yet valid"},
		"of no root":      {by(issue(t, nil, nil)), "invalid: certificate signed by unknown authority"},
		"by a web server": {by(but(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })), "invalid: certificate specifies an incompatible key usage"},
		"for encryption":  {by(but(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment })), "invalid: expected a certificate for signatures"},
		"with SHA-1":      {detached(signedText, an.sign(t, []byte(signedText), true, sha1)), "invalid: expected a digest of SHA-2, got a weak one"},
		"with what is between": {
			detached(signedText, issued.sign(t, []byte(signedText), true, sha256, between.cert)), "valid: president@apd-gba.be",
		},
		"without what is between": {by(issued), "invalid: certificate signed by unknown authority"},
		"that is garbage":         {detached(signedText, wrap([]byte("garbage"))), "invalid: expected CMS"},
		"that is not base64":      {detached(signedText, []byte("!!!\r\n")), "invalid: expected a signature of at most 256 KiB in base64"},
		"that is missing":         {[]byte(signedHeader + "Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; boundary=b\r\n\r\n--b\r\n" + signedText), "invalid: expected a signed part and its signature"},
		"that is too deep":        {append([]byte(signedHeader+opaqueType), wrap(bytes.Repeat([]byte{0x30, 0x80}, 1<<20))...), "invalid: expected CMS in BER of at most 24 levels"},
		"without":                 {[]byte(signedHeader + signedText), "none"},
	} {
		t.Run(name, func(t *testing.T) {
			r := reader()
			r.Roots = x509.NewCertPool()
			r.Roots.AddCert(root.cert)
			n := r.Read(t.Context(), tc.message, received)
			if !strings.HasPrefix(n.SMIME, tc.smime) {
				t.Errorf("got %q, want %q", n.SMIME, tc.smime)
			}
			wantAuthority, wantSignature := "", "by hand"
			if strings.HasPrefix(tc.smime, "valid") {
				wantAuthority, wantSignature = "apd-gba", "S/MIME, valid: An Peeters"
			}
			if n.Status == store.Draft && n.Draft.Reference != "" && (n.Draft.Authority != wantAuthority || n.Draft.Signature != wantSignature) {
				t.Errorf("got authority %q, signature %q, want %q, %q: %s", n.Draft.Authority, n.Draft.Signature, wantAuthority, wantSignature, n.Problem)
			}
			if wantAuthority != "" && n.Status != store.Draft {
				t.Errorf("got %s, want a draft", n.Status)
			}
		})
	}
}

func TestSMIMEWithoutRootsProvesNothing(t *testing.T) {
	an := issue(t, nil, nil)
	n := reader().Read(t.Context(), detached(signedText, an.sign(t, []byte(signedText), true, pkcs7.OIDDigestAlgorithmSHA256)), received)
	if !strings.HasPrefix(n.SMIME, "invalid: expected roots") || n.Draft.Authority != "" {
		t.Errorf("got %q, authority %q", n.SMIME, n.Draft.Authority)
	}
}

// OpenSSL signs as mail programs do: with RSA or EC keys, streamed, in text or binary, through both commands.
func TestSMIMEByOpenSSL(t *testing.T) {
	dir := t.TempDir()
	root := authorityOf(t)
	an := issue(t, &root, nil)
	key, err := x509.MarshalPKCS8PrivateKey(an.key)
	if err != nil {
		t.Fatal(err)
	}
	file := func(name, kind string, b []byte) string {
		path := filepath.Join(dir, name)
		if kind != "" {
			b = pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b})
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	// More than one chunk of a stream.
	content := file("content", "", []byte(signedText+strings.Repeat("Words that say nothing.\r\n", 2000)))
	common := []string{
		"-sign", "-in", content, "-signer", file("cert.pem", "CERTIFICATE", an.cert.Raw), "-inkey", file("key.pem", "PRIVATE KEY", key),
		"-from", "president@apd-gba.be", "-subject", "Notice & Action: example.be",
	}
	r := reader()
	r.Roots = x509.NewCertPool()
	r.Roots.AddCert(root.cert)
	for name, args := range map[string][]string{
		"smime detached": {"smime"}, "smime opaque": {"smime", "-nodetach", "-binary"}, "smime streamed": {"smime", "-nodetach", "-stream", "-binary"},
		"cms detached": {"cms"}, "cms opaque": {"cms", "-nodetach", "-binary"}, "cms streamed": {"cms", "-nodetach", "-stream", "-binary"},
		"cms without attributes": {"cms", "-noattr"},
	} {
		t.Run(name, func(t *testing.T) {
			message, err := exec.CommandContext(t.Context(), "openssl", append(args, common...)...).Output()
			if err != nil {
				t.Fatalf("openssl: %v", err)
			}
			n := r.Read(t.Context(), message, time.Now())
			if n.SMIME != "valid: president@apd-gba.be" || n.Status != store.Draft || n.Draft.Reference != "DOS-1" || n.Draft.Authority != "apd-gba" {
				t.Errorf("got %q, %s, reference %q, authority %q: %s", n.SMIME, n.Status, n.Draft.Reference, n.Draft.Authority, n.Problem)
			}
		})
	}
}

func TestEncryptedMail(t *testing.T) {
	der, err := pkcs7.Encrypt([]byte(signedText), nil)
	if err != nil {
		t.Fatal(err)
	}
	n := reader().Read(t.Context(), append([]byte(signedHeader+opaqueType), wrap(der)...), received)
	if n.Status != store.Unreadable || n.Problem != "expected a message that is not encrypted" {
		t.Errorf("got %s, %q", n.Status, n.Problem)
	}
}
