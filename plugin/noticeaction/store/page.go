package store

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/page"
)

var pagesBucket = []byte("pages") // authority and version: page

// Page is a version of an authority's warning page (Art. 4d). Once put it stays as it is: what visitors read,
// and when, is evidence.
type Page struct {
	Authority string       `json:"authority"`         // its id
	Version   uint64       `json:"version"`           // from 1
	Published time.Time    `json:"published"`         // UTC, whole seconds
	By        string       `json:"by"`                // who published it
	Repeats   uint64       `json:"repeats,omitempty"` // the older version whose content it brings back; 0: none
	SHA256    string       `json:"sha256"`            // of the content, in hex; the journal holds it too
	Content   page.Content `json:"content"`
}

// AddPage puts the next version of an authority's page, and returns it with its number and sum. The id is
// 1..100 bytes without a zero byte.
func (tx *Tx) AddPage(p Page) (Page, error) {
	what := "page of " + p.Authority
	if err := checkID(what, p.Authority); err != nil {
		return p, err
	}
	before, _, err := tx.LatestPage(p.Authority)
	if err != nil {
		return p, err
	}
	p.Version, p.SHA256 = before.Version+1, p.Content.Sum()
	record, err := json.Marshal(p)
	if err == nil {
		_, err = decodePage(p.Authority, p.Version, record)
	}
	if err != nil {
		return p, unfit(what, record)
	}
	return p, tx.set(tx.bucket(pagesBucket), what, pageKey(p.Authority, p.Version), record)
}

// Page returns a version of an authority's page, if there is one.
func (tx *Tx) Page(authority string, version uint64) (p Page, ok bool, err error) {
	v := tx.bucket(pagesBucket).Get(pageKey(authority, version))
	if v == nil {
		return Page{}, false, nil
	}
	p, err = decodePage(authority, version, v)
	return p, err == nil, err
}

// LatestPage returns the last version of an authority's page, if there is any.
func (tx *Tx) LatestPage(authority string) (p Page, ok bool, err error) {
	_, version, ok := splitKey(last(tx.bucket(pagesBucket), idPrefix(authority)))
	if !ok {
		return Page{}, false, nil
	}
	return tx.Page(authority, version)
}

// Pages yields the versions of an authority's page after one, oldest first, until the first error. None must
// be added while it runs.
func (tx *Tx) Pages(authority string, after uint64) iter.Seq2[Page, error] {
	return func(yield func(Page, error) bool) {
		for key, v := range under(tx.bucket(pagesBucket), idPrefix(authority)) {
			_, version, ok := splitKey(key)
			if ok && version <= after {
				continue
			}
			p, err := decodePage(authority, version, v)
			if !yield(p, err) || err != nil {
				return
			}
		}
	}
}

// LatestPages yields the last version of each page, until the first error.
func (tx *Tx) LatestPages() iter.Seq2[Page, error] {
	return func(yield func(Page, error) bool) {
		c := tx.bucket(pagesBucket).Cursor()
		for key, _ := c.First(); key != nil; {
			authority, _, ok := splitKey(key)
			if !ok {
				yield(Page{}, unreadable("page"))
				return
			}
			p, _, err := tx.LatestPage(authority)
			if !yield(p, err) || err != nil {
				return
			}
			if key, _ = c.Seek(pageKey(authority, p.Version)); key != nil {
				key, _ = c.Next()
			}
		}
	}
}

func pageKey(authority string, version uint64) []byte {
	return binary.BigEndian.AppendUint64(idPrefix(authority), version)
}

func decodePage(authority string, version uint64, b []byte) (Page, error) {
	p, err := decodeRecord[Page](b)
	if err != nil || p.Authority != authority || p.Version != version || p.SHA256 != p.Content.Sum() {
		return Page{}, unreadable(fmt.Sprintf("version %d of the page of %s", version, authority))
	}
	return p, nil
}
