package api

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

func TestImport(t *testing.T) {
	h := New(Config{Desk: openDesk(t), Tokens: tokensOf(t)})
	line := func(name, reference string) string {
		return fmt.Sprintf(`{"name":%q,"authority":"apd-gba","reference":%q}`+"\n", name, reference)
	}
	post := "POST /v1/flags/import"
	tell(t, h, []step{
		{name: "two names", call: post, headers: []string{"Content-Type: application/x-ndjson"}, body: line("a.be", "1") + "\n" + line("café.be", "2"), status: 200,
			want: []string{`"lines":2`, `"created":2`, `"replaced":0`, `"unchanged":0`, `"generation":1`, `"dry_run":false`}},
		{name: "one new, one other, one same", call: post, body: line("a.be", "1") + line("xn--caf-dma.be", "3") + line("b.be", "1"), status: 200,
			want: []string{`"lines":3`, `"created":1`, `"replaced":1`, `"unchanged":1`, `"generation":2`}},
		{name: "with a key", call: post, headers: []string{"Idempotency-Key: k1"}, body: line("c.be", "1"), status: 200, want: []string{`"created":1`, `"generation":3`}},
		{name: "the key again", call: post, headers: []string{"Idempotency-Key: k1"}, body: line("c.be", "1"), status: 200, want: []string{`"created":1`, `"generation":3`}},
		{name: "the key with another body", call: post, headers: []string{"Idempotency-Key: k1"}, body: line("d.be", "1"), status: 409,
			want: []string{`"location":"header.Idempotency-Key"`, "expected the same body"}},
		{name: "a key with a space", call: post, headers: []string{"Idempotency-Key: a b"}, body: line("d.be", "1"), status: 422, want: []string{"header.Idempotency-Key"}},
		{name: "a key of 201 characters", call: post, headers: []string{"Idempotency-Key: " + strings.Repeat("k", 201)}, body: line("d.be", "1"), status: 422},
		{name: "one bad line refuses all", call: post, body: line("d.be", "1") + line("ac.be", "1") + `{"name":"e.be"}` + "\n", status: 422,
			want: []string{`"location":"body line 2"`, `"value":"ac.be"`, "public suffix", `"location":"body line 3"`, "authority"}},
		{name: "nothing came of it", call: "GET /v1/flags/d.be", status: 404},
		{name: "more than a hundred bad lines", call: post, body: strings.Repeat(line("be", "1"), 103), status: 422, want: []string{`"location":"body line 100"`, "and 3 more"}},
		{name: "an unknown key", call: post, body: `{"name":"d.be","authority":"a","reference":"1","until":"x"}`, status: 422, want: []string{`\"until\"`}},
		{name: "the same name twice", call: post, body: line("d.be", "1") + line("D.be", "2"), status: 422, want: []string{"expected each name once"}},
		{name: "nothing", call: post, body: "\n\n", status: 422, want: []string{"expected at least one line", `"location":"body"`}},
		{name: "JSON", call: post, headers: []string{"Content-Type: application/json"}, body: line("d.be", "1"), status: 415, want: []string{"expected Content-Type application/x-ndjson"}},
		{name: "by a viewer", who: bearer("viewer"), call: post, body: line("d.be", "1"), status: 403},
	})
}

// zeros is a body without end.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

func TestImportOverTheLimit(t *testing.T) {
	desk := fakeDesk{load: func(body io.Reader) (casework.ImportReport, error) {
		n, err := io.Copy(io.Discard, body)
		if n != maxImport {
			t.Errorf("got %d bytes, want the limit %d", n, maxImport)
		}
		return casework.ImportReport{}, &casework.Error{Kind: casework.Invalid, Err: err}
	}}
	r := httptest.NewRequest(http.MethodPost, "/v1/flags/import", zeros{})
	w := httptest.NewRecorder()
	New(Config{Desk: desk}).ServeHTTP(w, as("uid:0")(r))
	if w.Code != http.StatusRequestEntityTooLarge || !strings.Contains(w.Body.String(), "at most 256 MiB") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

func TestExportIsWholeAndCanBeImported(t *testing.T) {
	h := New(Config{Desk: openDesk(t)})
	for _, name := range []string{"b.be", "a.be", "caf%C3%A9.be", "a.vlaanderen"} {
		if got := serve(h, as("uid:0"), http.MethodPut, "/v1/flags/"+name, order); got.Code != http.StatusCreated {
			t.Fatalf("%s: got %d %s", name, got.Code, got.Body)
		}
	}
	exported := func(h http.Handler, query string) *httptest.ResponseRecorder {
		t.Helper()
		got := serve(h, as("uid:0"), http.MethodGet, "/v1/flags/export"+query, "")
		if got.Code != http.StatusOK || got.Header().Get("Content-Type") != ndjson {
			t.Fatalf("got %d %v", got.Code, got.Header())
		}
		return got
	}
	all := exported(h, "")
	if all.Header().Get("Noticeaction-Generation") != "4" || all.Header().Get("Noticeaction-Count") != "4" {
		t.Errorf("got %v, want generation 4 and count 4", all.Header())
	}
	var names []string
	for lines := bufio.NewScanner(strings.NewReader(all.Body.String())); lines.Scan(); {
		var f store.Flag
		if err := json.Unmarshal(lines.Bytes(), &f); err != nil {
			t.Fatal(err)
		}
		names = append(names, f.Name)
	}
	if got := strings.Join(names, " "); got != "a.be a.vlaanderen b.be xn--caf-dma.be" {
		t.Errorf("got %s, want every name in order", got)
	}
	if zone := exported(h, "?zone=be"); zone.Header().Get("Noticeaction-Count") != "3" || strings.Contains(zone.Body.String(), "vlaanderen") {
		t.Errorf("of a zone: got %v\n%s", zone.Header(), zone.Body)
	}
	other := New(Config{Desk: openDesk(t)})
	if got := serve(other, as("uid:0"), http.MethodPost, "/v1/flags/import", all.Body.String()); got.Code != http.StatusOK {
		t.Fatalf("importing an export: got %d %s", got.Code, got.Body)
	}
	digest := func(h http.Handler) string {
		var s struct{ Digest string }
		if err := json.Unmarshal(serve(h, as("uid:0"), http.MethodGet, "/v1/status", "").Body.Bytes(), &s); err != nil {
			t.Fatal(err)
		}
		return s.Digest
	}
	if a, b := digest(h), digest(other); a != b || a == "" {
		t.Errorf("got digests %q and %q, want the same set", a, b)
	}
}

func TestAuditGivesTheStoredLines(t *testing.T) {
	h := New(Config{Desk: openDesk(t)})
	tell(t, h, []step{
		{name: "an empty journal", call: "GET /v1/audit", status: 200, want: []string{`"entries":[]`}, never: "next"},
		{name: "flag", call: "PUT /v1/flags/a.be", body: `{"authority":"a","reference":"<é & \" \u2028>"}`, status: 201},
		{name: "flag another", who: as("uid:7"), call: "PUT /v1/flags/b.be", body: order, status: 201},
		{name: "unflag", call: "DELETE /v1/flags/a.be?reason=x+%26+y", status: 204},
		{name: "of a name", call: "GET /v1/audit?name=A.be.", status: 200, want: []string{`"action":"flag"`, `"action":"unflag"`}, never: "b.be"},
		{name: "after the last number there is", call: "GET /v1/audit?after=18446744073709551615", status: 200, want: []string{`"entries":[]`}, never: "next"},
		{name: "of a bad name", call: "GET /v1/audit?name=a..be", status: 422, want: []string{`"location":"query.name"`}},
	})
	head, after := strings.Repeat("0", 64), "0"
	count := 0
	for after != "" {
		var page struct {
			Entries []json.RawMessage
			Next    json.Number
		}
		got := serve(h, as("uid:0"), http.MethodGet, "/v1/audit?limit=2&after="+after, "")
		if err := json.Unmarshal(got.Body.Bytes(), &page); err != nil {
			t.Fatal(err)
		}
		for _, line := range page.Entries {
			var e store.Entry
			if err := json.Unmarshal(line, &e); err != nil {
				t.Fatal(err)
			}
			if e.Prev != head {
				t.Errorf("line %d: got prev %s, want %s: the line came changed", e.Seq, e.Prev, head)
			}
			sum := sha256.Sum256(line)
			head = hex.EncodeToString(sum[:])
			count++
		}
		after = page.Next.String()
	}
	if status := serve(h, as("uid:0"), http.MethodGet, "/v1/status", "").Body.String(); count != 3 || !strings.Contains(status, head) {
		t.Errorf("got %d lines that end in %s, want 3 that end as in %s", count, head, status)
	}
}

func TestBackupCanBeOpened(t *testing.T) {
	h := New(Config{Desk: openDesk(t), Tokens: tokensOf(t)})
	if got := serve(h, as("uid:0"), http.MethodPut, "/v1/flags/a.be", order); got.Code != http.StatusCreated {
		t.Fatalf("got %d", got.Code)
	}
	got := serve(h, bearer("admin"), http.MethodGet, "/v1/backup", "")
	if got.Code != http.StatusOK || got.Header().Get("Content-Length") != fmt.Sprint(got.Body.Len()) || got.Header().Get("Content-Type") != "application/octet-stream" {
		t.Fatalf("got %d %v with %d bytes", got.Code, got.Header(), got.Body.Len())
	}
	path := filepath.Join(t.TempDir(), "backup.db")
	if err := os.WriteFile(path, got.Body.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.View(func(tx *store.Tx) error {
		if _, ok, err := tx.Flag("a.be"); !ok || err != nil {
			t.Errorf("the flag is not in the copy: %v", err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func TestStreamThatFailsAtOnceIsAProblem(t *testing.T) {
	broken := &casework.Error{Kind: casework.Unavailable, Detail: "the store cannot be read", Err: errors.New("input/output error")}
	var log string
	h := New(Config{Log: func(line string) { log = line }, Desk: fakeDesk{
		export: func(context.Context, func(uint64, int) error, func(lines []byte) error) error { return broken },
		backup: func(context.Context, func(int64) error, io.Writer) error { return broken },
	}})
	for _, path := range []string{"/v1/flags/export", "/v1/backup"} {
		got := serve(h, as("uid:0"), http.MethodGet, path, "")
		if got.Code != http.StatusServiceUnavailable || got.Header().Get("Retry-After") != "60" || strings.Contains(got.Body.String(), "input/output") {
			t.Errorf("%s: got %d %v %s", path, got.Code, got.Header(), got.Body)
		}
		if !strings.Contains(log, "input/output error") {
			t.Errorf("%s: the log has %q, want the cause", path, log)
		}
	}
}

func TestStreamThatFailsLaterIsCut(t *testing.T) {
	broken := errors.New("input/output error")
	log := make(chan string, 2)
	h := New(Config{
		Log: func(line string) { log <- line },
		Desk: fakeDesk{
			export: func(_ context.Context, begin func(uint64, int) error, each func(lines []byte) error) error {
				return errors.Join(begin(1, 2), each([]byte(`{"name":"a.be"}`+"\n")), broken)
			},
			backup: func(_ context.Context, begin func(int64) error, w io.Writer) error {
				_, err := w.Write(make([]byte, 100))
				return errors.Join(begin(200), err, broken)
			},
		}})
	path := filepath.Join(t.TempDir(), "api.sock")
	listen(t, "unix:"+path, h)
	for _, call := range []string{"/v1/flags/export", "/v1/backup"} {
		resp, err := overUnix(t, path).Get("http://localhost" + call)
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		if !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
			t.Errorf("%s: got %v, want the client to notice that the rest is missing", call, err)
		}
		if line := <-log; !strings.Contains(line, "cutting the stream: input/output error") {
			t.Errorf("%s: the log has %q, want the cause", call, line)
		}
	}
}

// deadlines is a connection that notes the last deadlines it was given.
type deadlines struct {
	http.ResponseWriter
	read, write time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error  { d.read = t; return nil }
func (d *deadlines) SetWriteDeadline(t time.Time) error { d.write = t; return nil }

func TestSlowClientsAreGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := &deadlines{ResponseWriter: httptest.NewRecorder()}
		control := http.NewResponseController(conn)
		until := time.Now().Add(streamWhole)
		w := &patientWriter{w: conn, conn: control, until: until}
		r := &patientReader{r: strings.NewReader(strings.Repeat("x", 200)), conn: control, until: until}
		for range 100 { // a client that takes almost as long as it may, each time
			if _, err := w.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			want := earlier(time.Now().Add(streamStall), until)
			if !conn.write.Equal(want) || !conn.read.Equal(want) {
				t.Fatalf("got deadlines %v and %v, want %v", conn.write, conn.read, want)
			}
			time.Sleep(streamStall - time.Second)
		}
		if !conn.write.Equal(until) {
			t.Errorf("got %v, want no deadline after %v however slowly bytes flow", conn.write, until)
		}
	})
}
