// Package api is the admin HTTP API: it finds out who calls, checks that the
// role may, turns the request into one call of the desk and the desk's answer
// into HTTP.
//
// It decides nothing about names, flags or cases, opens no database and knows no
// DNS; what the desk refuses is shown as the desk put it. A change that is
// answered with success is durable, because the desk answers only then, and a
// client that goes away does not undo it.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path"
	"runtime/debug"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

// Limits of a request body, in bytes.
const (
	maxBody   = 1 << 20
	maxImport = 256 << 20
)

// Desk is what the API needs of the desk; *casework.Desk has it. All methods
// are called concurrently.
type Desk interface {
	Flag(context.Context, casework.Order, casework.FlagRequest) (casework.Result, error)
	Unflag(ctx context.Context, o casework.Order, name, reason string, m casework.Match) (casework.Result, error)
	Import(ctx context.Context, o casework.Order, key string, body io.Reader) (casework.ImportReport, error)
	Lookup(name string) (store.Flag, error)
	Reach(name string) (store.Reach, error)
	List(casework.ListQuery) (flags []store.Flag, next string, err error)
	Export(ctx context.Context, q casework.ListQuery, begin func(generation uint64, count int) error, each func(lines []byte) error) error
	Preview(name string) (casework.Preview, error)
	Audit(casework.AuditQuery) (lines []json.RawMessage, next uint64, err error)
	Status() (casework.Status, error)
	Backup(ctx context.Context, begin func(size int64) error, w io.Writer) error
}

// Config is what a Handler is made of. Desk is required, or else Follower.
type Config struct {
	Desk   Desk
	Tokens *Tokens // who may call over TCP; nil: nobody

	Cases   Cases   // the procedure; nil: its calls are answered 404
	Notices Receive // reads mails that came in; nil: none is taken

	Pages    Pages // the warning pages of authorities; nil: its calls are answered 404
	ShowPage ShowPage
	Fleet    Fleet           // the servers that follow this one; nil: its calls are answered 404
	Follower func() Follower // the status of a server that follows another, and has no desk; nil: it is one with a desk
	Ready    func() bool     // whether the flags are loaded; nil: they are

	// Batches lists the addresses that read UDP in batches. May be nil; called
	// concurrently.
	Batches func() []Batch

	// Observe counts one request: its route as the pattern, "other" for a
	// path that is none, and the status. May be nil; called concurrently.
	Observe func(route string, code int)

	// Log gets one line per change, without names, and one per failure of
	// the server. May be nil; called concurrently.
	Log func(line string)
}

// Handler serves the admin API. It keeps no state of its own: a reload makes
// a new one. Safe for concurrent use.
type Handler struct {
	config Config
	mux    *http.ServeMux
	spec   []byte
}

// New makes a handler.
func New(config Config) *Handler {
	if config.Batches == nil {
		config.Batches = func() []Batch { return []Batch{} }
	}
	if config.Observe == nil {
		config.Observe = func(string, int) {}
	}
	if config.Log == nil {
		config.Log = func(string) {}
	}
	h := &Handler{config: config, mux: http.NewServeMux()}
	humaAPI := humago.New(h.mux, describe())
	if config.Follower != nil {
		h.registerFollower(humaAPI)
	} else {
		h.registerFlags(humaAPI)
		h.registerReads(humaAPI)
		h.registerStreams(humaAPI)
		h.registerCases(humaAPI)
		h.registerPages(humaAPI)
		h.registerNodes(humaAPI)
	}
	h.spec = specification(humaAPI.OpenAPI())
	h.mux.HandleFunc("GET /openapi.json", h.serveSpec)
	return h
}

// call is what is known of one request besides its parameters.
type call struct {
	Identity
	route   string // the pattern; "other" for none
	cause   error  // why it failed, for the log only
	changed string // what was committed, for the log; empty: nothing
	judged  bool   // the desk decides, and journals what it refuses
}

type callKey struct{}

// callOf is the call that ctx belongs to.
func callOf(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{}
}

// ServeHTTP answers one request, whatever it is, with the API's answer or a
// problem document.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{}
	r = r.WithContext(context.WithValue(r.Context(), callKey{}, c))
	out := &response{ResponseWriter: w}
	route, missing := h.route(r)
	c.route = route
	defer h.conclude(out, r, c)
	if err := h.admit(c, r, missing); err != nil {
		writeProblem(out, err)
		return
	}
	if route == putRoute && h.putPlainly(out, r) {
		return
	}
	h.mux.ServeHTTP(out, r)
}

// route finds the pattern that r matches; for none it is "other", and the
// second result is the 404 or 405 to answer with.
func (h *Handler) route(r *http.Request) (string, error) {
	handler, pattern := h.mux.Handler(r)
	if _, known := rights[pattern]; known {
		if path.Clean(r.URL.EscapedPath()) == r.URL.EscapedPath() {
			return pattern, nil
		}
		return "other", problem(http.StatusNotFound, noSuchPath)
	}
	// The mux knows which methods the path has; only its text is not ours.
	answer := probe{header: http.Header{}}
	handler.ServeHTTP(&answer, r)
	if answer.status == http.StatusMethodNotAllowed {
		allow := answer.header.Get("Allow")
		doc := problem(http.StatusMethodNotAllowed, fmt.Sprintf("expected one of the methods %s, got %s", allow, casework.Clip(r.Method)))
		return "other", huma.ErrorWithHeaders(doc, http.Header{"Allow": {allow}})
	}
	return "other", problem(http.StatusNotFound, noSuchPath)
}

const noSuchPath = "expected a path that /openapi.json lists"

// probe takes an answer and sends nothing.
type probe struct {
	header http.Header
	status int
}

func (p *probe) Header() http.Header         { return p.header }
func (p *probe) WriteHeader(code int)        { p.status = code }
func (p *probe) Write(b []byte) (int, error) { return len(b), nil }

// admit decides whether the request goes on to its operation. Strangers learn
// nothing but that they are strangers.
func (h *Handler) admit(c *call, r *http.Request, missing error) error {
	id, expected := identify(r, h.config.Tokens)
	if expected != "" {
		return huma.ErrorWithHeaders(problem(http.StatusUnauthorized, expected),
			http.Header{"Www-Authenticate": {`Bearer realm="noticeaction"`}})
	}
	c.Identity = id
	if missing != nil {
		return missing
	}
	if !id.may(c.route) {
		return lacking(id, c.route)
	}
	if h.config.Cases == nil && ofProcedure(c.route) {
		return problem(http.StatusNotFound, "expected a server that keeps cases; this one does not")
	}
	if h.config.Pages == nil && strings.Contains(c.route, " /v1/authorities/") {
		return problem(http.StatusNotFound, "expected a server that keeps pages; this one does not")
	}
	want, got := bodyTypes[c.route], r.Header.Get("Content-Type")
	if want == "" || got == "" || got == want {
		return nil
	}
	if media, _, err := mime.ParseMediaType(got); err != nil || media != want {
		return problem(http.StatusUnsupportedMediaType, fmt.Sprintf("expected Content-Type %s, got %q", want, casework.Clip(got)))
	}
	return nil
}

// bodyTypes is the media type of each body that is read.
var bodyTypes = map[string]string{
	putRoute:                "application/json",
	"POST /v1/flags/import": ndjson,

	openRoute:                       "application/json",
	eventRoute:                      "application/json",
	"POST /v1/tasks/{id}/close":     "application/json",
	receiveRoute:                    rfc822,
	"POST /v1/notices/{id}/discard": "application/json",

	"PUT /v1/authorities/{name}/page":           "application/json",
	"POST /v1/authorities/{name}/page/rollback": "application/json",
	"POST /v1/authorities/{name}/page/preview":  "application/json",
}

// conclude counts and logs the request, and answers for one that panicked.
func (h *Handler) conclude(out *response, r *http.Request, c *call) {
	fault := recover()
	if err, _ := fault.(error); fault != nil && !errors.Is(err, http.ErrAbortHandler) {
		c.cause = fmt.Errorf("panic: %v\n%s", fault, debug.Stack())
		if out.status == 0 {
			writeProblem(out, c.cause)
			fault = nil
		}
	}
	h.config.Observe(c.route, out.code())
	h.noteRefusal(r, c, out.code())
	switch {
	case c.cause != nil:
		h.config.Log(fmt.Sprintf("%s by %s: %d: %v", c.route, c.Actor, out.code(), c.cause))
	case c.changed != "":
		out.send() // who waits for the reply need not wait for the line
		h.config.Log(fmt.Sprintf("%s by %s: %d: %s", c.route, c.Actor, out.code(), c.changed))
	}
	if fault != nil {
		panic(http.ErrAbortHandler)
	}
}

// response notes the status that was sent.
type response struct {
	http.ResponseWriter
	status int
}

func (r *response) WriteHeader(code int) {
	if r.status == 0 {
		r.status = code
	}
	if code == http.StatusNoContent || code == http.StatusNotModified {
		r.Header().Del("Content-Type")
	}
	r.ResponseWriter.WriteHeader(code)
}

func (r *response) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// send sends what was written of a reply of known length before the handler ends.
func (r *response) send() {
	if r.Header().Get("Content-Length") != "" {
		_ = http.NewResponseController(r.ResponseWriter).Flush() // net/http finds the same when the handler ends
	}
}

// Unwrap lets http.ResponseController find the connection.
func (r *response) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *response) code() int {
	if r.status == 0 {
		return http.StatusOK
	}
	return r.status
}
