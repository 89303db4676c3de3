package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

// against runs nactl against a server that answers as h does.
func against(t *testing.T, h http.HandlerFunc, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	server := httptest.NewServer(h)
	defer server.Close()
	var out, err bytes.Buffer
	code = run(context.Background(), append([]string{"--server", server.URL}, args...), strings.NewReader(""), &out, &err)
	return code, out.String(), err.String()
}

// answer sends the same for every request.
func answer(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for _, line := range headers {
			name, value, _ := strings.Cut(line, ": ")
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestAnswersThatAreNotTheAPIs(t *testing.T) {
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	stall := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "10")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
	file := func(name string) string { return filepath.Join(t.TempDir(), name) }
	tests := []struct {
		name string
		h    http.HandlerFunc
		args []string
		want string
	}{
		{"another program", answer(200, "<html>"), []string{"status"}, "expected the admin API's JSON"},
		{"another program's error", answer(502, "<html>"), []string{"status"}, "502 Bad Gateway, which is not the admin API's way: check --server"},
		{"a redirect is not followed", answer(302, "", "Location: http://192.0.2.1/"), []string{"status"}, "302 Found, which is not the admin API's way"},
		{"a refusal to be repeated later", answer(429, `{"status":429,"title":"Too Many Requests","detail":"expected less"}`, "Retry-After: 7"),
			[]string{"status"}, "429 Too Many Requests: expected less (try again in 7 seconds)"},
		{"no answer in time", hang, []string{"status", "--timeout", "20ms"}, "no answer within 20ms (--timeout)"},
		{"no answer at all", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, []string{"status"}, "it closed the connection without an answer"},
		{"a backup that stops", stall, []string{"backup", file("b"), "--timeout", "20ms"}, "no answer within 20ms (--timeout)"},
		{"an export that lacks lines", answer(200, "{}\n", "Noticeaction-Count: 2", "Noticeaction-Generation: 1"), []string{"export", "-"}, "expected 2 lines, got 1"},
		{"an export that lacks its generation", answer(200, "{}\n"), []string{"export", file("e")}, "expected a number in Noticeaction-Generation"},
		{"an unflag without generation", answer(204, ""), []string{"unflag", "a.be", "--reason", "x"}, "expected a generation"},
		{"an import that is answered with nothing", answer(200, ""), []string{"import", "-"}, "expected the admin API's JSON"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, _, stderr := against(t, tt.h, tt.args...)
			if code != 1 || !strings.Contains(stderr, tt.want) {
				t.Errorf("got %d %q, want 1 and %q", code, stderr, tt.want)
			}
		})
	}
}

func TestForcesAreTheDesks(t *testing.T) {
	var want []string
	for _, f := range casework.Forces() {
		want = append(want, string(f))
	}
	if !slices.Equal(forces, want) {
		t.Errorf("nactl offers %q, the desk has %q", forces, want)
	}
}

// Each run of an import is one of its own, and one whose fate is unknown says how to repeat it.
func TestImportKeys(t *testing.T) {
	var keys []string
	drop := func(_ http.ResponseWriter, r *http.Request) {
		keys = append(keys, r.Header.Get("Idempotency-Key"))
		panic(http.ErrAbortHandler)
	}
	for range 2 {
		code, _, stderr := against(t, drop, "import", "-")
		if want := "repeat it with --idempotency-key " + keys[len(keys)-1]; code != 1 || !strings.Contains(stderr, want) {
			t.Errorf("got %d %q, want 1 and %q", code, stderr, want)
		}
	}
	if keys[0] == "" || keys[0] == keys[1] {
		t.Errorf("two runs had the keys %q", keys)
	}
	refused := answer(422, `{"status":422,"title":"Unprocessable Entity","detail":"no"}`)
	if _, _, stderr := against(t, refused, "import", "-"); strings.Contains(stderr, "--idempotency-key") {
		t.Errorf("a refusal says %q", stderr)
	}
	var out, errs bytes.Buffer
	run(t.Context(), []string{"import", "-", "--server", "unix:" + filepath.Join(t.TempDir(), "none")}, strings.NewReader(""), &out, &errs)
	if strings.Contains(errs.String(), "--idempotency-key") {
		t.Errorf("without a connection it says %q", &errs)
	}
}

func TestDownloadThatIsCutLeavesNothing(t *testing.T) {
	cut := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		w.Header().Set("Noticeaction-Count", "2")
		w.Header().Set("Noticeaction-Generation", "1")
		_, _ = io.WriteString(w, "{}\n")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	for _, command := range []string{"backup", "export"} {
		dir := t.TempDir()
		old := filepath.Join(dir, "file")
		if err := os.WriteFile(old, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		args := []string{command, old}
		if command == "backup" {
			args = append(args, "--overwrite")
		}
		code, _, stderr := against(t, cut, args...)
		if code != 1 || !strings.Contains(stderr, "the server cut the stream") {
			t.Errorf("%s: got %d %q", command, code, stderr)
		}
		if text, err := os.ReadFile(old); err != nil || string(text) != "old" {
			t.Errorf("%s: the old file is %q, %v", command, text, err)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
			t.Errorf("%s: got %v, %v; want nothing left behind", command, entries, err)
		}
	}
}

// journal makes n lines that form a chain.
func journal(n int) []string {
	head := strings.Repeat("0", 64)
	var lines []string
	for seq := 1; seq <= n; seq++ {
		line := fmt.Sprintf(`{"seq":%d,"action":"flag","name":"n%d.be","reason":"<&>","after":{"name":"n%d.be","authority":"apd-gba"},"prev":"%s"}`, seq, seq, seq, head)
		head = sumOf(line)
		lines = append(lines, line)
	}
	return lines
}

func sumOf(line string) string {
	sum := sha256.Sum256([]byte(line))
	return hex.EncodeToString(sum[:])
}

// digestOf is that of the first n flags of journal.
func digestOf(n int) string {
	var d redirect.Digest
	for i := 1; i <= n; i++ {
		d.Add(redirect.Entry{Name: fmt.Sprintf("n%d.be", i), Authority: "apd-gba"})
	}
	return d.String()
}

// serveJournal serves lines in pages of two, and a status.
func serveJournal(lines []string, length int, head, digest string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/status" {
			fmt.Fprintf(w, `{"journal_length":%d,"journal_head":%q,"digest":%q}`, length, head, digest)
			return
		}
		after, _ := strconv.Atoi(r.URL.Query().Get("after")) // none: the start
		page := lines[min(after, len(lines)):min(after+2, len(lines))]
		next := ""
		if after+2 < len(lines) {
			next = fmt.Sprintf(`,"next":%d`, after+2)
		}
		fmt.Fprintf(w, `{"entries":[%s]%s}`, strings.Join(page, ","), next)
	}
}

func TestAuditVerify(t *testing.T) {
	whole := journal(5)
	head := sumOf(whole[4])
	change := func(i int, from, to string) []string {
		lines := slices.Clone(whole)
		lines[i] = strings.Replace(lines[i], from, to, 1)
		return lines
	}
	tests := []struct {
		name   string
		lines  []string
		length int
		head   string
		want   string // empty: unbroken
	}{
		{"whole", whole, 5, head, ""},
		{"empty", nil, 0, strings.Repeat("0", 64), ""},
		{"lines came after the status", whole, 3, sumOf(whole[2]), ""},
		{"a line changed", change(1, "n2.be", "x2.be"), 5, head, "broken at line 3: expected prev"},
		{"a space put in", change(1, `"seq":2,`, `"seq":2, `), 5, head, "broken at line 3: expected prev"},
		{"the last line changed", change(4, "n5.be", "x5.be"), 5, head, "broken at line 5: expected the head"},
		{"a line removed", slices.Delete(slices.Clone(whole), 2, 3), 5, head, "broken at line 3: expected that sequence number, got 4"},
		{"the first line removed", whole[1:], 5, head, "broken at line 1: expected that sequence number, got 2"},
		{"the last line removed", whole[:4], 5, head, "broken at line 5: expected 5 lines, got 4"},
		{"a line put in", slices.Insert(slices.Clone(whole), 2, whole[1]), 5, head, "broken at line 3: expected that sequence number, got 2"},
		{"another head", whole, 5, sumOf("x"), "broken at line 5: expected the head"},
		{"a head without lines", nil, 0, head, "broken at line 0: expected the head"},
		{"a line that is no object", []string{`"x"`}, 1, head, "broken at line 1: expected a JSON object"},
		{"rewritten as a whole", journal(4), 5, head, "broken at line 5: expected 5 lines, got 4"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, stdout, stderr := against(t, serveJournal(tt.lines, tt.length, tt.head, digestOf(tt.length)), "audit", "verify")
			if tt.want == "" {
				if code != 0 || !strings.HasPrefix(stdout, "the journal is unbroken: ") {
					t.Errorf("got %d %q %q", code, stdout, stderr)
				}
				return
			}
			if code != 1 || !strings.Contains(stderr, tt.want) || stdout != "" {
				t.Errorf("got %d %q %q, want 1 and %q", code, stdout, stderr, tt.want)
			}
		})
	}
}

func TestAuditVerifySeesWhatPassedTheJournal(t *testing.T) {
	lines := journal(5)
	for name, digest := range map[string]string{"a flag more": digestOf(6), "a flag less": digestOf(4), "none at all": digestOf(0), "no digest": ""} {
		code, stdout, stderr := against(t, serveJournal(lines, 5, sumOf(lines[4]), digest), "audit", "verify")
		if code != 1 || stdout != "" || !strings.Contains(stderr, "changed past the journal: expected the digest "+digestOf(5)) {
			t.Errorf("%s: got %d %q %q", name, code, stdout, stderr)
		}
	}
}

// What nactl replays is what the desk digests.
func TestReplay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var digest redirect.Digest
		var lines replay
		flags := make(map[string]*redirected)
		for range rapid.IntRange(0, 20).Draw(t, "lines") {
			name := rapid.SampledFrom([]string{"a.be", "b.be", "xn--caf-dma.be"}).Draw(t, "name")
			before, after := flags[name], (*redirected)(nil)
			if rapid.Bool().Draw(t, "flag") {
				after = &redirected{Name: name, Authority: rapid.SampledFrom([]string{"apd-gba", "x"}).Draw(t, "authority")}
				if end := rapid.Int64Range(0, 1<<36).Draw(t, "end"); end > 0 {
					after.NotAfter = time.Unix(end, 0)
				}
			}
			lines.apply(before, after)
			if before != nil {
				digest.Remove(entryOf(before))
			}
			if flags[name] = after; after != nil {
				digest.Add(entryOf(after))
			}
			if lines.digest() != digest.String() {
				t.Fatalf("replayed to %s, want %s", lines.digest(), digest)
			}
		}
	})
}

func entryOf(f *redirected) redirect.Entry {
	return store.Flag{Name: f.Name, Authority: f.Authority, NotAfter: f.NotAfter}.Entry()
}

func TestBackupThatMeetsAFileMeanwhile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "backup.db")
	race := func(w http.ResponseWriter, _ *http.Request) {
		// Somebody takes the name while the copy is under way.
		if err := os.WriteFile(path, []byte("theirs"), 0o600); err != nil {
			panic(err)
		}
		w.Header().Set("Content-Length", "4")
		_, _ = io.WriteString(w, "copy")
	}
	code, _, stderr := against(t, race, "backup", path)
	if text, err := os.ReadFile(path); code != 1 || err != nil || string(text) != "theirs" || !strings.Contains(stderr, "file exists") {
		t.Errorf("got %d %q; the file holds %q, %v", code, stderr, text, err)
	}
}

func TestTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"version":"%d certificates, %s"}`, len(r.TLS.PeerCertificates), r.Header.Get("Authorization"))
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	key, err := x509.MarshalPKCS8PrivateKey(server.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cert, keyFile := file("cert.pem", "CERTIFICATE", server.Certificate().Raw), file("key.pem", "PRIVATE KEY", key)
	t.Setenv("NACTL_TOKEN", "secret")
	for _, tt := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"a CA we do not know", nil, 1, "name the CA that issued the server's certificate with --ca"},
		{"a CA we know", []string{"--ca", cert}, 0, "0 certificates, Bearer secret"},
		{"a client certificate", []string{"--ca", cert, "--cert", cert, "--key", keyFile}, 0, "1 certificates, Bearer secret"},
		{"a CA file without certificates", []string{"--ca", keyFile}, 2, "--ca: expected certificates in PEM form"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			code := run(t.Context(), append([]string{"status", "--server", server.URL}, tt.args...), strings.NewReader(""), &out, &out)
			if code != tt.code || !strings.Contains(out.String(), tt.want) {
				t.Errorf("got %d %q, want %d and %q", code, out.String(), tt.code, tt.want)
			}
		})
	}
}
