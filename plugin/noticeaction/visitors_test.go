package noticeaction

import (
	"testing"

	pageroom "github.com/coredns-na/coredns-na/plugin/noticeaction/page"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

// claimOf is the hold of a directive that has these zones.
func claimOf(origins ...string) *claim { return &claim{cfg: &config{origins: origins}} }

// flaggedSet is a set with the names flagged for apd-gba.
func flaggedSet(t *testing.T, names ...string) *redirect.Set {
	t.Helper()
	set := redirect.NewSet()
	var changes []redirect.Change
	for _, name := range names {
		changes = append(changes, redirect.Change{Entry: redirect.Entry{Name: name, Authority: "apd-gba"}})
	}
	if err := set.Apply(1, changes); err != nil {
		t.Fatal(err)
	}
	return set
}

// A visitor sees the page exactly where queries are answered with its address.
func TestFinder(t *testing.T) {
	set := flaggedSet(t, "example.be", "xn--caf-dma.be", "example.vlaanderen", "watched.brussels")
	exempting, observing := claimOf("be."), claimOf("brussels.")
	exempting.cfg.exempt = hostSet{"ns1.example.be.": true}
	observing.cfg.observe = true
	find := finder(set, []*claim{exempting, claimOf("vlaanderen."), observing})
	for host, want := range map[string]string{
		"example.be":         "example.be",
		"a.b.example.be":     "example.be",
		"_x.example.be":      "example.be",
		"www.xn--caf-dma.be": "xn--caf-dma.be",
		"example.vlaanderen": "example.vlaanderen",
		"ns1.example.be":     "", // keeps its own address
		"a.ns1.example.be":   "example.be",
		"watched.brussels":   "", // only observed
		"xexample.be":        "",
		"example.be.nl":      "",
		"be":                 "",
		"":                   "",
	} {
		name, authority, flagged := find(host)
		if flagged != (want != "") || name != want || flagged && authority != "apd-gba" {
			t.Errorf("%q: got %q of %q, %v; want %q", host, name, authority, flagged, want)
		}
	}
	if err := set.Apply(2, []redirect.Change{{Entry: redirect.Entry{Name: "example.be"}, Remove: true}}); err != nil {
		t.Fatal(err)
	}
	if name, _, flagged := find("example.be"); flagged {
		t.Errorf("given back, but got %q", name)
	}
}

func TestFinderAllocatesNothingForOthers(t *testing.T) {
	find := finder(flaggedSet(t, "example.be"), []*claim{claimOf("be.")})
	if n := testing.AllocsPerRun(100, func() { find("www.free.be") }); n > 1 { // the final dot
		t.Errorf("got %.0f allocations, want 1", n)
	}
}

func TestPublishedPagesWinOverTheFolder(t *testing.T) {
	content := func(title string) pageroom.Content {
		text := "# " + title + "\n\nText."
		return pageroom.Content{Texts: pageroom.Texts{NL: text, FR: text, DE: text, EN: text}}
	}
	folder, err := pageroom.New(content("Folder"))
	if err != nil {
		t.Fatal(err)
	}
	d, cfg := &desk{}, &config{contents: map[string]*pageroom.Page{"apd-gba": folder}}
	page := d.page(cfg)
	if page("apd-gba") != folder || page("other") != pageroom.Default("other") {
		t.Error("expected the folder's page, and else what is built in")
	}
	d.visitors.contents.publish(store.Page{Authority: "apd-gba", Version: 1, Content: content("Published")})
	if got := page("apd-gba"); got.Content() != content("Published") {
		t.Errorf("got %+v", got.Content())
	}
	d.visitors.contents.publish(store.Page{Authority: "apd-gba", Version: 2}) // no program of ours writes that
	if got := page("apd-gba"); got.Content() != content("Published") {
		t.Errorf("after one that cannot be shown: got %+v", got.Content())
	}
}

func BenchmarkFinder(b *testing.B) {
	find := finder(redirect.NewSet(), []*claim{claimOf("be."), claimOf("vlaanderen.", "brussels.")})
	b.ReportAllocs()
	var flagged bool
	for b.Loop() {
		_, _, flagged = find("www.free.be")
	}
	_ = flagged
}
