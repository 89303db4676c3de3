package orders

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	maxKeys            = 2
	minBytes, maxBytes = 24, 64 // of a key: Standard Webhooks 1.0.0, "Signature scheme"
	keyPrefix          = "whsec_"
)

// Key is a secret that is shared with the receiver. It is not shown when printed.
type Key struct{ secret []byte }

// String says that there is a key, and not which.
func (Key) String() string { return "(key)" }

// GoString is String for %#v.
func (k Key) GoString() string { return k.String() }

// ReadKeys reads a file with one key a line, or two while one gives way to the other: "whsec_" and 24 to 64
// bytes in base64. Empty lines and those that begin with # say nothing.
func ReadKeys(path string) ([]Key, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the key file: %w", err)
	}
	var keys []Key
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		encoded, prefixed := strings.CutPrefix(line, keyPrefix)
		secret, err := base64.StdEncoding.DecodeString(encoded)
		if !prefixed || err != nil || len(secret) < minBytes || len(secret) > maxBytes {
			return nil, fmt.Errorf("%s:%d: expected %sBASE64 of %d to %d bytes", path, number, keyPrefix, minBytes, maxBytes)
		}
		keys = append(keys, Key{secret})
	}
	if n := len(keys); n < 1 || n > maxKeys {
		return nil, fmt.Errorf("%s: expected 1 to %d keys, got %d", path, maxKeys, n)
	}
	return keys, nil
}

// sign sets the headers of Standard Webhooks, with a signature by each key.
func sign(h http.Header, keys []Key, id string, at time.Time, body []byte) {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	var signatures []string
	for _, k := range keys {
		mac := hmac.New(sha256.New, k.secret)
		fmt.Fprintf(mac, "%s.%s.%s", id, timestamp, body)
		signatures = append(signatures, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	h.Set("Webhook-Id", id)
	h.Set("Webhook-Timestamp", timestamp)
	h.Set("Webhook-Signature", strings.Join(signatures, " "))
}
