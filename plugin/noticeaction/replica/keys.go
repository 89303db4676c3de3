package replica

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
)

const (
	keyIDSize = 8
	sealSize  = keyIDSize + ed25519.SignatureSize
)

// keyID tells keys apart: the first bytes of the SHA-256 of the public key.
type keyID [keyIDSize]byte

func idOf(key ed25519.PublicKey) (id keyID) {
	sum := sha256.Sum256(key)
	copy(id[:], sum[:])
	return id
}

// Signer signs for the publisher. Immutable.
type Signer struct {
	key ed25519.PrivateKey
	id  keyID
}

// NewSigner returns a signer with that key.
func NewSigner(key ed25519.PrivateKey) *Signer {
	return &Signer{key: key, id: idOf(key.Public().(ed25519.PublicKey))}
}

// ID names the key, in hex.
func (s *Signer) ID() string { return hex.EncodeToString(s.id[:]) }

// Keys returns the one public key that belongs to the signer.
func (s *Signer) Keys() Keys { return Keys{s.id: s.key.Public().(ed25519.PublicKey)} }

// Keys are the public keys that a follower trusts. Not changed once made.
type Keys map[keyID]ed25519.PublicKey

// NewKeys returns the keys as a follower trusts them.
func NewKeys(keys ...ed25519.PublicKey) Keys {
	all := make(Keys, len(keys))
	for _, k := range keys {
		all[idOf(k)] = k
	}
	return all
}

// ReadSigner reads the publisher's key: one Ed25519 private key, PKCS #8 in PEM form.
func ReadSigner(file string) (*Signer, error) {
	var found []ed25519.PrivateKey
	err := readPEM(file, "PRIVATE KEY", func(der []byte) error {
		key, err := x509.ParsePKCS8PrivateKey(der)
		private, ok := key.(ed25519.PrivateKey)
		if err == nil && !ok {
			err = errors.New("a key of another kind")
		}
		found = append(found, private)
		return err
	})
	if err != nil || len(found) != 1 {
		return nil, unfitKeys(file, "one Ed25519 private key, PKCS #8 in PEM form", err)
	}
	return NewSigner(found[0]), nil
}

// ReadKeys reads what a follower trusts: one or more Ed25519 public keys in PEM form.
func ReadKeys(file string) (Keys, error) {
	var found []ed25519.PublicKey
	err := readPEM(file, "PUBLIC KEY", func(der []byte) error {
		key, err := x509.ParsePKIXPublicKey(der)
		public, ok := key.(ed25519.PublicKey)
		if err == nil && !ok {
			err = errors.New("a key of another kind")
		}
		found = append(found, public)
		return err
	})
	if err != nil || len(found) == 0 {
		return nil, unfitKeys(file, "Ed25519 public keys in PEM form", err)
	}
	return NewKeys(found...), nil
}

func unfitKeys(file, expected string, err error) error {
	if err == nil {
		return fmt.Errorf("expected %s in %s", expected, file)
	}
	return fmt.Errorf("expected %s in %s: %w", expected, file, err)
}

// readPEM passes on each block of a file, all of which must be of that type.
func readPEM(file, blockType string, take func(der []byte) error) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return nil
		}
		if block.Type != blockType {
			return fmt.Errorf("found a block %q", block.Type)
		}
		if err := take(block.Bytes); err != nil {
			return err
		}
	}
}

// What is signed is told apart by these.
const (
	recordDomain = "coredns-na noticeaction record 1"
	headDomain   = "coredns-na noticeaction head 1"
)

// message is what is signed: all parts, each after its length.
func message(parts ...[]byte) []byte {
	size := 0
	for _, p := range parts {
		size += 4 + len(p)
	}
	m := make([]byte, 0, size)
	for _, p := range parts {
		m = binary.BigEndian.AppendUint32(m, uint32(len(p)))
		m = append(m, p...)
	}
	return m
}

// seal appends the key's id and the signature of the message.
func (s *Signer) seal(b, message []byte) []byte {
	b = append(b, s.id[:]...)
	return append(b, ed25519.Sign(s.key, message)...)
}

// unseal splits what seal made. It does not check the signature.
func unseal(b []byte) (body, seal []byte, ok bool) {
	n := len(b) - sealSize
	if n < 0 {
		return nil, nil, false
	}
	return b[:n:n], b[n:], true
}

// sealed tells whether a value names the signer's key. It does not check the signature.
func (s *Signer) sealed(value []byte) bool {
	_, seal, ok := unseal(value)
	return ok && keyID(seal[:keyIDSize]) == s.id
}

func (k Keys) verify(message, seal []byte) bool {
	key, ok := k[keyID(seal[:keyIDSize])]
	return ok && ed25519.Verify(key, message, seal[keyIDSize:])
}
