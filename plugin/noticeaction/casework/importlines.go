package casework

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

// line is what one line of an import may hold.
type line struct {
	Name      string     `json:"name"`
	Authority string     `json:"authority"`
	Reference string     `json:"reference"`
	NotAfter  *time.Time `json:"not_after"`
	Note      string     `json:"note"`

	Since   time.Time `json:"since"`
	Unicode string    `json:"unicode"`
	Zone    string    `json:"zone"`
	Case    string    `json:"case"`
	Changed uint64    `json:"changed"`
}

// read takes the whole body in, checks each line for itself and notes what cannot be imported. The
// error is one of reading or of a body without lines.
func (in *importer) read(ctx context.Context, body io.Reader) error {
	hash := sha256.New()
	r := bufio.NewReaderSize(io.TeeReader(body, hash), maxLine+2) // with its line end
	var kept texts
	for n := 1; ; n++ {
		text, err := r.ReadSlice('\n')
		long := errors.Is(err, bufio.ErrBufferFull)
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = r.ReadSlice('\n')
		}
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return &Error{Kind: Invalid, Field: "body", Detail: fmt.Sprintf("expected to read on at line %d; nothing was imported", n), Err: err}
		}
		text = bytes.TrimSpace(text)
		if long || len(text) > maxLine {
			in.report.Lines++
			in.refuse(n, "", fmt.Sprintf("expected at most %d bytes in a line", maxLine))
		} else if len(text) > 0 {
			in.report.Lines++
			in.parse(n, text, &kept)
		}
		if err != nil {
			break
		}
	}
	if in.report.Lines == 0 {
		return &Error{Kind: Invalid, Field: "body", Detail: "expected at least one line"}
	}
	hash.Sum(in.body[:0])
	return nil
}

// parse checks one line.
func (in *importer) parse(n int, text []byte, kept *texts) {
	l, err := readLine(text, kept)
	if err != nil {
		in.refuse(n, l.Name, err.Error())
		return
	}
	notAfter, err := NotAfter(l.NotAfter)
	if err == nil && l.Changed > 0 && l.NotAfter != nil && !notAfter.After(in.now) {
		in.report.Lapsed++
		return
	}
	var name string
	if err == nil {
		name, err = canonical(l.Name)
	}
	if err == nil {
		err = in.checker.check(name)
	}
	f := store.Flag{
		Name: name, Authority: l.Authority, Reference: l.Reference, Note: l.Note,
		NotAfter: notAfter, Since: wholeSecond(l.Since),
	}
	if err == nil {
		err = checkFlag(f, in.now)
	}
	if err == nil && f.Since.After(in.now) {
		err = &Error{Kind: Invalid, Field: "since", Detail: "expected a time that has passed"}
	}
	if err != nil {
		in.refuse(n, l.Name, err.Error())
		return
	}
	if len(in.report.Errors) > 0 {
		return // nothing will be imported; read on for further errors
	}
	in.add(n, f)
}

// readLine decodes a line, which lies on the heap only if it has to.
func readLine(text []byte, kept *texts) (line, error) {
	if l, ok := fastLine(text, kept); ok {
		return l, nil
	}
	var l line
	err := decode(text, &l)
	return l, err
}

// texts hold what lines say, with little for the collector to look at. The zero value is ready.
type texts struct {
	alike map[string]string
	chunk strings.Builder
}

// add returns a text that differs from line to line.
func (t *texts) add(b []byte) string {
	n := t.room(len(b))
	t.chunk.Write(b)
	return t.chunk.String()[n:]
}

// copy does the same with a text that is a string already.
func (t *texts) copy(s string) string {
	n := t.room(len(s))
	t.chunk.WriteString(s)
	return t.chunk.String()[n:]
}

// room returns where the next text of so many bytes will begin.
func (t *texts) room(n int) int {
	const size = 1 << 16
	if t.chunk.Cap()-t.chunk.Len() < n {
		t.chunk.Reset()
		t.chunk.Grow(max(size, n))
	}
	return t.chunk.Len()
}

// once returns a text that many lines have alike.
func (t *texts) once(b []byte) string {
	if s, ok := t.alike[string(b)]; ok {
		return s
	}
	if t.alike == nil {
		t.alike = make(map[string]string)
	}
	s := string(b)
	if len(t.alike) < maxAuthorities {
		t.alike[s] = s
	}
	return s
}

// decode decodes a line and says in the terms of JSON what is wrong with it.
func decode(text []byte, l *line) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	err := d.Decode(l)
	if err == nil && d.InputOffset() != int64(len(text)) {
		return errors.New("expected one JSON object in the line, got more")
	}
	var wrong *json.UnmarshalTypeError
	switch {
	case err == nil:
		return CheckJSON(text)
	case errors.As(err, &wrong) && wrong.Field == "":
		return errors.New("expected a JSON object, got " + Clip(wrong.Value))
	case errors.As(err, &wrong):
		want := "a string"
		if wrong.Field == "changed" {
			want = "a whole number"
		}
		return fmt.Errorf("%s: expected %s, got %s", wrong.Field, want, Clip(wrong.Value))
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("expected a JSON object; the line ends within it")
	}
	detail := strings.TrimPrefix(err.Error(), "json: ")
	if field, ok := strings.CutPrefix(detail, "unknown field "); ok {
		return errors.New("expected only known keys, got " + Clip(field))
	}
	var at *time.ParseError
	if errors.As(err, &at) {
		return errors.New("expected times as in RFC 3339, such as 2026-05-12T00:00:00Z, got " + Clip(at.Value))
	}
	return errors.New("expected a JSON object: " + detail)
}
