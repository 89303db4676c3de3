package warnpage

import (
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/page"
)

func TestAnswers(t *testing.T) {
	tests := []struct {
		name, method, target, host string
		status                     int
		part                       string // of the body
	}{
		{"a flagged name", "GET", "/", "example.be", 451, "example.be"},
		{"below it, any path", "GET", "/a/b?c=d", "a.b.example.be", 451, "example.be"},
		{"another method", "POST", "/", "example.be", 451, "example.be"},
		{"an unknown method", "BREW", "/", "example.be", 451, "example.be"},
		{"the server's options", "OPTIONS", "*", "example.be", 451, "example.be"},
		{"the start of a tunnel", "CONNECT", "/", "example.be", 451, "example.be"},
		{"in U-labels", "GET", "/", "café.be", 451, "café.be"},
		{"of an authority without a page", "GET", "/", "other.be", 451, "gaming-commission"},
		{"what looks like the challenge of a CA", "GET", "/.well-known/acme-challenge/x", "example.be", 451, "example.be"},
		{"its security.txt", "GET", securityPath, "example.be", 200, "Contact: mailto:abuse@dns.example\n"},
		{"its security.txt by another method", "POST", securityPath, "example.be", 451, "example.be"},
		{"a name that is not flagged", "GET", "/", "free.be", 421, "There is nothing here"},
		{"its security.txt", "GET", securityPath, "free.be", 421, "There is nothing here"},
		{"no host", "GET", "/", "", 421, "There is nothing here"},
		{"an address", "GET", "/", "192.0.2.80", 421, "There is nothing here"},
		{"the warning host", "GET", "/", "warning.authority.example", 404, "There is nothing here"},
		{"its security.txt", "GET", securityPath, "WARNING.authority.example.", 200, "Expires: 2026-11-08T00:00:00Z\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := ask(New(config()), tt.method, tt.target, tt.host)
			if got.Code != tt.status || !strings.Contains(got.Body.String(), tt.part) {
				t.Errorf("got %d, want %d with %q:\n%s", got.Code, tt.status, tt.part, got.Body)
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	common := map[string]string{
		"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Robots-Tag": "noindex", "Referrer-Policy": "no-referrer",
		"Connection": "close",
	}
	html := map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Content-Language": "en", "Vary": "Accept-Language", "Content-Security-Policy": page.Policy,
	}
	maps.Copy(html, common)
	blocked := maps.Clone(html)
	blocked["Link"] = `<https://www.dnsbelgium.be/>; rel="blocked-by"`
	text := maps.Clone(common)
	text["Content-Type"] = "text/plain; charset=utf-8"
	for name, tt := range map[string]struct {
		target, host string
		want         map[string]string
	}{
		"the page":                {"/", "example.be", blocked},
		"what is not flagged":     {"/", "free.be", html},
		"the warning host":        {"/", "warning.authority.example", html},
		"where abuse is reported": {securityPath, "example.be", text},
	} {
		t.Run(name, func(t *testing.T) {
			got := ask(New(config()), http.MethodGet, tt.target, tt.host).Header()
			got.Del("Content-Length")
			if len(got) != len(tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			for header, want := range tt.want {
				if got.Get(header) != want {
					t.Errorf("%s: got %q, want %q", header, got.Get(header), want)
				}
			}
		})
	}
}

func TestLanguages(t *testing.T) {
	tests := []struct{ name, accept, target, want string }{
		{"none", "", "/", "en"},
		{"one of ours", "nl", "/", "nl"},
		{"with a region", "fr-BE", "/", "fr"},
		{"by weight", "pl, de;q=0.3, fr;q=0.7", "/", "fr"},
		{"the best of several", "de-AT,de;q=0.9,en;q=0.8", "/", "de"},
		{"a near one", "lb", "/", "de"},
		{"none of ours", "ja, zh;q=0.5", "/", "en"},
		{"any", "*", "/", "en"},
		{"nonsense", ";;;q=,", "/", "en"},
		{"one of ours beside nonsense", "nl-BE, abcdefghijkl;q=0.3", "/", "nl"},
		{"a weight that is none", "nl;q=x, fr;q=0.2", "/", "fr"},
		{"far too much", strings.Repeat("nl,", 1000), "/", "en"},
		{"chosen by a link", "nl", "/x?lang=de", "de"},
		{"chosen, and not there", "nl", "/?lang=pl", "nl"},
		{"the site's own query", "nl", "/?a=b;c&lang=fr", "fr"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := ask(New(config()), http.MethodGet, tt.target, "example.be", "Accept-Language", tt.accept)
			if got.Header().Get("Content-Language") != tt.want || !strings.Contains(got.Body.String(), `<html lang="`+tt.want+`">`) {
				t.Errorf("%q: got %s, want %s", tt.accept, got.Header().Get("Content-Language"), tt.want)
			}
		})
	}
}

func TestLanguagesInSeveralLines(t *testing.T) {
	got := ask(New(config()), http.MethodGet, "/", "example.be", "Accept-Language", "ja", "Accept-Language", "nl;q=0.5")
	if language := got.Header().Get("Content-Language"); language != "nl" {
		t.Errorf("got %s, want nl", language)
	}
}

// Who asks for any host there is, to keep the machine busy, gets an answer that is as cheap as the page.
func TestStrangersCostNoMoreThanVisitors(t *testing.T) {
	h := New(config())
	allocations := func(host string) float64 {
		return testing.AllocsPerRun(100, func() { ask(h, http.MethodGet, "/", host) })
	}
	if visitor, stranger := allocations("example.be"), allocations("stranger.example"); stranger > visitor+5 {
		t.Errorf("got %.0f allocations for a host that is not flagged, and %.0f for one that is", stranger, visitor)
	}
}

func TestWithoutAnAbuseContact(t *testing.T) {
	c := config()
	c.Abuse = ""
	for host, want := range map[string]int{"example.be": 451, "warning.authority.example": 404} {
		if got := ask(New(c), http.MethodGet, securityPath, host); got.Code != want {
			t.Errorf("%s: got %d, want %d", host, got.Code, want)
		}
	}
}

// The page that an authority has now is shown, at once.
func TestAChangedPage(t *testing.T) {
	c := config()
	now := page.Default("apd-gba")
	c.Page = func(string) *page.Page { return now }
	h := New(c)
	for _, text := range []string{"# First\n\nx", "# Second\n\nx"} {
		p, err := page.New(page.Content{Texts: page.Texts{NL: text, FR: text, DE: text, EN: text}})
		if err != nil {
			t.Fatal(err)
		}
		now = p
		title, _, _ := strings.Cut(text[2:], "\n")
		for range 2 {
			if got := ask(h, http.MethodGet, "/", "example.be").Body.String(); !strings.Contains(got, title+"</h1>") {
				t.Errorf("expected %s in\n%s", title, got)
			}
		}
	}
}

func TestTheNameIsEscaped(t *testing.T) {
	c := config()
	c.Find = func(string) (Redirect, bool) { return Redirect{Name: `<b>"&`, Authority: "apd-gba"}, true }
	if got := ask(New(c), http.MethodGet, "/", "x.be").Body.String(); !strings.Contains(got, "<bdi>&lt;b&gt;&#34;&amp;</bdi>") {
		t.Errorf("got %s", got)
	}
}

func TestAnswersAreCounted(t *testing.T) {
	var c counted
	config := config()
	config.Observe = c.observe
	h := New(config)
	ask(h, http.MethodGet, "/?lang=nl", "example.be")
	ask(h, http.MethodHead, "/?lang=nl", "www.example.be")
	ask(h, http.MethodGet, "/", "free.be")
	ask(h, http.MethodGet, securityPath, "example.be")
	want := map[string]int{"Unavailable For Legal Reasons nl": 2, "Misdirected Request en": 1, "OK ": 1}
	if !maps.Equal(c.of, want) {
		t.Errorf("got %v, want %v", c.of, want)
	}
}

func TestTheChallengeComesFirst(t *testing.T) {
	c := config()
	c.Challenge = func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/.well-known/acme-challenge/") {
				_, _ = io.WriteString(w, "token")
				return
			}
			next.ServeHTTP(w, r)
		})
	}
	h := New(c)
	if got := ask(h, http.MethodGet, "/.well-known/acme-challenge/x", "example.be"); got.Code != 200 || got.Body.String() != "token" {
		t.Errorf("got %d %s", got.Code, got.Body)
	}
	if got := ask(h, http.MethodGet, "/", "example.be"); got.Code != 451 {
		t.Errorf("got %d", got.Code)
	}
}

// A fault of ours is logged without the visitor's address, and ends only his connection.
func TestAPanicIsLoggedWithoutTheVisitor(t *testing.T) {
	c := config()
	logged := make(chan string, 10)
	c.Find = func(string) (Redirect, bool) { panic("no table") }
	c.Log = func(line string) { logged <- line }
	s := serve(t, New(c))
	if got, err := http.Get("http://" + s.Addr()); err == nil {
		got.Body.Close()
		t.Errorf("got %s", got.Status)
	}
	if line := <-logged; !strings.Contains(line, "panic: no table") || strings.Contains(line, "127.0.0.1") {
		t.Errorf("logged %q", line)
	}
}

func BenchmarkPage(b *testing.B) {
	h := New(config())
	b.ReportAllocs()
	for b.Loop() {
		ask(h, http.MethodGet, "/", "www.example.be", "Accept-Language", "nl-BE,nl;q=0.9,en;q=0.8")
	}
}
