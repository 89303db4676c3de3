package intake

import (
	"context"
	"crypto/x509"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// What is as large as a message may be, and made to cost as much as it can.
func TestLargeMessagesTakeBoundedTimeAndMemory(t *testing.T) {
	const head = "From: an@apd-gba.be\r\nSubject: example.be\r\n"
	full := func(start, unit string) string {
		return start + strings.Repeat(unit, (MaxMessage-len(start))/len(unit))
	}
	var parts strings.Builder
	parts.WriteString(head)
	for i := range maxDepth {
		fmt.Fprintf(&parts, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
	}
	objects := func(unit ...byte) string {
		return signedHeader + opaqueType + string(wrap(append(append([]byte{0x30, 0x80}, []byte(strings.Repeat(string(unit), (7<<20)/len(unit)))...), 0, 0)))
	}
	long := make([]byte, 2004)
	copy(long, []byte{0x04, 0x82, 0x07, 0xd0})
	for i := range long[4:] {
		long[4+i] = 1
	}
	for name, message := range map[string]string{
		"lines":              full(head+"\r\nProvisions:\r\n", "a b\r\n"),
		"one line":           full(head+"\r\nProvisions: ", "a;"),
		"labels":             full(head+"\r\n", "Reference: a\r\n"),
		"names":              full(head+"\r\nDomain names:\r\n", "  a.be b.be\r\n"),
		"combining letters":  full(head+"\r\nReference: ", "\u0301"),
		"parts":              full(head+"Content-Type: multipart/mixed; boundary=b\r\n\r\n", "--b\r\n\r\na\r\n"),
		"parts within parts": full(parts.String()+"\r\n", "--a\r\n"),
		"a part's header":    full(head+"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n", "X: a\r\n b\r\n"),
		"a part's parameter": full(head+"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain", "; a*0*=b"),
		"tags":               full(head+"Content-Type: text/html\r\n\r\n", "<p><td>"),
		"an unclosed tag":    full(head+"Content-Type: text/html\r\n\r\n<p ", "a=b "),
		"entities":           full(head+"Content-Type: text/html\r\n\r\n", "&nbsp;"),
		"delimiters":         full(head+"Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; boundary=b\r\n\r\n", "--bb\r\n"),
		"a report":           full(head+"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n", "Action: failed\r\n\r\n"),
		"an old bounce":      full("X-Failed-Recipients: a@b.be\r\n"+head+"\r\n", "Message-ID: <a\r\n"),
		"objects":            objects(0x04, 0x01, 0x01),
		"long objects":       objects(long...),
		"levels":             objects(0x30, 0x80),
		"a header":           head + strings.Repeat("X: a\r\n b\r\n", (maxHeaderLines-4)/2) + "\r\n",
		"a header of names":  head + "DKIM-Signature: v=1; a=ed25519-sha256; b=AA; bh=AA; d=a.be; s=s; h=from" + strings.Repeat(":x", 60000) + "\r\n\r\nx",
		"bare line feeds":    full("Subject: a\n\n", "\n"),
	} {
		t.Run(name, func(t *testing.T) {
			r := reader()
			r.Roots = x509.NewCertPool()
			r.LookupTXT = func(context.Context, string) ([]string, error) { return []string{newDKIMKey(t).record}, nil }
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			checkNotice(t, r.read(t.Context(), []byte(message), received))
			took := time.Since(start)
			runtime.ReadMemStats(&after)
			if allocated := after.TotalAlloc - before.TotalAlloc; took > 30*time.Second || allocated > 1<<30 {
				t.Errorf("took %v and %d MiB for %d bytes", took, allocated>>20, len(message))
			}
		})
	}
}
