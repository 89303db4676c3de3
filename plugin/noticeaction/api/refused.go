package api

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
)

// noteRefusal has the journal keep an attempt at a case, a task or a notice that was refused before the desk
// heard of it: by role, size, type or form. Who nobody knows leaves no line.
func (h *Handler) noteRefusal(r *http.Request, c *call, code int) {
	refused := 400 <= code && code < 500 && code != http.StatusUnauthorized
	if !refused || c.judged || h.config.Cases == nil || !journaled(c.route) || r.URL.Query().Get("dry_run") == "true" {
		return
	}
	h.config.Cases.NoteRefusal(r.Context(), casework.Order{Actor: c.Actor, Authority: c.Authority}, caseIn(r), "",
		&casework.Error{Kind: casework.Invalid, Detail: fmt.Sprintf("%s was answered with %d %s", c.route, code, http.StatusText(code))})
}

// journaled tells whether the route changes something of the procedure.
func journaled(route string) bool {
	path, post := strings.CutPrefix(route, "POST ")
	return post && (strings.HasPrefix(path, "/v1/cases") || strings.HasPrefix(path, "/v1/tasks") || strings.HasPrefix(path, "/v1/notices"))
}

// caseIn returns the case that the path is about; empty when it is about none.
func caseIn(r *http.Request) string {
	rest, ok := strings.CutPrefix(r.URL.Path, "/v1/cases/")
	id, _, _ := strings.Cut(rest, "/")
	if !ok {
		return ""
	}
	return id
}
