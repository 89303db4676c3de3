// Package warnpage serves the warning page to the visitors of redirected names, over HTTP and HTTPS: status
// 451 in place, whatever was asked for (RFC 7725), in the visitor's language.
//
// It reads no request body, sets no cookie, and neither logs nor keeps anything about a visitor. Who sends
// slowly, much or nothing is cut off: memory is bounded whatever arrives. It does not know which names are
// flagged, nor what an authority's page says: it asks what it is given, on each request, without waiting. It
// issues no certificates.
package warnpage

import (
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/authority"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/page"
)

// Redirect is why a host is answered with a warning page.
type Redirect struct {
	Name      string // the flagged name, for people: in U-labels, without final dot
	Authority string // the id of who ordered it
}

// Config is what a Handler is made of. Its functions are called concurrently, on every request: they must not
// wait.
type Config struct {
	Hosts       []string                             // the warning hosts, in lowercase A-labels, without final dot
	Find        func(host string) (Redirect, bool)   // whether a host, written likewise, lies at or below a flagged name
	Page        func(authority string) *page.Page    // what an authority's page says; never nil
	Authorities *authority.Directory                 // what they are called
	Abuse       string                               // where abuse is reported, as a mailto or https URL; empty: there is no security.txt
	Challenge   func(next http.Handler) http.Handler // nil, or answers the challenges of a certificate authority before anything else
	Observe     func(status int, language string)    // nil, or told of each answer; the language is empty for one that has none
	Log         func(line string)                    // nil, or told of each failure of the server
	Now         func() time.Time                     // nil: time.Now
}

// Handler answers visitors. It is immutable; a reload makes a new one.
type Handler struct {
	Config
	hosts     map[string]bool
	documents documents
	nothing   map[string][]byte // the page for what is not redirected, by language
}

// New makes a handler, with the challenges before it if there are any.
func New(c Config) http.Handler {
	h := &Handler{Config: c, hosts: make(map[string]bool, len(c.Hosts)), nothing: make(map[string][]byte, len(page.Languages))}
	for _, language := range page.Languages {
		h.nothing[language] = page.Nothing(language, c.Abuse)
	}
	for _, host := range c.Hosts {
		h.hosts[host] = true
	}
	if h.Observe == nil {
		h.Observe = func(int, string) {}
	}
	if h.Log == nil {
		h.Log = func(string) {}
	}
	if h.Now == nil {
		h.Now = time.Now
	}
	if c.Challenge != nil {
		return h.guard(c.Challenge(h))
	}
	return h.guard(h)
}

// linger is how long a body may still come in after the answer.
const linger = time.Second

// guard keeps bodies unread and the address of who caused a panic out of the log.
func (h *Handler) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if fault := recover(); fault != nil {
				h.Log(fmt.Sprintf("answering a request: panic: %v\n%s", fault, debug.Stack()))
				panic(http.ErrAbortHandler) // which net/http does not log
			}
		}()
		if r.ProtoMajor == 1 {
			// One page is all there is. The answer does not wait for a body either.
			w.Header().Set("Connection", "close")
		}
		if r.ContentLength != 0 && r.ProtoMajor == 1 {
			// After it, net/http throws away up to 256 KiB of the body, or else a reset could overtake the answer.
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(linger))
		}
		next.ServeHTTP(w, r)
	})
}

// ServeHTTP answers with the warning page of whoever had the host's name flagged.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host, _ := hostName(r.Host)
	found, flagged := h.Find(host)
	own := h.hosts[host]
	language := languageOf(r)
	switch {
	case (flagged || own) && h.Abuse != "" && r.URL.Path == securityPath && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		h.security(w)
	case flagged:
		w.Header().Set("Link", "<"+page.RegistryURL+`>; rel="blocked-by"`)
		h.send(w, http.StatusUnavailableForLegalReasons, language, h.document(language, found))
	case own:
		h.send(w, http.StatusNotFound, language, [][]byte{h.nothing[language]})
	default:
		h.send(w, http.StatusMisdirectedRequest, language, [][]byte{h.nothing[language]})
	}
}

// send answers with a page in parts. net/http leaves out the body of an answer to HEAD.
func (h *Handler) send(w http.ResponseWriter, status int, language string, parts [][]byte) {
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Language", language)
	header.Set("Vary", "Accept-Language")
	header.Set("Content-Security-Policy", page.Policy)
	h.write(w, status, language, parts)
}

func (h *Handler) write(w http.ResponseWriter, status int, language string, parts [][]byte) {
	length := 0
	for _, part := range parts {
		length += len(part)
	}
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Robots-Tag", "noindex")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Content-Length", strconv.Itoa(length))
	w.WriteHeader(status)
	h.Observe(status, language)
	for _, part := range parts {
		if _, err := w.Write(part); err != nil {
			return // the visitor is gone, or wants no body
		}
	}
}
