package api

import (
	"context"
	"crypto/sha256"
	"net/http"
	"slices"
	"strings"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
)

// Roles, as the tokens file has them; an authority's role is written
// "authority:NAME".
const (
	Viewer    = "viewer"
	Operator  = "operator"
	Admin     = "admin"
	Authority = "authority"
)

// rights says which roles may make which call and force what. A route that is not here is
// served to nobody; what an authority reads is its own flags only.
//
// Cases, their messages and the notices hold personal data (Art. 6), so viewers do not read them; they see
// the dates, the work and the figures. An authority opens, reads and decides its own cases, and gets the dates
// and figures of those; which events are its own to record, the procedure says, and the desk refuses and
// journals the rest. Mails that came in, tasks and what leaves are the registry's. The warning page is public; its content is the authority's to give (Art. 4d), and
// the registry's to publish when it comes by mail.
var rights = map[string][]string{
	"GET /openapi.json":          {Viewer, Operator, Admin, Authority},
	"GET /v1/flags":              {Viewer, Operator, Admin, Authority},
	"GET /v1/flags/{name}":       {Viewer, Operator, Admin, Authority},
	"GET /v1/flags/{name}/reach": {Viewer, Operator, Admin, Authority},
	putRoute:                     {Operator, Admin},
	"DELETE /v1/flags/{name}":    {Operator, Admin},
	"POST /v1/flags/import":      {Operator, Admin},
	"GET /v1/flags/export":       {Viewer, Operator, Admin},
	"GET /v1/preview/{name}":     {Viewer, Operator, Admin},
	"GET /v1/status":             {Viewer, Operator, Admin},
	"GET /v1/audit":              {Viewer, Operator, Admin},
	"GET /v1/backup":             {Admin},

	nodesRoute:    {Viewer, Operator, Admin},
	forgetRoute:   {Operator, Admin},
	overrideRoute: {Admin},
	readyRoute:    {Viewer, Operator, Admin, Authority},

	openRoute:                                     {Operator, Admin, Authority},
	"GET /v1/cases":                               {Operator, Admin, Authority},
	"GET /v1/cases/{id}":                          {Operator, Admin, Authority},
	"GET /v1/cases/{id}/verify":                   {Operator, Admin},
	everywhereRoute:                               {Operator, Admin, Authority},
	eventRoute:                                    {Operator, Admin, Authority},
	"GET /v1/cases/{id}/messages":                 {Operator, Admin, Authority},
	"GET /v1/cases/{id}/messages/{number}":        {Operator, Admin, Authority},
	"POST /v1/cases/{id}/messages/{number}/retry": {Operator, Admin},
	"GET /v1/deadlines":                           {Viewer, Operator, Admin, Authority},
	"GET /v1/tasks":                               {Viewer, Operator, Admin},
	"POST /v1/tasks/{id}/close":                   {Operator, Admin},
	receiveRoute:                                  {Operator, Admin},
	"GET /v1/notices":                             {Operator, Admin},
	"GET /v1/notices/{id}":                        {Operator, Admin},
	"GET /v1/notices/{id}/message":                {Operator, Admin},
	"POST /v1/notices/{id}/discard":               {Operator, Admin},
	"POST /v1/notices/{id}/file":                  {Operator, Admin},
	"GET /v1/statistics":                          {Viewer, Operator, Admin, Authority},

	"PUT /v1/authorities/{name}/page":                    {Operator, Admin, Authority},
	"POST /v1/authorities/{name}/page/rollback":          {Operator, Admin, Authority},
	"GET /v1/authorities/{name}/page":                    {Viewer, Operator, Admin, Authority},
	"GET /v1/authorities/{name}/page/versions":           {Viewer, Operator, Admin, Authority},
	"GET /v1/authorities/{name}/page/versions/{version}": {Viewer, Operator, Admin, Authority},
	"GET /v1/authorities/{name}/page/preview":            {Viewer, Operator, Admin, Authority},
	"POST /v1/authorities/{name}/page/preview":           {Viewer, Operator, Admin, Authority},
}

func init() {
	for _, f := range casework.Forces() {
		rights[forceRight(f)] = []string{Operator, Admin}
	}
	rights[forceRight(casework.ForceBrake)] = []string{Admin}
}

func forceRight(f casework.Force) string { return "force=" + string(f) }

// Identity is who makes a call. Role is one of the four roles; Authority is
// set for the role "authority" only. Actor is what the journal records:
// "uid:1000" for a peer of the unix socket, else the name in the tokens file.
type Identity struct{ Actor, Role, Authority string }

// may tells whether the identity may use the right.
func (id Identity) may(right string) bool { return slices.Contains(rights[right], id.Role) }

// reads tells whether the identity may see a flag of that authority.
func (id Identity) reads(authority string) bool {
	return id.Role != Authority || id.Authority == authority
}

// identify finds out who calls: the peer of a unix socket, whom the file mode
// let in, else the holder of a bearer token, else of a client certificate.
// The string says what was expected when it is nobody we know.
func identify(r *http.Request, tokens *Tokens) (Identity, string) {
	if actor, ok := r.Context().Value(peerKey{}).(string); ok {
		return Identity{Actor: actor, Role: Admin}, ""
	}
	if header := r.Header.Get("Authorization"); header != "" {
		scheme, token, _ := strings.Cut(header, " ")
		if !strings.EqualFold(scheme, "Bearer") || !wellFormed(token) {
			return Identity{}, "expected Authorization: Bearer with a token of 43 base64url characters"
		}
		if id, ok := tokens.find(sha256.Sum256([]byte(token))); ok {
			return id, ""
		}
		return Identity{}, "expected a token that the tokens file lists"
	}
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		if id, ok := tokens.find(sha256.Sum256(r.TLS.PeerCertificates[0].Raw)); ok {
			return id, ""
		}
		return Identity{}, "expected a client certificate that the tokens file lists"
	}
	return Identity{}, "expected a bearer token or a client certificate"
}

// peerKey is the context key of a unix connection's peer, an actor.
type peerKey struct{}

// withPeer records the peer of a unix connection.
func withPeer(ctx context.Context, actor string) context.Context {
	return context.WithValue(ctx, peerKey{}, actor)
}
