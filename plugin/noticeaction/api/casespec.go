package api

import (
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

const (
	openRoute    = "POST /v1/cases"
	eventRoute   = "POST /v1/cases/{id}/events"
	receiveRoute = "POST /v1/notices"
)

// maxNotice is the largest mail that is taken, in bytes.
const maxNotice = 10 << 20

// ofCase is what the refusal of a change with a body may be.
var ofCase = []int{
	http.StatusBadRequest, http.StatusNotFound, http.StatusRequestTimeout, http.StatusConflict,
	http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType,
}

func (h *Handler) registerCases(api huma.API) {
	open := operation(openRoute, "cases", "Open a case",
		"Opens a case for the notice of an authority, which may cover several names of one holder. A notice that lacks items of Art. 4(b) is refused, and \"missing\" lists them all by name. "+
			"A dry run returns the dates and, when nothing is missing, what an approval now would do, with the mails as they would leave.",
		append(ofCase, http.StatusUnprocessableEntity, http.StatusTooManyRequests)...)
	open.Responses = map[string]*huma.Response{
		"200": {Description: "A dry run: what would be"},
		"201": {Description: "The case is open"},
	}
	huma.Register(api, open, h.open)

	huma.Register(api, operation("GET /v1/cases", "cases", "List cases",
		"A page of cases, without their parties. An authority sees its own cases only.", http.StatusUnprocessableEntity), h.listCases)

	get := operation("GET /v1/cases/{id}", "cases", "Show a case",
		"Shows a case with what happened in it, the deadlines that run, what happens if nobody answers, and the events that its state takes. An authority sees its own cases only.",
		http.StatusNotFound)
	get.Responses = map[string]*huma.Response{"304": {Description: "The case still has the ETag that If-None-Match names"}}
	huma.Register(api, get, h.getCase)

	huma.Register(api, operation(everywhereRoute, "cases", "Show when a case took effect everywhere",
		"What the case changed of the redirects, and when the last of the other servers had each change, by the journal.",
		http.StatusNotFound), h.everywhere)
	huma.Register(api, operation("GET /v1/cases/{id}/verify", "cases", "Verify a case",
		"Checks the stored events of a case against the journal: each is the one whose SHA-256 the journal holds, or its personal data was erased. It reads the whole journal.",
		http.StatusNotFound, http.StatusConflict), h.verify)

	huma.Register(api, operation(eventRoute, "cases", "Record an event",
		"Records what happened in a case, and does at once what follows from it: redirects, mails, orders. Deadlines that had ended by then are applied first. "+
			"Event kinds may be written with hyphens. 409 names the state of the case and the events that it takes. An authority records in its own cases only, and what is its own to say: "+
			"claim_at_authority, extend, reinstate, remove, suspend, stop.",
		append(ofCase, http.StatusPreconditionFailed, http.StatusUnprocessableEntity, http.StatusTooManyRequests)...), h.event)
	h.registerMessages(api)
	h.registerWork(api)
	h.registerNotices(api)
	h.registerStatistics(api)
}

func (h *Handler) registerMessages(api huma.API) {
	huma.Register(api, operation("GET /v1/cases/{id}/messages", "cases", "List messages",
		"A page of the mails and orders of a case, and how far each has come. Each leaves once, unless it says that it was resent. An authority sees those of its own cases only.",
		http.StatusNotFound, http.StatusUnprocessableEntity), h.listMessages)
	huma.Register(api, operation("GET /v1/cases/{id}/messages/{number}", "cases", "Show a message",
		"Shows one mail or order with what it says. An authority sees those of its own cases only.", http.StatusNotFound), h.getMessage)
	huma.Register(api, operation("POST /v1/cases/{id}/messages/{number}/retry", "cases", "Retry a message",
		"Queues a message that failed or bounced again.", http.StatusNotFound, http.StatusConflict), h.retry)
}

func (h *Handler) registerWork(api huma.API) {
	huma.Register(api, operation("GET /v1/deadlines", "work", "List deadlines",
		"The deadlines that run, the earliest first, with what happens if nobody answers. An authority sees those of its own cases only.",
		http.StatusUnprocessableEntity), h.deadlines)
	huma.Register(api, operation("GET /v1/tasks", "work", "List tasks",
		"A page of what a person is to see to, the oldest first; only what is open, unless all is asked for.", http.StatusUnprocessableEntity), h.listTasks)
	huma.Register(api, operation("POST /v1/tasks/{id}/close", "work", "Close a task",
		"Says that a task was seen to, and how. Those that end with what they ask for close by themselves.", ofCase...), h.closeTask)
}

func (h *Handler) registerNotices(api huma.API) {
	receive := operation(receiveRoute, "notices", "Submit a notice by mail",
		"Reads a mail as RFC 5322, at most 10 MiB, keeps it as evidence, and makes it a draft that a person confirms by opening a case for it. What cannot be read is kept too, and becomes a task. "+
			"A delivery report on a mail of ours marks that mail. The same mail again is the same notice.",
		http.StatusNotFound, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity)
	receive.MaxBodyBytes, receive.BodyReadTimeout = maxNotice+1, time.Minute
	receive.Responses = map[string]*huma.Response{
		"200": {Description: "A dry run: what would be"},
		"201": {Description: "The mail is kept; status says what it is"},
	}
	huma.Register(api, receive, h.receive)
	huma.Register(api, operation("GET /v1/notices", "notices", "List notices",
		"A page of the mails that came in.", http.StatusUnprocessableEntity), h.listNotices)
	huma.Register(api, operation("GET /v1/notices/{id}", "notices", "Show a notice",
		"Shows a mail that came in, and what could be read of it.", http.StatusNotFound), h.getNotice)
	mail := operation("GET /v1/notices/{id}/message", "notices", "Get the mail of a notice",
		"The mail as it came in, byte for byte.", http.StatusNotFound, http.StatusGone)
	mail.Responses = map[string]*huma.Response{"200": {
		Description: "The mail", Content: map[string]*huma.MediaType{rfc822: {Schema: &huma.Schema{Type: huma.TypeString}}},
	}}
	huma.Register(api, mail, h.getMail)
	huma.Register(api, operation("POST /v1/notices/{id}/discard", "notices", "Discard a notice",
		"Says that a mail that came in becomes no case, and why. It is kept.", ofCase...), h.discardNotice)
	huma.Register(api, operation("POST /v1/notices/{id}/file", "notices", "File a notice",
		"Says which case a mail that came in is about. It is put into the timeline of the case, as evidence, and starts no clock: that does the event that a person records, with the mail as its evidence. "+
			"An answer to a mail of ours is filed by itself.", append(ofCase, http.StatusUnprocessableEntity)...), h.fileNotice)
}

func (h *Handler) registerStatistics(api huma.API) {
	figures := operation("GET /v1/statistics", "work", "Show the statistics",
		"What has become of the cases whose notice came in from one day to another: figures only, for the report of Art. 7. JSON, or CSV (RFC 4180) with the columns figure, of and value, by format=csv or Accept. An authority gets those of its own cases.",
		http.StatusUnprocessableEntity)
	figures.Responses = map[string]*huma.Response{"200": {
		Description: "The figures",
		Content: map[string]*huma.MediaType{
			"application/json": {Schema: api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[statistics](), true, "")},
			textCSV:            {Schema: &huma.Schema{Type: huma.TypeString}, Example: "figure,of,value\r\ncases,,12\r\n"},
		},
	}}
	huma.Register(api, figures, h.statistics)
}

// ofProcedure tells whether the route is one of the procedure's.
func ofProcedure(route string) bool {
	_, path, _ := strings.Cut(route, " /v1/")
	first, _, _ := strings.Cut(path, "/")
	switch first {
	case "cases", "deadlines", "tasks", "notices", "statistics":
		return true
	}
	return false
}
