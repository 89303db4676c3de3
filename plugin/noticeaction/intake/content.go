package intake

import (
	"errors"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/emersion/go-message"
)

// texts is what a message says, in the forms it says it in.
type texts struct {
	plain, html strings.Builder
	parts       int
	left        int // bytes that may still be read
}

var errTooMuch = errors.New("too much")

// formOf reads the items of Art. 4(b) from the plain text of a message, or from its HTML if there are none in it.
func (r Reader) formOf(content *message.Entity, p *problems) form {
	t := texts{left: maxText}
	switch err := t.collect(content, 0); {
	case errors.Is(err, errTooMuch):
		p.add("expected at most 1 MiB of text in at most 200 parts, 8 deep")
	case err != nil:
		p.add("expected whole MIME parts, got broken ones")
	}
	f := r.formOfText(t.plain.String(), true, p)
	if f.items == 0 && t.html.Len() > 0 {
		f = r.formOfText(textOf(t.html.String()), false, p)
	}
	if f.text = readable(t.plain.String()); f.text == "" {
		f.text = readable(textOf(t.html.String()))
	}
	return f
}

// readable returns a text as a person reads it, clipped to maxShown bytes.
func readable(s string) string {
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case unicode.Is(unicode.C, r) || r == utf8.RuneError:
			return -1
		}
		return r
	}, s))
	if len(s) > maxShown {
		s = strings.ToValidUTF8(s[:maxShown], "") + "\n[...]"
	}
	return s
}

// collect adds the texts of an entity that are shown to a reader, up to the first fault.
func (t *texts) collect(e *message.Entity, depth int) error {
	if t.parts++; depth > maxDepth || t.parts > maxParts {
		return errTooMuch
	}
	kind := entityType(e)
	if disposition, _, _ := e.Header.ContentDisposition(); strings.EqualFold(disposition, "attachment") {
		return nil
	}
	if parts := e.MultipartReader(); parts != nil {
		for {
			part, err := parts.NextPart()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if part == nil {
				return err
			}
			if err := t.collect(part, depth+1); err != nil {
				return err
			}
		}
	}
	into := &t.plain
	switch kind {
	case "text/plain":
	case "text/html":
		into = &t.html
	default:
		return nil
	}
	b, err := io.ReadAll(io.LimitReader(e.Body, int64(t.left)+1))
	if len(b) > t.left {
		b, err = b[:t.left], errTooMuch
	}
	t.left -= len(b)
	s := utf(string(b))
	if _, params, _ := e.Header.ContentType(); strings.EqualFold(params["format"], "flowed") {
		s = unflow(s, strings.EqualFold(params["delsp"], "yes"))
	}
	into.WriteString(s + "\n")
	return err
}

// entityType returns the media type; that of an entity without one is text/plain (RFC 2045 section 5.2).
func entityType(e *message.Entity) string {
	kind, _, err := e.Header.ContentType()
	if kind == "" || err != nil && !strings.Contains(kind, "/") {
		return "text/plain"
	}
	return kind
}

// unflow puts the lines together that were parted to be shown (RFC 3676).
func unflow(s string, delSp bool) string {
	var b strings.Builder
	for raw := range strings.SplitSeq(s, "\n") {
		raw = strings.TrimSuffix(raw, "\r")
		flowed := strings.HasSuffix(raw, " ") && raw != "-- "
		if flowed && delSp {
			raw = raw[:len(raw)-1]
		}
		b.WriteString(strings.TrimPrefix(raw, " ")) // space-stuffing
		if !flowed {
			b.WriteByte('\n')
		}
	}
	return b.String()
}
