package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/page"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

// Pages is what the API needs of the desk for the warning pages of authorities; *casework.Desk has it. All
// methods are called concurrently.
type Pages interface {
	PublishPage(ctx context.Context, o casework.Order, authority string, c page.Content, m casework.PageMatch) (casework.PageResult, error)
	RestorePage(ctx context.Context, o casework.Order, authority string, version uint64, m casework.PageMatch) (casework.PageResult, error)
	Page(o casework.Order, authority string, version uint64) (store.Page, error)
	Pages(o casework.Order, authority string, after uint64, limit int) ([]store.Page, uint64, error)
}

// ShowPage makes a page of an authority into HTML, as visitors see it in a language; nil: the page that they
// see now. Called concurrently.
type ShowPage func(authority string, p *page.Page, language string) []byte

type pageTexts struct {
	NL string `json:"nl" doc:"In Dutch"`
	FR string `json:"fr" doc:"In French"`
	DE string `json:"de" doc:"In German"`
	EN string `json:"en" doc:"In English"`
}

type pageBody struct {
	Texts pageTexts `json:"texts" doc:"The text in each language, in a subset of Markdown: the title first, as \"# Title\"; below it paragraphs, lists, headings of level 2 and 3, emphasis, and links to https, http and mailto. At most 8 KiB each. No HTML."`
	// Both are checked by package page, which says more.
	Contact string `json:"contact,omitempty" doc:"A mail address of the authority" example:"contact@apd-gba.be"`
	Link    string `json:"link,omitempty" doc:"An https address of the authority" example:"https://www.dataprotectionauthority.be/"`
}

func (b pageBody) content() page.Content {
	return page.Content{Texts: page.Texts(b.Texts), Contact: b.Contact, Link: b.Link}
}

type pageVersion struct {
	Authority string    `json:"authority" doc:"Whose page it is" example:"apd-gba"`
	Version   uint64    `json:"version" doc:"From 1; its ETag is this number in quotes" example:"3"`
	Published time.Time `json:"published" doc:"When" example:"2026-05-12T09:30:00Z"`
	By        string    `json:"by" doc:"By whom" example:"uid:1000"`
	Repeats   uint64    `json:"repeats,omitempty" doc:"The older version whose content it brought back"`
	SHA256    string    `json:"sha256" doc:"Of the content as compact JSON, in hex; the journal holds it too"`
}

type pageView struct {
	pageVersion
	pageBody
}

func showVersion(p store.Page) pageVersion {
	return pageVersion{Authority: p.Authority, Version: p.Version, Published: p.Published, By: p.By, Repeats: p.Repeats, SHA256: p.SHA256}
}

func showPage(p store.Page) pageView {
	c := p.Content
	return pageView{showVersion(p), pageBody{Texts: pageTexts(c.Texts), Contact: c.Contact, Link: c.Link}}
}

func pageTag(p store.Page) string { return `"` + strconv.FormatUint(p.Version, 10) + `"` }

// PagePath is the page of an authority in a path, exported for the same reason as Change.
type PagePath struct {
	Name string `path:"name" maxLength:"63" doc:"The id of the authority" example:"apd-gba"`
}

type putPageInput struct {
	PagePath
	Trial
	IfMatch     string `header:"If-Match" doc:"Only if the page has this ETag; * for any page" example:"\"3\""`
	IfNoneMatch string `header:"If-None-Match" doc:"* only if none was published" example:"*"`
	Body        pageBody
}

type pageChange struct {
	Page    pageVersion `json:"page" doc:"The version that visitors see; in a dry run, would see"`
	Created bool        `json:"created" doc:"Whether none was published before"`
	Changed bool        `json:"changed" doc:"Whether anything changed: false if visitors see the same content already"`
	DryRun  bool        `json:"dry_run" doc:"Whether this was a dry run: nothing was kept"`
}

type pageChangeOutput struct {
	Status int
	ETag   string `header:"ETag" doc:"The page's ETag"`
	Body   pageChange
}

func (h *Handler) putPage(ctx context.Context, in *putPageInput) (*pageChangeOutput, error) {
	match, err := pageMatch(in.IfMatch, in.IfNoneMatch)
	if err != nil {
		return nil, err
	}
	result, err := h.config.Pages.PublishPage(context.WithoutCancel(ctx), in.order(ctx), in.Name, in.Body.content(), match)
	return in.changed(ctx, result, err)
}

type rollbackInput struct {
	PagePath
	Trial
	IfMatch string `header:"If-Match" doc:"Only if the page has this ETag; * for any page" example:"\"3\""`
	Body    struct {
		Version uint64 `json:"version" minimum:"1" doc:"The version whose content is brought back" example:"2"`
	}
}

func (h *Handler) rollBackPage(ctx context.Context, in *rollbackInput) (*pageChangeOutput, error) {
	match, err := pageMatch(in.IfMatch, "")
	if err != nil {
		return nil, err
	}
	result, err := h.config.Pages.RestorePage(context.WithoutCancel(ctx), in.order(ctx), in.Name, in.Body.Version, match)
	return in.changed(ctx, result, err)
}

// changed answers a change of a page.
func (t Trial) changed(ctx context.Context, r casework.PageResult, err error) (*pageChangeOutput, error) {
	if err != nil {
		return nil, refusal(ctx, err)
	}
	if r.Changed {
		t.note(ctx, fmt.Sprintf("page of %s, version %d", r.Page.Authority, r.Page.Version))
	}
	out := &pageChangeOutput{Status: http.StatusOK, ETag: pageTag(r.Page), Body: pageChange{
		Page: showVersion(r.Page), Created: r.Created, Changed: r.Changed, DryRun: t.DryRun,
	}}
	if r.Created && !t.DryRun {
		out.Status = http.StatusCreated
	}
	return out, nil
}

// pageMatch reads the preconditions of a change of a page.
func pageMatch(ifMatch, ifNoneMatch string) (m casework.PageMatch, err error) {
	if m.Absent = ifNoneMatch == "*"; ifNoneMatch != "" && !m.Absent {
		return m, badHeader("If-None-Match", "expected *", ifNoneMatch)
	}
	switch {
	case ifMatch == "":
		return m, nil
	case ifMatch == "*":
		m.Any = true
		return m, nil
	case !entityTag.MatchString(ifMatch):
		return m, badHeader("If-Match", `expected * or one entity tag such as "3"`, ifMatch)
	}
	version, err := strconv.ParseUint(strings.Trim(ifMatch, `"`), 10, 64)
	if err != nil {
		return m, problem(http.StatusPreconditionFailed, fmt.Sprintf("expected the page's ETag, got %s", casework.Clip(ifMatch)))
	}
	m.Version = &version
	return m, nil
}

type getPageInput struct {
	PagePath
	IfNoneMatch string `header:"If-None-Match" doc:"Answer 304 if the page still has this ETag" example:"\"3\""`
}

type pageOutput struct {
	Status int
	ETag   string `header:"ETag" doc:"The version's ETag"`
	Body   *pageView
}

func (h *Handler) getPage(ctx context.Context, in *getPageInput) (*pageOutput, error) {
	return h.pageVersion(ctx, in.Name, 0, in.IfNoneMatch)
}

type getVersionInput struct {
	PagePath
	IfNoneMatch string `header:"If-None-Match" doc:"Answer 304 if the version is the one with this ETag" example:"\"3\""`
	Version     uint64 `path:"version" minimum:"1" doc:"The version" example:"2"`
}

func (h *Handler) getPageVersion(ctx context.Context, in *getVersionInput) (*pageOutput, error) {
	return h.pageVersion(ctx, in.Name, in.Version, in.IfNoneMatch)
}

func (h *Handler) pageVersion(ctx context.Context, authority string, version uint64, ifNoneMatch string) (*pageOutput, error) {
	p, err := h.config.Pages.Page(asking(ctx), authority, version)
	if err != nil {
		return nil, refusal(ctx, err)
	}
	out := &pageOutput{Status: http.StatusOK, ETag: pageTag(p)}
	if ifNoneMatch == out.ETag {
		out.Status = http.StatusNotModified
		return out, nil
	}
	view := showPage(p)
	out.Body = &view
	return out, nil
}

type listPagesInput struct {
	PagePath
	After uint64 `query:"after" doc:"Only versions after this one: the previous page's \"next\"" example:"100"`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"Most versions on the page"`
}

type listPagesOutput struct{ Body pagesReply }

type pagesReply struct {
	Versions []pageVersion `json:"versions" nullable:"false" doc:"The oldest first"`
	Next     uint64        `json:"next,omitempty" doc:"\"after\" of the next page; absent on the last" example:"100"`
}

func (h *Handler) listPages(ctx context.Context, in *listPagesInput) (*listPagesOutput, error) {
	all, next, err := h.config.Pages.Pages(asking(ctx), in.Name, in.After, in.Limit)
	if err != nil {
		return nil, refusal(ctx, err)
	}
	out := &listPagesOutput{Body: pagesReply{Versions: make([]pageVersion, 0, len(all)), Next: next}}
	for _, p := range all {
		out.Body.Versions = append(out.Body.Versions, showVersion(p))
	}
	return out, nil
}

// Shown is in which language a page is shown, exported for the same reason as Change.
type Shown struct {
	Language string `query:"language" enum:"nl,fr,de,en" default:"en" doc:"In which language"`
}

type showInput struct {
	PagePath
	Shown
	Version uint64 `query:"version" doc:"Another version than what visitors see now" example:"2"`
}

type tryInput struct {
	PagePath
	Shown
	Body pageBody
}

type htmlOutput struct {
	ContentType string `header:"Content-Type"`
	Policy      string `header:"Content-Security-Policy" doc:"As visitors get it"`
	Body        []byte
}

// preview shows what visitors see, or a version.
func (h *Handler) previewPage(ctx context.Context, in *showInput) (*htmlOutput, error) {
	if in.Version == 0 {
		if err := h.ownPage(ctx, in.Name); err != nil {
			return nil, err
		}
		return h.html(in.Name, nil, in.Language), nil
	}
	p, err := h.config.Pages.Page(asking(ctx), in.Name, in.Version)
	if err != nil {
		return nil, refusal(ctx, err)
	}
	return h.tryContent(ctx, in.Name, p.Content, in.Language)
}

func (h *Handler) tryPage(ctx context.Context, in *tryInput) (*htmlOutput, error) {
	if err := h.ownPage(ctx, in.Name); err != nil {
		return nil, err
	}
	return h.tryContent(ctx, in.Name, in.Body.content(), in.Language)
}

func (h *Handler) tryContent(ctx context.Context, authority string, c page.Content, language string) (*htmlOutput, error) {
	p, err := casework.CheckPage(c)
	if err != nil {
		return nil, refusal(ctx, err)
	}
	return h.html(authority, p, language), nil
}

// ownPage asks the desk whether the page is there for the caller to see.
func (h *Handler) ownPage(ctx context.Context, authority string) error {
	if _, _, err := h.config.Pages.Pages(asking(ctx), authority, 0, 1); err != nil {
		return refusal(ctx, err)
	}
	return nil
}

func (h *Handler) html(authority string, p *page.Page, language string) *htmlOutput {
	return &htmlOutput{ContentType: textHTML, Policy: page.Policy, Body: h.config.ShowPage(authority, p, language)}
}

const textHTML = "text/html; charset=utf-8"

func (h *Handler) registerPages(api huma.API) {
	ofChange := []int{
		http.StatusBadRequest, http.StatusNotFound, http.StatusRequestTimeout, http.StatusPreconditionFailed,
		http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity,
	}
	put := operation("PUT /v1/authorities/{name}/page", "pages", "Publish a page",
		"Makes a content the warning page of an authority, as a new version. The same content again changes nothing. An authority publishes its own only.", ofChange...)
	put.Responses = map[string]*huma.Response{"201": {Description: "None was published before; the body is that of 200."}}
	huma.Register(api, put, h.putPage)
	back := operation("POST /v1/authorities/{name}/page/rollback", "pages", "Roll a page back",
		"Publishes the content of an older version as a new version. If visitors see that content already, nothing changes, so the call can be repeated. An authority rolls back its own only.", ofChange...)
	huma.Register(api, back, h.rollBackPage)

	unchanged := func(op huma.Operation) huma.Operation {
		op.Responses = map[string]*huma.Response{"304": {Description: "It still has the ETag that If-None-Match names"}}
		return op
	}
	huma.Register(api, unchanged(operation("GET /v1/authorities/{name}/page", "pages", "Show a page",
		"Shows the version that visitors see. 404 if none was published: visitors see that of the server's folder, or the one that is built in. An authority sees its own only.",
		http.StatusNotFound)), h.getPage)
	huma.Register(api, operation("GET /v1/authorities/{name}/page/versions", "pages", "List versions of a page",
		"A page of the versions of a page, without their texts. An authority sees its own only."), h.listPages)
	huma.Register(api, unchanged(operation("GET /v1/authorities/{name}/page/versions/{version}", "pages", "Show a version of a page",
		"Shows one version. An authority sees its own only.", http.StatusNotFound)), h.getPageVersion)

	shown := func(op huma.Operation) huma.Operation {
		op.Responses = map[string]*huma.Response{"200": {
			Description: "The page, of an imaginary name", Content: map[string]*huma.MediaType{"text/html": {Schema: &huma.Schema{Type: huma.TypeString}}},
		}}
		return op
	}
	huma.Register(api, shown(operation("GET /v1/authorities/{name}/page/preview", "pages", "Preview a page",
		"The page in HTML as visitors see it now, or would see a version. An authority sees its own only.", http.StatusNotFound)), h.previewPage)
	huma.Register(api, shown(operation("POST /v1/authorities/{name}/page/preview", "pages", "Try a page",
		"The page in HTML as visitors would see a content. Keeps nothing. An authority tries its own only.", ofChange...)), h.tryPage)
}
