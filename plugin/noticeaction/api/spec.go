package api

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
)

// apiVersion is that of the interface, not of the program.
const apiVersion = "1.0.0"

// describe configures huma: JSON only, no pages that load third parties, and
// the whole query string checked.
func describe() huma.Config {
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title:   "coredns-na admin API",
				Version: apiVersion,
				Description: "Flags names of a zone so that DNS answers redirect them to a warning page, " +
					"and shows what is flagged, since when and by whom. " +
					"Keeps the warning pages of authorities. Runs the procedure of an authority's notice: cases, their deadlines, the mails and orders that leave, and figures. " +
					"An answer that says done is durable. Every refusal is a problem document (RFC 9457) that says what was expected. " +
					"Answers are JSON whatever Accept says, but for the statistics. Every change is in the journal, with the one who made it.",
			},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"token":       {Type: "http", Scheme: "bearer", Description: "Over TCP: a token of 43 base64url characters whose SHA-256 the tokens file lists."},
					"certificate": {Type: "mutualTLS", Description: "Over TLS: a client certificate whose SHA-256 the tokens file lists."},
				},
			},
			Security: []map[string][]string{{}, {"token": {}}, {"certificate": {}}},
			Tags: []*huma.Tag{
				{Name: "flags", Description: "Flag and unflag names"},
				{Name: "cases", Description: "The procedure: notices of authorities, what happened since, what leaves"},
				{Name: "notices", Description: "Mails that came in"},
				{Name: "work", Description: "Deadlines, tasks and figures"},
				{Name: "pages", Description: "The warning pages of authorities"},
				{Name: "nodes", Description: "Other servers that answer by the same flags"},
				{Name: "desk", Description: "What the desk holds and what it did"},
			},
		},
		Formats:                      map[string]huma.Format{"application/json": strictJSON, "json": strictJSON},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{polish},
	}
}

// strictJSON refuses what encoding/json would take for something else. huma decodes each body twice, first into
// an any to validate it and then into its type; the first time is enough to look.
var strictJSON = huma.Format{
	Marshal: huma.DefaultJSONFormat.Marshal,
	Unmarshal: func(data []byte, v any) error {
		err := json.Unmarshal(data, v)
		if _, first := v.(*any); err != nil || !first {
			return err
		}
		return casework.CheckJSON(data)
	},
}

// operation describes the call on route, a key of rights. Every call may be
// refused with the first four statuses.
func operation(route, tag, summary, description string, refusals ...int) huma.Operation {
	method, path, _ := strings.Cut(route, " ")
	return huma.Operation{
		OperationID:  strings.ReplaceAll(strings.ToLower(summary), " ", "-"),
		Method:       method,
		Path:         path,
		Tags:         []string{tag},
		Summary:      summary,
		Description:  description + " Roles: " + strings.Join(rights[route], ", ") + ".",
		MaxBodyBytes: maxBody + 1, // huma refuses a body that reaches the limit
		Errors: append([]int{
			http.StatusUnauthorized, http.StatusForbidden, http.StatusInternalServerError, http.StatusServiceUnavailable,
		}, refusals...),
	}
}

func (h *Handler) registerFlags(api huma.API) {
	put := operation(putRoute, "flags", "Flag a name",
		"Flags the name, or replaces its flag. The same flag again changes nothing.",
		http.StatusBadRequest, http.StatusRequestTimeout, http.StatusConflict, http.StatusPreconditionFailed, http.StatusRequestEntityTooLarge,
		http.StatusUnsupportedMediaType, http.StatusTooManyRequests)
	put.Responses = map[string]*huma.Response{"201": {Description: "The name was not flagged before; the body is that of 200."}}
	huma.Register(api, put, h.put)

	del := operation("DELETE /v1/flags/{name}", "flags", "Unflag a name",
		"Lifts the flag. 409 if a case holds it: the case decides then.",
		http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed)
	del.Responses = map[string]*huma.Response{
		"200": {Description: "A dry run: what would be"},
		"204": {Description: "The name is no longer flagged"},
	}
	huma.Register(api, del, h.delete)

	get := operation("GET /v1/flags/{name}", "flags", "Show a flag",
		"Shows the flag of one name. An authority sees its own flags only.", http.StatusNotFound)
	get.Responses = map[string]*huma.Response{"304": {Description: "The flag still has the ETag that If-None-Match names"}}
	huma.Register(api, get, h.get)

	huma.Register(api, operation("GET /v1/flags/{name}/reach", "flags", "Show where a name can be reached",
		"Shows the addresses, name servers and mail exchanges of a flagged name, as recorded before it was redirected and refreshed daily where a resolver sees them. "+
			"404 if nothing was recorded. An authority sees its own flags only.", http.StatusNotFound), h.reach)

	huma.Register(api, operation("GET /v1/flags", "flags", "List flags",
		"A page of flags in name order. An authority sees its own flags only.", http.StatusUnprocessableEntity), h.list)
}

func (h *Handler) registerReads(api huma.API) {
	huma.Register(api, operation("GET /v1/preview/{name}", "flags", "Preview a name",
		"Says what flagging the name would meet. Changes nothing."), h.preview)
	huma.Register(api, operation("GET /v1/status", "desk", "Show the status",
		"Describes the desk as of one generation."), h.status)
	huma.Register(api, operation("GET /v1/audit", "desk", "Read the journal",
		"A page of the append-only, hash-chained journal: who, when, what, before, after.", http.StatusUnprocessableEntity), h.audit)
}

func (h *Handler) registerStreams(api huma.API) {
	imp := operation("POST /v1/flags/import", "flags", "Import flags",
		"Flags many names, all or none. The body has one JSON object a line, with the keys name, authority, reference, not_after (optional) and note (optional), "+
			"at most 256 MiB in all. Lines of an export fit as they are; those whose not_after has passed are left out and counted. A refusal lists the first 100 lines that were refused.",
		http.StatusRequestTimeout, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType,
		http.StatusUnprocessableEntity, http.StatusTooManyRequests)
	imp.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{ndjson: {
		Schema:  &huma.Schema{Type: huma.TypeString},
		Example: `{"name":"example.be","authority":"apd-gba","reference":"DOS-2026-00123"}` + "\n",
	}}}
	huma.Register(api, imp, h.importFlags)

	exp := operation("GET /v1/flags/export", "flags", "Export flags",
		"All flags of one generation in name order, one JSON object a line. The connection is cut if the export cannot be completed.",
		http.StatusUnprocessableEntity)
	exp.Responses = streamed("One flag a line", ndjson, map[string]string{
		"Noticeaction-Generation": "The generation of every line", "Noticeaction-Count": "The number of lines"})
	huma.Register(api, exp, h.export)

	back := operation("GET /v1/backup", "desk", "Back up the database",
		"A consistent copy of the live database. The connection is cut if the copy cannot be completed.")
	back.Responses = streamed("The database file", "application/octet-stream", map[string]string{"Content-Length": "Its size in bytes"})
	huma.Register(api, back, h.backup)
}

func streamed(description, media string, headers map[string]string) map[string]*huma.Response {
	response := &huma.Response{
		Description: description,
		Content:     map[string]*huma.MediaType{media: {Schema: &huma.Schema{Type: huma.TypeString}}},
		Headers:     map[string]*huma.Param{},
	}
	for name, text := range headers {
		response.Headers[name] = &huma.Header{Description: text, Schema: &huma.Schema{Type: huma.TypeInteger}}
	}
	return map[string]*huma.Response{"200": response}
}

// specification completes the description with what holds for every call.
func specification(api *huma.OpenAPI) []byte {
	text := func(s string) *huma.Header {
		return &huma.Header{Description: s, Schema: &huma.Schema{Type: huma.TypeString}}
	}
	for _, item := range api.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Put, item.Post, item.Delete} {
			if op == nil {
				continue
			}
			op.Responses["401"].Headers = map[string]*huma.Param{"WWW-Authenticate": text("Bearer")}
			for _, code := range []string{"429", "503"} {
				if r := op.Responses[code]; r != nil {
					r.Headers = map[string]*huma.Param{"Retry-After": text("Seconds to wait")}
				}
			}
			if created := op.Responses["201"]; created != nil {
				created.Content, created.Headers = op.Responses["200"].Content, op.Responses["200"].Headers
			}
		}
	}
	body, err := json.Marshal(api)
	if err != nil {
		panic("describing the API: " + err.Error())
	}
	return body
}

func (h *Handler) serveSpec(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/openapi+json")
	w.Write(h.spec)
}
