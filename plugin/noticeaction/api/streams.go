package api

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/leeway"
)

// ndjson is the media type of one JSON value a line.
const ndjson = "application/x-ndjson"

// Limits of a stream: how long the other side may stand still, and how long
// the whole may take. An export holds a read transaction as long as it runs.
const (
	streamStall = 30 * time.Second
	streamWhole = 30 * time.Minute
	streamChunk = 128 << 10
)

type importInput struct {
	Change
	Keyed
	body io.Reader
}

// Resolve takes the body as a stream, which huma would read whole.
func (in *importInput) Resolve(ctx huma.Context) []error {
	r, w := humago.Unwrap(ctx)
	conn := http.NewResponseController(w)
	in.body = &patientReader{r: http.MaxBytesReader(w, r.Body, maxImport), conn: conn, until: time.Now().Add(streamWhole)}
	return nil
}

var _ huma.Resolver = (*importInput)(nil)

type importOutput struct{ Body importReply }

type importReply struct {
	Lines      int    `json:"lines" doc:"Lines read, without blank ones" example:"3"`
	Created    int    `json:"created" doc:"Names that were not flagged before" example:"2"`
	Replaced   int    `json:"replaced" doc:"Flags that were replaced" example:"1"`
	Unchanged  int    `json:"unchanged" doc:"Flags that stood already" example:"0"`
	Lapsed     int    `json:"lapsed" doc:"Lines of an export that were left out, as their not_after has passed" example:"0"`
	Generation uint64 `json:"generation" doc:"The generation that holds the import" example:"42"`
	DryRun     bool   `json:"dry_run" doc:"Whether this was a dry run: nothing was kept"`

	Replayed   bool      `json:"replayed" doc:"Whether the same import was done before under the same key: the rest says what it did then, and nothing was done now"`
	ImportedAt time.Time `json:"imported_at,omitzero" doc:"When it was done; absent unless replayed" example:"2026-05-12T09:30:00Z"`

	Warnings     []importWarning `json:"warnings" nullable:"false" doc:"What one should know of names newly flagged, the first 100"`
	MoreWarnings int             `json:"more_warnings" doc:"How many more there are" example:"0"`
}

type importWarning struct {
	Line   int    `json:"line" doc:"From 1" example:"2"`
	Name   string `json:"name" doc:"The name it is about" example:"example.be"`
	Detail string `json:"detail" doc:"For people"`
}

func (h *Handler) importFlags(ctx context.Context, in *importInput) (*importOutput, error) {
	order, err := in.order(ctx)
	if err != nil {
		return nil, err
	}
	report, err := h.config.Desk.Import(context.WithoutCancel(ctx), order, in.Key, in.body)
	if err != nil {
		return nil, importRefusal(ctx, report, err)
	}
	in.commit(ctx, !report.Replayed && report.Created+report.Replaced > 0, report.Generation)
	reply := importReply{
		Lines: report.Lines, Created: report.Created, Replaced: report.Replaced, Unchanged: report.Unchanged, Lapsed: report.Lapsed,
		Generation: report.Generation, DryRun: order.DryRun,
		Replayed: report.Replayed, ImportedAt: report.First, Warnings: []importWarning{}, MoreWarnings: report.MoreWarnings,
	}
	for _, w := range report.Warnings {
		reply.Warnings = append(reply.Warnings, importWarning(w))
	}
	return &importOutput{Body: reply}, nil
}

// importRefusal adds the refused lines to the desk's refusal.
func importRefusal(ctx context.Context, report casework.ImportReport, err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return problem(http.StatusRequestEntityTooLarge, tooLarge(large.Limit))
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return problem(http.StatusRequestTimeout, fmt.Sprintf("expected the next part of the body within %s, and all of it within %s", streamStall, streamWhole))
	}
	refused := refusal(ctx, err)
	var doc *Problem
	if errors.As(refused, &doc) && len(report.Errors) > 0 {
		doc.Errors = nil
		for _, e := range report.Errors {
			doc.Errors = append(doc.Errors, &huma.ErrorDetail{Message: e.Detail, Location: fmt.Sprintf("body line %d", e.Line), Value: e.Name})
		}
		if report.MoreErrors > 0 {
			doc.Errors = append(doc.Errors, &huma.ErrorDetail{Message: fmt.Sprintf("and %d more", report.MoreErrors), Location: "body"})
		}
	}
	return refused
}

type exportInput struct {
	Zone      string `query:"zone" doc:"Only names directly below this zone" example:"be"`
	Authority string `query:"authority" doc:"Only flags of this authority" example:"apd-gba"`
}

func (h *Handler) export(_ context.Context, in *exportInput) (*huma.StreamResponse, error) {
	query := casework.ListQuery{Zone: in.Zone, Authority: in.Authority}
	return h.stream(func(ctx context.Context, header func(http.Header), w io.Writer) error {
		begin := func(generation uint64, count int) error {
			header(http.Header{
				"Content-Type":            {ndjson},
				"Noticeaction-Generation": {strconv.FormatUint(generation, 10)},
				"Noticeaction-Count":      {strconv.Itoa(count)},
			})
			return nil
		}
		return h.config.Desk.Export(ctx, query, begin, func(lines []byte) error {
			_, err := w.Write(lines)
			return err
		})
	}), nil
}

func (h *Handler) backup(context.Context, *struct{}) (*huma.StreamResponse, error) {
	return h.stream(func(ctx context.Context, header func(http.Header), w io.Writer) error {
		begin := func(size int64) error {
			header(http.Header{
				"Content-Type":   {"application/octet-stream"},
				"Content-Length": {strconv.FormatInt(size, 10)},
			})
			return nil
		}
		return h.config.Desk.Backup(ctx, begin, w)
	}), nil
}

// stream answers with what write writes after it called header. A failure
// before that is a problem document; a later one cuts the connection, so that
// nobody takes the part for the whole.
func (h *Handler) stream(write func(ctx context.Context, header func(http.Header), w io.Writer) error) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		r, w := humago.Unwrap(hc)
		conn := http.NewResponseController(w)
		// The server's read deadline would end the request's context.
		_ = conn.SetReadDeadline(time.Time{})
		out := bufio.NewWriterSize(&patientWriter{w: w, conn: conn, until: time.Now().Add(streamWhole)}, streamChunk)
		begun := false
		err := write(r.Context(), func(headers http.Header) {
			for name, values := range headers {
				w.Header()[name] = values
			}
			begun = true
			w.WriteHeader(http.StatusOK)
		}, out)
		if err == nil {
			err = out.Flush()
		}
		switch {
		case err == nil:
		case begun:
			callOf(r.Context()).cause = fmt.Errorf("cutting the stream: %w", err)
			panic(http.ErrAbortHandler)
		default:
			writeProblem(w, refusal(r.Context(), err))
		}
	}}
}

// patientWriter gives each write streamStall, up to until for all. A deadline
// that cannot be set is that of a connection which is closed already.
type patientWriter struct {
	w     io.Writer
	conn  *http.ResponseController
	until time.Time
}

func (p *patientWriter) Write(b []byte) (int, error) {
	_ = p.conn.SetWriteDeadline(earlier(time.Now().Add(streamStall), p.until))
	defer leeway.LookAtNetwork()
	return p.w.Write(b)
}

// patientReader gives each read streamStall, up to until for all. The answer
// may be late after the last, for the desk works in between.
type patientReader struct {
	r     io.Reader
	conn  *http.ResponseController
	until time.Time
}

func (p *patientReader) Read(b []byte) (int, error) {
	_ = p.conn.SetReadDeadline(earlier(time.Now().Add(streamStall), p.until))
	n, err := p.r.Read(b)
	leeway.LookAtNetwork()
	if err != nil {
		_ = p.conn.SetWriteDeadline(time.Now().Add(streamWhole))
	}
	return n, err
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
