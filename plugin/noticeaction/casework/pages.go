package casework

import (
	"context"
	"errors"
	"fmt"

	pageroom "github.com/coredns-na/coredns-na/plugin/noticeaction/page"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

const actionPage = "page"

// PageMatch makes a change of a page depend on the version that is there now (RFC 9110 section 13).
type PageMatch struct {
	Version *uint64 // If-Match: this is the last version
	Any     bool    // If-Match: *: there is one
	Absent  bool    // If-None-Match: *: there is none
}

// PageResult says what PublishPage or RestorePage did.
type PageResult struct {
	Page    store.Page // as visitors see it now
	Created bool       // the authority had none before
	Changed bool       // false: visitors see the same content already, and nothing was written
}

// PublishPage makes a content the page of an authority. The content is the authority's to give (Art. 4d): its own
// access may publish, and so may the registry, which gets it by mail. The same content again changes nothing. The
// refusal is an *Error of kind Invalid, Forbidden, Precondition or Unavailable.
func (d *Desk) PublishPage(ctx context.Context, o Order, authority string, c pageroom.Content, m PageMatch) (PageResult, error) {
	if _, err := CheckPage(c); err != nil {
		return PageResult{}, err
	}
	return d.changePage(ctx, o, authority, m, func(*batch) (store.Page, error) { return store.Page{Content: c}, nil })
}

// RestorePage publishes the content of an older version as a new version. The refusal is an *Error of kind
// Invalid, NotFound, Forbidden, Precondition or Unavailable.
func (d *Desk) RestorePage(ctx context.Context, o Order, authority string, version uint64, m PageMatch) (PageResult, error) {
	return d.changePage(ctx, o, authority, m, func(b *batch) (store.Page, error) {
		old, err := pageOf(b.tx, authority, version)
		if err == nil {
			_, err = CheckPage(old.Content) // an older program may have checked less, and visitors would not see it
		}
		return store.Page{Content: old.Content, Repeats: old.Version}, err
	})
}

// CheckPage wants a content that can be shown, and makes it into a page. The refusal is an *Error of kind
// Invalid that says where.
func CheckPage(c pageroom.Content) (*pageroom.Page, error) {
	p, err := pageroom.New(c)
	if refused := new(pageroom.Error); errors.As(err, &refused) {
		return nil, &Error{Kind: Invalid, Field: refused.Field, Detail: refused.Error()}
	}
	return p, err
}

func (d *Desk) changePage(ctx context.Context, o Order, authority string, m PageMatch, next func(*batch) (store.Page, error)) (r PageResult, err error) {
	if err := checkOrder(o); err != nil {
		return r, err
	}
	if err := o.pageOwn(authority); err != nil {
		return r, err
	}
	err = d.do(ctx, &operation{alone: true, dry: o.DryRun, run: func(b *batch) error {
		now, was, err := b.tx.LatestPage(authority)
		if err != nil {
			return err
		}
		if err := m.check(now, was); err != nil {
			return err
		}
		p, err := next(b)
		if err != nil {
			return err
		}
		if was && p.Content == now.Content {
			r = PageResult{Page: now}
			return nil
		}
		p.Authority, p.Published, p.By = authority, b.now, o.Actor
		if p, err = b.tx.AddPage(p); err != nil {
			return err
		}
		r = PageResult{Page: p, Created: !was, Changed: true}
		b.pages = append(b.pages, p)
		return b.tx.Append(store.Entry{
			Time: b.now, Generation: b.tx.Generation(), Actor: o.Actor, Action: actionPage,
			Authority: authority, Version: p.Version, Record: p.SHA256,
		})
	}})
	if err != nil {
		return PageResult{}, err
	}
	return r, nil
}

func (m PageMatch) check(now store.Page, was bool) error {
	switch {
	case m.Absent && was:
		return &Error{Kind: Precondition, Detail: fmt.Sprintf("expected no page of %s; there is one, in version %d", now.Authority, now.Version)}
	case (m.Any || m.Version != nil) && !was:
		return &Error{Kind: Precondition, Detail: "expected a page that was published; there is none"}
	case m.Version != nil && *m.Version != now.Version:
		return &Error{Kind: Precondition, Detail: fmt.Sprintf("expected version %d of the page; it is at %d", *m.Version, now.Version)}
	}
	return nil
}

// Page returns a version of an authority's page, the last one for 0. The refusal is an *Error of kind Invalid,
// NotFound, Forbidden or Unavailable.
func (d *Desk) Page(o Order, authority string, version uint64) (p store.Page, err error) {
	if err := o.pageOwn(authority); err != nil {
		return p, err
	}
	err = d.view(func(tx *store.Tx) error {
		p, err = pageOf(tx, authority, version)
		return err
	})
	return p, err
}

// Pages returns versions of an authority's page, oldest first, and what to put in after for the next; 0 at the
// end. The refusal is an *Error of kind Invalid, Forbidden or Unavailable.
func (d *Desk) Pages(o Order, authority string, after uint64, limit int) (all []store.Page, next uint64, err error) {
	if err := o.pageOwn(authority); err != nil {
		return nil, 0, err
	}
	err = d.view(func(tx *store.Tx) error {
		all, next, err = page(tx.Pages(authority, after), limit, func(p store.Page) uint64 { return p.Version }, func(store.Page) bool { return true })
		return err
	})
	return all, next, err
}

func pageOf(tx *store.Tx, authority string, version uint64) (p store.Page, err error) {
	var ok bool
	if version == 0 {
		p, ok, err = tx.LatestPage(authority)
	} else {
		p, ok, err = tx.Page(authority, version)
	}
	switch {
	case err != nil || ok:
		return p, err
	case version == 0:
		return p, &Error{Kind: NotFound, Field: "name", Value: authority, Detail: "expected an authority that a page was published for; its visitors see the one of the server's folder, or the one that is built in"}
	}
	return p, &Error{Kind: NotFound, Field: "version", Value: fmt.Sprint(version), Detail: "expected a version that was published"}
}

// pageOwn refuses the page of another authority, and what is the id of none.
func (o Order) pageOwn(authority string) error {
	if err := CheckAuthority(authority); err != nil {
		return err
	}
	if o.Authority != "" && o.Authority != authority {
		return &Error{Kind: Forbidden, Field: "name", Value: authority, Detail: "expected the page of " + o.Authority + "; those of others are not for an authority"}
	}
	return nil
}

// tellPages passes on the pages that a batch published.
func (d *Desk) tellPages(b *batch) {
	for _, p := range b.pages {
		d.onPage(p)
	}
}

// tellAllPages passes on the page of each authority that has one.
func (d *Desk) tellAllPages() error {
	return d.store.View(func(tx *store.Tx) error {
		for p, err := range tx.LatestPages() {
			if err != nil {
				return err
			}
			d.onPage(p)
		}
		return nil
	})
}
