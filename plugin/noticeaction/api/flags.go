package api

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

// flag is a flag as the API shows it.
type flag struct {
	Name      string    `json:"name" doc:"The name in A-labels, without final dot" example:"xn--caf-dma.be"`
	Unicode   string    `json:"unicode" doc:"The name in U-labels, for display" example:"café.be"`
	Authority string    `json:"authority" doc:"The public body that ordered the flag" example:"apd-gba"`
	Reference string    `json:"reference" doc:"The authority's own reference" example:"DOS-2026-00123"`
	Case      string    `json:"case,omitempty" doc:"The case that holds the flag; absent: none"`
	Note      string    `json:"note,omitempty" doc:"For people"`
	Since     time.Time `json:"since" doc:"When the name was first flagged" example:"2026-05-12T09:30:00Z"`
	NotAfter  time.Time `json:"not_after,omitzero" doc:"When the flag lifts by itself; absent: never" example:"2026-06-30T22:00:00Z"`
	Changed   uint64    `json:"changed" doc:"The generation of its last change; its ETag is this number in quotes" example:"42"`
}

func show(f store.Flag) flag {
	return flag{
		Name: f.Name, Unicode: casework.Unicode(f.Name), Authority: f.Authority, Reference: f.Reference,
		Case: f.Case, Note: f.Note, Since: f.Since, NotAfter: f.NotAfter, Changed: f.Changed,
	}
}

// NamePath is the name in a path, exported for the same reason as Change.
type NamePath struct {
	Name string `path:"name" doc:"The name: exactly one label below a zone, in U-labels or A-labels, any case, with or without final dot" example:"example.be"`
}

type changeReply struct {
	Flag       flag      `json:"flag" doc:"The flag as it is now; after an unflag, as it was"`
	Created    bool      `json:"created" doc:"Whether the name was not flagged before"`
	Changed    bool      `json:"changed" doc:"Whether anything changed: false if the same flag stood already"`
	Generation uint64    `json:"generation" doc:"The generation that holds the change; in a dry run, the one that would" example:"42"`
	DryRun     bool      `json:"dry_run" doc:"Whether this was a dry run: nothing was kept"`
	Warnings   []warning `json:"warnings" nullable:"false" doc:"What the one who flags should know; it does not stop the change"`
}

type warning struct {
	Code   string `json:"code" doc:"Stable, for programs" example:"expires-soon"`
	Detail string `json:"detail" doc:"For people" example:"the flag lifts by itself within 24 hours"`
}

func warnings(ws []casework.Warning) []warning {
	out := make([]warning, 0, len(ws))
	for _, w := range ws {
		out = append(out, warning(w))
	}
	return out
}

type putInput struct {
	NamePath
	Change
	IfMatch     string `header:"If-Match" doc:"Replace only the flag with this ETag; * for any flag" example:"\"42\""`
	IfNoneMatch string `header:"If-None-Match" doc:"* flags the name only if it is not flagged" example:"*"`
	Body        flagBody
}

type flagBody struct {
	Authority string     `json:"authority" minLength:"1" maxLength:"63" pattern:"^[a-z0-9-]+$" patternDescription:"lowercase letters, digits and hyphens" doc:"The public body that orders the flag" example:"apd-gba"`
	Reference string     `json:"reference" minLength:"1" maxLength:"200" doc:"The authority's own reference" example:"DOS-2026-00123"`
	NotAfter  *time.Time `json:"not_after,omitempty" nullable:"true" doc:"When the flag lifts by itself: in the future, cut to whole seconds; absent or null: never" example:"2030-06-30T22:00:00Z"`
	Note      string     `json:"note,omitempty" maxLength:"2000" doc:"For people"`
}

type changeOutput struct {
	Status     int
	ETag       string `header:"ETag" doc:"The flag's ETag"`
	Generation uint64 `header:"Noticeaction-Generation" doc:"The generation that holds the change"`
	Body       *changeReply
}

func (h *Handler) put(ctx context.Context, in *putInput) (*changeOutput, error) {
	order, err := in.order(ctx)
	if err != nil {
		return nil, err
	}
	match, err := h.match(ctx, in.Name, in.IfMatch, in.IfNoneMatch)
	if err != nil {
		return nil, err
	}
	notAfter, err := casework.NotAfter(in.Body.NotAfter)
	if err != nil {
		return nil, refusal(ctx, err)
	}
	result, err := h.config.Desk.Flag(context.WithoutCancel(ctx), order, casework.FlagRequest{
		Name: in.Name, Authority: in.Body.Authority, Reference: in.Body.Reference,
		NotAfter: notAfter, Note: in.Body.Note, Match: match,
	})
	if err != nil {
		return nil, refusal(ctx, err)
	}
	in.commit(ctx, result.Changed, result.Generation)
	out := change(result, order)
	out.ETag = etag(result.Flag)
	if result.Created && !order.DryRun {
		out.Status = http.StatusCreated
	}
	return out, nil
}

func change(r casework.Result, o casework.Order) *changeOutput {
	return &changeOutput{Status: http.StatusOK, Generation: r.Generation, Body: &changeReply{
		Flag: show(r.Flag), Created: r.Created, Changed: r.Changed,
		Generation: r.Generation, DryRun: o.DryRun, Warnings: warnings(r.Warnings),
	}}
}

type deleteInput struct {
	NamePath
	Change
	Reason  string `query:"reason" required:"true" maxLength:"2000" doc:"Why; the journal keeps it" example:"remedied"`
	IfMatch string `header:"If-Match" doc:"Unflag only the flag with this ETag; * for any flag" example:"\"42\""`
}

func (h *Handler) delete(ctx context.Context, in *deleteInput) (*changeOutput, error) {
	order, err := in.order(ctx)
	if err != nil {
		return nil, err
	}
	match, err := h.match(ctx, in.Name, in.IfMatch, "")
	if err != nil {
		return nil, err
	}
	result, err := h.config.Desk.Unflag(context.WithoutCancel(ctx), order, in.Name, in.Reason, match)
	if err != nil {
		return nil, refusal(ctx, err)
	}
	in.commit(ctx, result.Changed, result.Generation)
	out := change(result, order)
	if !order.DryRun {
		out.Status, out.Body = http.StatusNoContent, nil
	}
	return out, nil
}

type getInput struct {
	NamePath
	IfNoneMatch string `header:"If-None-Match" doc:"Answer 304 if the flag still has this ETag" example:"\"42\""`
}

type getOutput struct {
	Status int
	ETag   string `header:"ETag" doc:"The flag's ETag"`
	Body   *flag
}

func (h *Handler) get(ctx context.Context, in *getInput) (*getOutput, error) {
	f, err := h.lookup(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	out := &getOutput{Status: http.StatusOK, ETag: etag(f)}
	if in.IfNoneMatch == out.ETag {
		out.Status = http.StatusNotModified
		return out, nil
	}
	view := show(f)
	out.Body = &view
	return out, nil
}

// lookup finds a flag that the caller may see. An authority gets the same
// answer for a flag of another as for none.
func (h *Handler) lookup(ctx context.Context, name string) (store.Flag, error) {
	f, err := h.config.Desk.Lookup(name)
	id := callOf(ctx).Identity
	if id.Role == Authority && (isKind(err, casework.NotFound) || err == nil && !id.reads(f.Authority)) {
		return f, problem(http.StatusNotFound, fmt.Sprintf("expected a name flagged for %s, got %q", id.Authority, casework.Clip(name)))
	}
	if err != nil {
		return f, refusal(ctx, err)
	}
	return f, nil
}

type listInput struct {
	Zone      string `query:"zone" doc:"Only names directly below this zone" example:"be"`
	Authority string `query:"authority" doc:"Only flags of this authority" example:"apd-gba"`
	After     string `query:"after" doc:"Only names after this one: the previous page's \"next\"" example:"example.be"`
	Limit     int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"Most flags on the page"`
}

type listOutput struct{ Body listReply }

type listReply struct {
	Flags []flag `json:"flags" nullable:"false" doc:"In name order"`
	Next  string `json:"next,omitempty" doc:"\"after\" of the next page; absent on the last" example:"example.be"`
}

func (h *Handler) list(ctx context.Context, in *listInput) (*listOutput, error) {
	if id := callOf(ctx).Identity; id.Role == Authority {
		if in.Authority != "" && !id.reads(in.Authority) {
			return nil, problem(http.StatusForbidden, fmt.Sprintf("expected the authority %s, got %q", id.Authority, casework.Clip(in.Authority)))
		}
		in.Authority = id.Authority
	}
	flags, next, err := h.config.Desk.List(casework.ListQuery{Zone: in.Zone, Authority: in.Authority, After: in.After, Limit: in.Limit})
	if err != nil {
		return nil, refusal(ctx, err)
	}
	out := &listOutput{Body: listReply{Flags: make([]flag, 0, len(flags)), Next: next}}
	for _, f := range flags {
		out.Body.Flags = append(out.Body.Flags, show(f))
	}
	return out, nil
}

// etag is the strong validator of a flag (RFC 9110 section 8.8.3).
func etag(f store.Flag) string { return `"` + strconv.FormatUint(f.Changed, 10) + `"` }

// entityTag is one strong entity tag.
var entityTag = regexp.MustCompile(`^"[\x21\x23-\x7e]*"$`)

// match reads the preconditions of a change. "If-Match: *" stands for the tag
// the flag has now.
func (h *Handler) match(ctx context.Context, name, ifMatch, ifNoneMatch string) (casework.Match, error) {
	m := casework.Match{Absent: ifNoneMatch == "*"}
	if ifNoneMatch != "" && !m.Absent {
		return m, badHeader("If-None-Match", "expected *", ifNoneMatch)
	}
	switch {
	case ifMatch == "":
		return m, nil
	case ifMatch == "*":
		f, err := h.config.Desk.Lookup(name)
		if isKind(err, casework.NotFound) {
			return m, problem(http.StatusPreconditionFailed, fmt.Sprintf("expected a flagged name, got %q", casework.Clip(name)))
		}
		if err != nil {
			return m, refusal(ctx, err)
		}
		m.Generation = &f.Changed
		return m, nil
	case !entityTag.MatchString(ifMatch):
		return m, badHeader("If-Match", `expected * or one entity tag such as "42"`, ifMatch)
	}
	generation, err := strconv.ParseUint(strings.Trim(ifMatch, `"`), 10, 64)
	if err != nil {
		return m, problem(http.StatusPreconditionFailed, fmt.Sprintf("expected the flag's ETag, got %s", casework.Clip(ifMatch)))
	}
	m.Generation = &generation
	return m, nil
}

func badHeader(name, expected, got string) error {
	got = casework.Clip(got)
	return problem(http.StatusUnprocessableEntity, fmt.Sprintf("%s: %s, got %q", name, expected, got),
		&huma.ErrorDetail{Message: expected, Location: "header." + name, Value: got})
}
