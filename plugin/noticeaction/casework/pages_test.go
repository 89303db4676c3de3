package casework

import (
	"context"
	"errors"
	"strings"
	"testing"

	pageroom "github.com/coredns-na/coredns-na/plugin/noticeaction/page"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

func pageContent(title string) pageroom.Content {
	text := "# " + title + "\n\nText."
	return pageroom.Content{Texts: pageroom.Texts{NL: text, FR: text, DE: text, EN: text}}
}

func (d *desk) onPage(p store.Page) {
	d.telling.Lock()
	defer d.telling.Unlock()
	d.pages[p.Authority] = p
}

func (d *desk) seen(authority string) store.Page {
	d.telling.Lock()
	defer d.telling.Unlock()
	return d.pages[authority]
}

func TestPagesAreSeenOnceTheyAreDurable(t *testing.T) {
	d := newDesk(t, testPolicy())
	ctx := context.Background()
	first, err := d.PublishPage(ctx, clerk, "apd-gba", pageContent("One"), PageMatch{})
	if err != nil || !first.Created || !first.Changed || first.Page.Version != 1 || first.Page.By != clerk.Actor || !first.Page.Published.Equal(noon) {
		t.Fatalf("got %+v, %v", first, err)
	}
	if d.seen("apd-gba") != first.Page {
		t.Errorf("visitors see %+v", d.seen("apd-gba"))
	}
	if _, err := d.PublishPage(ctx, Order{Actor: "uid:0", DryRun: true}, "apd-gba", pageContent("Two"), PageMatch{}); err != nil || d.seen("apd-gba") != first.Page {
		t.Errorf("after a dry run (%v) visitors see %+v", err, d.seen("apd-gba"))
	}
	d.update = func(func(*store.Tx) error) error { return errors.New("no room") }
	if _, err := d.PublishPage(ctx, clerk, "apd-gba", pageContent("Two"), PageMatch{}); !isKind(err, Unavailable) || d.seen("apd-gba") != first.Page {
		t.Errorf("after a failed commit (%v) visitors see %+v", err, d.seen("apd-gba"))
	}
	d.update, d.errs = d.store.Update, nil
	if again, err := d.PublishPage(ctx, clerk, "apd-gba", pageContent("One"), PageMatch{}); err != nil || again.Changed || again.Page != first.Page {
		t.Errorf("the same again: %+v, %v", again, err)
	}
	second, err := d.PublishPage(ctx, clerk, "apd-gba", pageContent("Two"), PageMatch{Version: &first.Page.Version})
	if err != nil || second.Page.Version != 2 {
		t.Fatalf("got %+v, %v", second, err)
	}
	back, err := d.RestorePage(ctx, clerk, "apd-gba", 1, PageMatch{Any: true})
	if err != nil || back.Page.Version != 3 || back.Page.Repeats != 1 || back.Page.Content != first.Page.Content || back.Page.SHA256 != first.Page.SHA256 {
		t.Fatalf("got %+v, %v", back, err)
	}
	if _, err := d.PublishPage(ctx, clerk, "other", pageContent("Other"), PageMatch{Absent: true}); err != nil {
		t.Fatal(err)
	}
	d.reopen()
	if d.seen("apd-gba") != back.Page || d.seen("other").Version != 1 {
		t.Errorf("after a restart visitors see %+v and %+v", d.seen("apd-gba"), d.seen("other"))
	}
	var journal []store.Entry
	err = d.store.View(func(tx *store.Tx) error {
		for seq := range tx.Journal(0) {
			e, err := tx.Entry(seq)
			if err != nil {
				return err
			}
			journal = append(journal, e)
		}
		return nil
	})
	if err != nil || len(journal) != 4 {
		t.Fatalf("journal: %+v, %v", journal, err)
	}
	if e := journal[2]; e.Action != actionPage || e.Authority != "apd-gba" || e.Version != 3 || e.Record != first.Page.SHA256 || e.Actor != clerk.Actor {
		t.Errorf("journal: %+v", e)
	}
}

func TestPageRefusals(t *testing.T) {
	d := newDesk(t, testPolicy())
	ctx := context.Background()
	one, other := uint64(1), uint64(7)
	apd := Order{Actor: "desk-at-apd", Authority: "apd-gba"}
	if _, err := d.PublishPage(ctx, apd, "apd-gba", pageContent("One"), PageMatch{}); err != nil {
		t.Fatal(err)
	}
	publish := func(o Order, authority string, c pageroom.Content, m PageMatch) error {
		_, err := d.PublishPage(ctx, o, authority, c, m)
		return err
	}
	read := func(_ any, err error) error { return err }
	for _, tt := range []struct {
		name string
		err  error
		want Kind
	}{
		{"another authority's", publish(apd, "other", pageContent("Two"), PageMatch{}), Forbidden},
		{"no authority's", publish(clerk, "APD GBA", pageContent("Two"), PageMatch{}), Invalid},
		{"nobody's", publish(Order{}, "apd-gba", pageContent("Two"), PageMatch{}), Invalid},
		{"no text", publish(clerk, "apd-gba", pageroom.Content{}, PageMatch{}), Invalid},
		{"if there is none", publish(clerk, "apd-gba", pageContent("Two"), PageMatch{Absent: true}), Precondition},
		{"if it is another", publish(clerk, "apd-gba", pageContent("Two"), PageMatch{Version: &other}), Precondition},
		{"if there is one", publish(clerk, "other", pageContent("Two"), PageMatch{Any: true}), Precondition},
		{"if it is that", publish(clerk, "other", pageContent("Two"), PageMatch{Version: &one}), Precondition},
		{"roll back to none", read(d.RestorePage(ctx, clerk, "apd-gba", 7, PageMatch{})), NotFound},
		{"roll back where there is none", read(d.RestorePage(ctx, clerk, "other", 1, PageMatch{})), NotFound},
		{"read another authority's", read(d.Page(apd, "other", 0)), Forbidden},
		{"read none", read(d.Page(clerk, "other", 0)), NotFound},
	} {
		if !isKind(tt.err, tt.want) {
			t.Errorf("%s: got %v, want %s", tt.name, tt.err, tt.want)
		}
	}
	if p, err := d.Page(clerk, "apd-gba", 0); err != nil || p.Version != 1 || p.By != apd.Actor {
		t.Errorf("what was refused left %+v, %v", p, err)
	}
}

// What an older program let pass is not brought back: it would be the last version, and visitors would not see it.
func TestAVersionThatNoLongerPassesIsNotBroughtBack(t *testing.T) {
	d := newDesk(t, testPolicy())
	ctx := context.Background()
	bad := pageContent("One")
	bad.Texts.DE = "# Eins\n\n<b>Text</b>"
	err := d.store.Update(func(tx *store.Tx) error {
		_, err := tx.AddPage(store.Page{Authority: "apd-gba", Published: noon, By: "uid:0", Content: bad})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	second, err := d.PublishPage(ctx, clerk, "apd-gba", pageContent("Two"), PageMatch{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.RestorePage(ctx, clerk, "apd-gba", 1, PageMatch{}); !isKind(err, Invalid) || !strings.Contains(err.Error(), "line 3") {
		t.Errorf("got %v, want a refusal that says where", err)
	}
	if p, err := d.Page(clerk, "apd-gba", 0); err != nil || p.Version != second.Page.Version || d.seen("apd-gba") != second.Page {
		t.Errorf("got version %d, %v; visitors see %+v", p.Version, err, d.seen("apd-gba"))
	}
}
