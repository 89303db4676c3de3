package warnpage

import (
	"bytes"
	"html"
	"sync"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/page"
)

// documents keeps what was rendered, so that an answer costs no more than copying it. There is one entry for
// each authority that has had a name flagged, and language. Safe for concurrent use.
type documents struct{ byKey sync.Map } // key: *document

type key struct{ authority, language string }

// document is a page around the place of the name.
type document struct {
	of            *page.Page
	before, after []byte
}

// place stands where the name is to be. It is no name, and nothing in a page looks like it.
const place = "\ue000name\ue000"

// document returns the parts of the page for a redirected name.
func (h *Handler) document(language string, r Redirect) [][]byte {
	now := h.Page(r.Authority)
	k := key{r.Authority, language}
	d, ok := h.documents.byKey.Load(k)
	if !ok || d.(*document).of != now {
		d = h.render(now, k)
		h.documents.byKey.Store(k, d)
	}
	doc := d.(*document)
	return [][]byte{doc.before, []byte(html.EscapeString(r.Name)), doc.after}
}

func (h *Handler) render(p *page.Page, k key) *document {
	a, _ := h.Authorities.Find(k.authority)
	whole := p.Render(page.View{
		Language: k.language, Name: place, Authority: a.Names.In(k.language), Website: a.Website, Abuse: h.Abuse,
	})
	before, after, _ := bytes.Cut(whole, []byte(place))
	return &document{of: p, before: before, after: after}
}
