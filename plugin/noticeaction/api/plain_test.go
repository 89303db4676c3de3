package api

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
)

// general has huma answer a flag call whatever its form: a percent-encoded letter means the same.
func general(path string) string {
	name := strings.TrimPrefix(path, "/v1/flags/")
	return "/v1/flags/%" + map[byte]string{'e': "65", 's': "73", 'f': "66", 'w': "77"}[name[0]] + name[1:]
}

// A request of the form that most programs give it is answered as huma would answer it, and all others by huma.
func TestPlainIsAnsweredAsAnyOther(t *testing.T) {
	long := func(n int) string { return `{"authority":"apd-gba","reference":"` + strings.Repeat("r", n) + `"}` }
	steps := []struct {
		name, path, body string
		plain            bool
		headers          []string
	}{
		{"flagged", "/v1/flags/example.be", order, true, nil},
		{"again", "/v1/flags/example.be", order, true, nil},
		{"replaced, with a note", "/v1/flags/example.be", `{"reference":"DOS-2","note":"<é> & more","authority":"apd-gba"}`, true, nil},
		{"spaces", "/v1/flags/example.be?dry_run=true", `{"authority": "apd-gba", "reference": "DOS-3"}`, true, nil},
		{"forced", "/v1/flags/forced.be?force=brake,not-delegated", order, true, nil},
		{"forced, a dry run", "/v1/flags/forced2.be?dry_run=true&force=brake", order, true, nil},
		{"nothing seen is a warning", "/v1/flags/silent.be", order, true, nil},
		{"refused: protected", "/v1/flags/fgov.be", order, true, nil},
		{"refused: the page's host", "/v1/flags/e.warn.page.be", order, true, nil},
		{"refused: no name", "/v1/flags/e..be", order, true, nil},
		{"refused: another zone", "/v1/flags/example.com", order, true, nil},
		{"a control character is refused by the desk", "/v1/flags/example.be", "{\"authority\":\"apd-gba\",\"reference\":\"a\x7f\"}", true, nil},
		{"a reference as long as may be", "/v1/flags/example.be", long(200), true, nil},

		{"a reference that is too long", "/v1/flags/example.be", long(201), false, nil},
		{"a long body", "/v1/flags/example.be", order[:len(order)-1] + strings.Repeat(" ", maxPlain) + "}", false, nil},
		{"no body", "/v1/flags/example.be", "", false, nil},
		{"half a body", "/v1/flags/example.be", order[:20], false, nil},
		{"more than a body", "/v1/flags/example.be", order + "{}", false, nil},
		{"no reference", "/v1/flags/example.be", `{"authority":"apd-gba"}`, false, nil},
		{"an empty reference", "/v1/flags/example.be", `{"authority":"apd-gba","reference":""}`, false, nil},
		{"a bad authority", "/v1/flags/example.be", `{"authority":"APD","reference":"1"}`, false, nil},
		{"a key twice", "/v1/flags/example.be", `{"authority":"apd-gba","reference":"1","note":"","note":"2"}`, false, nil},
		{"a key in capitals", "/v1/flags/example.be", `{"Authority":"apd-gba","reference":"1"}`, false, nil},
		{"an unknown key", "/v1/flags/example.be", `{"authority":"apd-gba","reference":"1","x":"y"}`, false, nil},
		{"an escape", "/v1/flags/example.be", `{"authority":"apd-gba","reference":"\u0041"}`, false, nil},
		{"no text", "/v1/flags/example.be", `{"authority":"apd-gba","reference":1}`, false, nil},
		{"not UTF-8", "/v1/flags/example.be", "{\"authority\":\"apd-gba\",\"reference\":\"\xff\"}", false, nil},
		{"an end", "/v1/flags/soon.be", `{"authority":"apd-gba","reference":"1","not_after":"2026-06-12T18:00:00Z"}`, false, nil},
		{"an unknown force", "/v1/flags/example.be?force=luck", order, false, nil},
		{"force twice", "/v1/flags/example.be?force=brake&force=brake", order, false, nil},
		{"an empty force", "/v1/flags/example.be?force=", order, false, nil},
		{"dry run or not", "/v1/flags/example.be?dry_run=maybe", order, false, nil},
		{"an unknown parameter", "/v1/flags/example.be?dryrun=true", order, false, nil},
		{"a parameter that is encoded", "/v1/flags/example.be?force=br%61ke", order, false, nil},
		{"if absent", "/v1/flags/example.be", order, false, []string{"If-None-Match: *"}},
		{"the tag that it has", "/v1/flags/example.be", order, false, []string{`If-Match: "3"`}},
		{"a charset", "/v1/flags/example.be", order, false, []string{"Content-Type: application/json; charset=utf-8"}},
	}
	plainly, generally := New(Config{Desk: openDesk(t)}), New(Config{Desk: openDesk(t)})
	for _, s := range steps {
		t.Run(s.name, func(t *testing.T) {
			headers := append([]string{"Content-Type: application/json"}, s.headers...)
			got := serve(plainly, as("uid:1000"), http.MethodPut, s.path, s.body, headers...)
			want := serve(generally, as("uid:1000"), http.MethodPut, general(s.path), s.body, headers...)
			if s.plain && want.Code < 300 { // net/http adds it to the other one
				want.Header().Set("Content-Length", strconv.Itoa(want.Body.Len()))
			}
			if got.Code != want.Code || got.Body.String() != want.Body.String() || !maps.EqualFunc(got.Header(), want.Header(), func(a, b []string) bool {
				return strings.Join(a, "\n") == strings.Join(b, "\n")
			}) {
				t.Errorf("got %d %v\n%s\nwant %d %v\n%s", got.Code, got.Header(), got.Body, want.Code, want.Header(), want.Body)
			}
			r := httptest.NewRequest(http.MethodPut, s.path, strings.NewReader(s.body))
			for _, line := range headers {
				name, value, _ := strings.Cut(line, ": ")
				r.Header.Set(name, value)
			}
			if _, plain := readPlain(httptest.NewRecorder(), r); plain != s.plain {
				t.Errorf("plain: %t, want %t", plain, s.plain)
			}
		})
	}
}

// Who waits for the reply does not wait for the log.
func TestReplyBeforeTheLog(t *testing.T) {
	replied, logged := make(chan struct{}), make(chan error, 1)
	h := New(Config{Desk: openDesk(t), Log: func(string) {
		select {
		case <-replied:
			logged <- nil
		case <-time.After(10 * time.Second):
			logged <- errors.New("expected the reply before the line of the log is written")
		}
	}})
	path := filepath.Join(t.TempDir(), "api.sock")
	listen(t, "unix:"+path, h)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://desk/v1/flags/example.be", strings.NewReader(order))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := overUnix(t, path).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusCreated {
		t.Fatalf("got %s, %v; expected 201", resp.Status, err)
	}
	close(replied)
	if err := <-logged; err != nil {
		t.Error(err)
	}
}

// A body that does not arrive whole flags nothing, whatever of it did, and its failure is told as huma tells it.
func TestPlainBodyThatBreaksOff(t *testing.T) {
	for _, failure := range []error{io.ErrUnexpectedEOF, os.ErrDeadlineExceeded, &http.MaxBytesError{Limit: 1}} {
		for _, came := range []string{"", order[:20], order} {
			ask := func(path string) *httptest.ResponseRecorder {
				h := New(Config{Desk: openDesk(t)})
				r := httptest.NewRequest(http.MethodPut, path, io.MultiReader(strings.NewReader(came), &breaksOff{err: failure}))
				r.ContentLength = int64(len(order) + 40)
				r.Header.Set("Content-Type", "application/json")
				w := httptest.NewRecorder()
				h.ServeHTTP(w, as("uid:1000")(r))
				if flag := serve(h, as("uid:1000"), http.MethodGet, "/v1/flags/example.be", ""); flag.Code != http.StatusNotFound {
					t.Errorf("%v after %q: the flag is there: %d", failure, came, flag.Code)
				}
				return w
			}
			got, want := ask("/v1/flags/example.be"), ask(general("/v1/flags/example.be"))
			if got.Code != want.Code || got.Code < 400 || got.Body.String() != want.Body.String() {
				t.Errorf("%v after %q: got %d %s\nwant %d %s", failure, came, got.Code, got.Body, want.Code, want.Body)
			}
		}
	}
}

// breaksOff fails once and then ends, as the body of a connection does.
type breaksOff struct{ err error }

func (b *breaksOff) Read([]byte) (int, error) {
	err := b.err
	b.err = io.EOF
	return 0, err
}

// FuzzPlainBody: what is taken from a body is what encoding/json reads there, and nothing that it refuses is taken.
func FuzzPlainBody(f *testing.F) {
	for _, seed := range []string{order, another, `{"authority": "a", "note": "", "reference": "é"}`, `{"authority":"a","reference":"b","authority":"c"}`, "{}", `{"authority":"a","reference":"b"}{}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, ok := plainBody(text)
		if !ok {
			return
		}
		var want flagBody
		if err := strictJSON.Unmarshal(text, &want); err != nil {
			t.Fatalf("taken although encoding/json says %v", err)
		}
		if err := casework.CheckJSON(text); err != nil {
			t.Fatalf("taken although strictly it is not to be: %v", err)
		}
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}
