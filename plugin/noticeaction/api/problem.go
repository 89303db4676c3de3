package api

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
)

// statuses gives each kind of refusal its HTTP status.
var statuses = map[casework.Kind]int{
	casework.Invalid:      http.StatusUnprocessableEntity,
	casework.NotFound:     http.StatusNotFound,
	casework.Conflict:     http.StatusConflict,
	casework.Precondition: http.StatusPreconditionFailed,
	casework.Forbidden:    http.StatusForbidden,
	casework.Braked:       http.StatusTooManyRequests,
	casework.Unavailable:  http.StatusServiceUnavailable,
}

// retryAfter is how long a caller waits after 503, when nobody knows better.
const retryAfter = time.Minute

// Problem is a problem document (RFC 9457). It is exported for huma, which describes exported types only.
//
//nolint:errname // the OpenAPI document shows this name
type Problem struct {
	huma.ErrorModel

	State   string   `json:"state,omitempty" doc:"409 of a case: the state that it is in" example:"holder_window"`
	Allowed []string `json:"allowed,omitempty" doc:"409 of a case: the events that this state takes"`
	Missing []string `json:"missing,omitempty" doc:"422 for what is missing: each item by name"`
}

// huma describes and makes its refusals through this variable; nothing else in the process uses it.
func init() {
	huma.NewError = func(status int, detail string, errs ...error) huma.StatusError {
		doc := problem(status, detail)
		for _, err := range errs {
			if err != nil {
				doc.Add(err)
			}
		}
		return doc
	}
}

// problem makes a problem document.
func problem(status int, detail string, errs ...*huma.ErrorDetail) *Problem {
	return &Problem{ErrorModel: huma.ErrorModel{Status: status, Title: http.StatusText(status), Detail: detail, Errors: errs}}
}

// lacking is the refusal of what the role may not do.
func lacking(id Identity, right string) error {
	return problem(http.StatusForbidden, fmt.Sprintf("expected one of the roles %s for %s, got %s", strings.Join(rights[right], ", "), right, id.Role))
}

// refusal makes a problem document of what the desk returned. What is not a
// refusal is a fault of ours: the caller learns no more than that, the log
// gets the cause.
func refusal(ctx context.Context, err error) error {
	var refused *casework.Error
	if !errors.As(err, &refused) || statuses[refused.Kind] == 0 {
		callOf(ctx).cause = err
		return problem(http.StatusInternalServerError, "the server failed; its log says why")
	}
	route := callOf(ctx).route
	doc := problem(statuses[refused.Kind], refused.Detail)
	doc.State, doc.Missing = string(refused.State), refused.Items
	for _, kind := range refused.Allowed {
		doc.Allowed = append(doc.Allowed, string(kind))
	}
	if refused.Field != "" {
		doc.Errors = []*huma.ErrorDetail{{Message: refused.Detail, Location: location(route, refused.Field), Value: refused.Value}}
	}
	for _, item := range refused.Items {
		doc.Errors = append(doc.Errors, &huma.ErrorDetail{Message: "expected the " + item, Location: lackingAt(route)})
	}
	switch refused.Kind {
	case casework.Unavailable:
		callOf(ctx).cause = err
		return retryLater(doc, retryAfter)
	case casework.Braked:
		if !refused.RetryAt.IsZero() {
			return retryLater(doc, time.Until(refused.RetryAt))
		}
	}
	return doc
}

// isKind tells whether the desk refused with that kind.
func isKind(err error, kind casework.Kind) bool {
	var refused *casework.Error
	return errors.As(err, &refused) && refused.Kind == kind
}

// location says where in a request of the route the field stands.
func location(route, field string) string {
	if inBody := within(route, field); inBody != "" {
		return inBody
	}
	switch {
	case field == "body":
		return field
	case field == "idempotency_key":
		return "header.Idempotency-Key"
	case field == "name" && strings.HasSuffix(route, "/{name}"):
		return "path.name"
	case field == "id" && strings.Contains(route, "/{number}"):
		return "path.number"
	case (field == "case" || field == "id") && strings.Contains(route, "/{id}"):
		return "path.id"
	case field != "force" && (strings.HasPrefix(route, "PUT ") || strings.HasPrefix(route, "POST ")):
		return "body." + field
	}
	return "query." + field
}

// retryLater adds Retry-After in whole seconds, at least one (RFC 9110 section 10.2.3).
func retryLater(doc *Problem, after time.Duration) error {
	seconds := max(1, int(math.Ceil(after.Seconds())))
	return huma.ErrorWithHeaders(doc, http.Header{"Retry-After": {strconv.Itoa(seconds)}})
}

// polish makes huma's own refusals say what was expected, and keeps them from
// echoing more than a little of the request.
func polish(ctx huma.Context, _ string, v any) (any, error) {
	if doc, ok := v.(*Problem); ok {
		tidy(doc, ctx.Operation().MaxBodyBytes-1)
	}
	return v, nil
}

func tidy(doc *Problem, limit int64) {
	if strings.HasPrefix(doc.Detail, "request body is too large") {
		doc.Detail = tooLarge(limit)
	}
	for _, e := range doc.Errors {
		if clear, ok := clearer[e.Message]; ok {
			e.Message = clear
		}
		e.Location = casework.Clip(e.Location)
		switch given := e.Value.(type) {
		case string:
			e.Value = casework.Clip(given)
		case map[string]any, []any:
			e.Value = nil
		}
		if e.Location == "body" {
			e.Value = nil
		}
	}
	if doc.Detail == "validation failed" && len(doc.Errors) > 0 {
		doc.Detail = fmt.Sprintf("%s: %s", doc.Errors[0].Location, doc.Errors[0].Message)
	}
}

// clearer replaces messages of huma that do not say what was expected.
var clearer = map[string]string{
	"invalid boolean":                     "expected true or false",
	"invalid integer":                     "expected an integer",
	"unexpected property":                 "expected no such key",
	"unknown query parameter":             "expected no such parameter",
	"required query parameter is missing": "expected a value",
}

func tooLarge(limit int64) string {
	return fmt.Sprintf("expected a body of at most %d MiB", limit>>20)
}

// writeProblem answers outside huma: before a call is known to be one, where a
// stream failed before its first byte, and to a plain request.
func writeProblem(w http.ResponseWriter, err error) {
	var headers huma.HeadersError
	if errors.As(err, &headers) {
		for name, values := range headers.GetHeaders() {
			w.Header()[name] = values
		}
	}
	var doc *Problem
	if !errors.As(err, &doc) {
		doc = problem(http.StatusInternalServerError, "the server failed; its log says why")
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(doc.Status)
	_ = huma.DefaultJSONFormat.Marshal(w, doc)
}
