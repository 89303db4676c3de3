package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
)

const (
	putRoute = "PUT /v1/flags/{name}"

	maxPlain  = 2048            // bytes of a plain body
	plainTime = 5 * time.Second // in which it comes, as huma has it
)

// putPlainly answers a request to flag a name that has the form most programs give it, in a third of the time
// that huma takes to take it apart and to put its answer together. Of any other request it says so, and
// leaves it to huma, which knows what is wrong with it. A test holds the two together.
func (h *Handler) putPlainly(w http.ResponseWriter, r *http.Request) bool {
	in, ok := readPlain(w, r)
	if !ok {
		return false
	}
	out, err := h.put(r.Context(), in)
	if err != nil {
		var doc *Problem
		if errors.As(err, &doc) {
			tidy(doc, maxBody)
		}
		writeProblem(w, err)
		return true
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("ETag", out.ETag)
	header.Set("Noticeaction-Generation", strconv.FormatUint(out.Generation, 10))
	reply := plainReplies.Get().(*[]byte)
	*reply = out.Body.appendJSON((*reply)[:0])
	header.Set("Content-Length", strconv.Itoa(len(*reply)))
	w.WriteHeader(out.Status)
	w.Write(*reply) // keeps nothing of it
	plainReplies.Put(reply)
	return true
}

// plainReplies are buffers for replies.
var plainReplies = sync.Pool{New: func() any {
	const most = 1024 // bytes that a reply without a note takes
	b := make([]byte, 0, most)
	return &b
}}

// readPlain takes a request apart. One that it does not take is as it was.
func readPlain(w http.ResponseWriter, r *http.Request) (*putInput, bool) {
	name := strings.TrimPrefix(r.URL.Path, "/v1/flags/")
	_, conditional := r.Header["If-Match"]
	_, absent := r.Header["If-None-Match"]
	if conditional || absent || r.URL.RawPath != "" || r.Header.Get("Content-Type") != bodyTypes[putRoute] ||
		r.ContentLength <= 0 || r.ContentLength > maxPlain {
		return nil, false
	}
	change, ok := plainQuery(r.URL.RawQuery)
	if !ok {
		return nil, false
	}
	_ = huma.SetReadDeadline(w, time.Now().Add(plainTime)) // if it cannot be set there is none, as with huma
	text := make([]byte, r.ContentLength)
	n, err := io.ReadFull(r.Body, text)
	if err != nil {
		r.Body = replayed{io.MultiReader(bytes.NewReader(text[:n]), broken{err}), r.Body}
		return nil, false
	}
	body, plain := plainBody(text)
	if !plain {
		r.Body = replayed{bytes.NewReader(text), r.Body}
		return nil, false
	}
	return &putInput{NamePath: NamePath{Name: name}, Change: change, Body: body}, true
}

// replayed is a body of which something was read.
type replayed struct {
	io.Reader
	io.Closer
}

// broken is the rest of a body that failed: the body itself may say next that it ended.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

// plainQuery takes the parameters of a change that are given once and need no unescaping.
func plainQuery(query string) (c Change, ok bool) {
	if strings.ContainsAny(query, "%+;") {
		return c, false
	}
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		switch key, value, _ := strings.Cut(pair, "="); {
		case key == "force" && c.Force == nil:
			for one := range strings.SplitSeq(value, ",") {
				if !slices.Contains(casework.Forces(), casework.Force(one)) {
					return c, false
				}
				c.Force = append(c.Force, force(one))
			}
		case key == "dry_run" && value == "true" && !c.DryRun:
			c.DryRun = true
		default:
			return c, false
		}
	}
	return c, true
}

// plainBody takes an object of known keys apart, each once, with strings that need no unescaping and are
// within their bounds.
func plainBody(text []byte) (b flagBody, ok bool) {
	rest, ok := bytes.CutPrefix(text, []byte{'{'})
	if !ok || !utf8.Valid(text) {
		return b, false
	}
	var authority, reference, note []byte
	for {
		key, after, ok := casework.PlainString(rest)
		if !ok || len(after) == 0 || after[0] != ':' {
			return b, false
		}
		value, after, ok := casework.PlainString(bytes.TrimPrefix(after[1:], []byte{' '}))
		if !ok || len(after) == 0 {
			return b, false
		}
		field := &note
		switch string(key) {
		case "authority":
			field = &authority
		case "reference":
			field = &reference
		case "note":
		default:
			return b, false
		}
		if *field != nil {
			return b, false
		}
		*field = value
		if len(after) == 1 && after[0] == '}' {
			break
		}
		if after[0] != ',' {
			return b, false
		}
		rest = bytes.TrimPrefix(after[1:], []byte{' '})
	}
	b = flagBody{Authority: string(authority), Reference: string(reference), Note: string(note)}
	return b, casework.CheckAuthority(b.Authority) == nil && 0 < len(b.Reference) && len(b.Reference) <= 200 && len(b.Note) <= 2000
}

// appendJSON appends the reply as huma would write it.
func (c *changeReply) appendJSON(b []byte) []byte {
	f := &c.Flag
	b = appendText(append(b, `{"flag":{"name":`...), f.Name)
	b = appendText(append(b, `,"unicode":`...), f.Unicode)
	b = appendText(append(b, `,"authority":`...), f.Authority)
	b = appendText(append(b, `,"reference":`...), f.Reference)
	if f.Case != "" {
		b = appendText(append(b, `,"case":`...), f.Case)
	}
	if f.Note != "" {
		b = appendText(append(b, `,"note":`...), f.Note)
	}
	b = append(f.Since.AppendFormat(append(b, `,"since":"`...), time.RFC3339Nano), '"')
	if !f.NotAfter.IsZero() {
		b = append(f.NotAfter.AppendFormat(append(b, `,"not_after":"`...), time.RFC3339Nano), '"')
	}
	b = strconv.AppendUint(append(b, `,"changed":`...), f.Changed, 10)
	b = strconv.AppendBool(append(b, `},"created":`...), c.Created)
	b = strconv.AppendBool(append(b, `,"changed":`...), c.Changed)
	b = strconv.AppendUint(append(b, `,"generation":`...), c.Generation, 10)
	b = strconv.AppendBool(append(b, `,"dry_run":`...), c.DryRun)
	b = append(b, `,"warnings":[`...)
	for i, w := range c.Warnings {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(append(b, `{"code":`...), w.Code)
		b = append(appendText(append(b, `,"detail":`...), w.Detail), '}')
	}
	return append(b, "]}\n"...)
}

// appendText appends a string as encoding/json has it without escapes for HTML.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			var escaped bytes.Buffer
			e := json.NewEncoder(&escaped)
			e.SetEscapeHTML(false)
			_ = e.Encode(s) // a string cannot fail
			return append(b, bytes.TrimSuffix(escaped.Bytes(), []byte{'\n'})...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}
