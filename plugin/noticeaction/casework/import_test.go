package casework

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func (d *desk) importText(key, body string) (ImportReport, error) {
	return d.Import(context.Background(), clerk, key, strings.NewReader(body))
}

func importLine(name string) string {
	return fmt.Sprintf(`{"name":%q,"authority":"apd-gba","reference":"R"}`, name) + "\n"
}

func TestImport(t *testing.T) {
	d := newDesk(t, testPolicy())
	d.flag("replaced.be")
	if _, err := d.Flag(context.Background(), clerk, FlagRequest{Name: "same.be", Authority: "apd-gba", Reference: "R"}); err != nil {
		t.Fatal(err)
	}
	body := importLine("Café.be") + "\r\n  \n" + importLine("replaced.be") + importLine("same.be") +
		`{"name":"last.be","authority":"fps","reference":"R","not_after":"2026-06-01T00:00:00+02:00","note":"n"}` // no line end
	r, err := d.importText("", body)
	want := ImportReport{Lines: 4, Created: 2, Replaced: 1, Unchanged: 1, Generation: 3}
	if err != nil || fmt.Sprint(r) != fmt.Sprint(want) {
		t.Fatalf("report = %+v, %v; want %+v", r, err, want)
	}
	f, err := d.Lookup("last.be")
	if end := time.Date(2026, 5, 31, 22, 0, 0, 0, time.UTC); err != nil || !f.NotAfter.Equal(end) || f.Note != "n" || f.Changed != 3 || f.Since != noon {
		t.Errorf("last.be = %+v, %v", f, err)
	}
	for _, name := range []string{"xn--caf-dma.be", "replaced.be", "same.be", "last.be"} {
		if !d.redirected(name) {
			t.Errorf("%s is not in the table", name)
		}
	}
	imported := 0
	for _, e := range d.entries() {
		if e.Action == "import" {
			imported++
		}
	}
	if imported != 3 {
		t.Errorf("%d import entries in the journal, want one for each name that changed: 3", imported)
	}
	replay(t, d.store)
}

func TestImportRefusesLines(t *testing.T) {
	for _, tt := range []struct{ name, line, text string }{
		{"no JSON", "example.be", "expected a JSON object"},
		{"not closed", `{"name":"example.be"`, "ends within it"},
		{"an array", `["example.be"]`, "got array"},
		{"two objects", strings.TrimSpace(importLine("a.be")) + importLine("b.be"), "got more"},
		{"a stray bracket", strings.TrimSpace(importLine("a.be")) + "}", "got more"},
		{"an unknown key", `{"name":"a.be","authority":"a","reference":"r","ttl":3}`, `"ttl"`},
		{"a name that is a number", `{"name":3,"authority":"a","reference":"r"}`, "name: expected a string, got number"},
		{"a time that is none", `{"name":"a.be","authority":"a","reference":"r","not_after":"tomorrow"}`, "RFC 3339"},
		{"a time that has passed", `{"name":"a.be","authority":"a","reference":"r","not_after":"2026-05-12T12:00:00Z"}`, "in the future"},
		{"a time long ago", `{"name":"a.be","authority":"a","reference":"r","not_after":"0001-01-01T00:00:00Z"}`, "in the future"},
		{"a time almost as long ago", `{"name":"a.be","authority":"a","reference":"r","not_after":"0001-01-01T01:00:00.5+01:00"}`, "in the future"},
		{"that time in a line of an export", `{"name":"a.be","authority":"a","reference":"r","changed":3,"not_after":"0001-01-01T00:00:00Z"}`, "in the future"},
		{"a since to come", `{"name":"a.be","authority":"a","reference":"r","since":"2026-05-12T12:00:01Z"}`, "has passed"},
		{"a changed that is a text", `{"name":"a.be","authority":"a","reference":"r","changed":"3"}`, "whole number"},
		{"a key twice", `{"name":"a.be","authority":"a","reference":"r","name":"b.be"}`, `each key once, got "name"`},
		{"a key twice, once in capitals", `{"name":"a.be","authority":"a","reference":"r","Name":"b.be"}`, `each key once, got "Name"`},
		{"a key twice, once escaped", `{"name":"a.be","authority":"a","reference":"r","n\u0061me":"b.be"}`, `each key once, got "name"`},
		{"a key twice, once with a long s", `{"name":"a.be","authority":"a","reference":"r","since":null,"ſince":null}`, "each key once"},
		{"bytes that are no UTF-8", `{"name":"a.be","authority":"a","reference":"` + "\xff" + `"}`, "expected UTF-8"},
		{"half a surrogate pair", `{"name":"a.be","authority":"a","reference":"\ud83d"}`, "in pairs"},
		{"no name", `{"authority":"a","reference":"r"}`, "got none"},
		{"null", `null`, "got none"},
		{"no authority", `{"name":"a.be","reference":"r"}`, "authority"},
		{"no reference", `{"name":"a.be","authority":"a"}`, "reference"},
		{"not registrable", importLine("www.a.be"), "one label"},
		{"a public suffix", importLine("ac.be"), "public suffix"},
		{"a name that a case holds", importLine("held.be"), "case 2026-1"},
		{"the first name again", importLine("Good.be"), "line 1 already"},
		{"a long line", `{"note":"` + strings.Repeat("x", maxLine) + `"}`, "65536 bytes"},
		{"a very long line", strings.Repeat("x", 5*maxLine), "65536 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t, testPolicy())
			d.hold("held.be")
			r, err := d.importText("key", importLine("good.be")+tt.line+"\n"+importLine("another.be"))
			wantKind(t, err, Invalid)
			if r.Lines != 3 || len(r.Errors) != 1 || r.Errors[0].Line != 2 || !strings.Contains(r.Errors[0].Detail, tt.text) {
				t.Errorf("report = %+v, want 3 lines and line 2 refused with %q", r, tt.text)
			}
			if r.Created+r.Replaced+r.Unchanged != 0 || r.Generation != 0 {
				t.Errorf("report = %+v of an import that did nothing", r)
			}
			if d.redirected("good.be") || d.generation() != 1 {
				t.Error("a refused import changed something")
			}
		})
	}
}

// A restored export does not fail on flags that would have lifted by themselves since.
func TestImportOfLapsedLines(t *testing.T) {
	d := newDesk(t, testPolicy())
	d.flag("now.be")
	lapsed := `{"name":"%s","authority":"a","reference":"r","not_after":"2026-05-12T12:00:00Z","since":"2026-05-01T00:00:00Z","changed":3}` + "\n"
	none := `{"name":"none.be","authority":"a","reference":"r","not_after":null,"changed":3}` + "\n"
	r, err := d.importText("", fmt.Sprintf(lapsed, "a.be")+fmt.Sprintf(lapsed, "now.be")+importLine("b.be")+none)
	if err != nil || r.Lines != 4 || r.Lapsed != 2 || r.Created != 2 || r.Replaced != 0 {
		t.Errorf("%+v, %v; want two lines lapsed and two created", r, err)
	}
	if f, err := d.Lookup("none.be"); err != nil || !f.NotAfter.IsZero() {
		t.Errorf("null: %+v, %v; want no not_after", f, err)
	}
	if d.redirected("a.be") || !d.redirected("now.be") {
		t.Error("a lapsed line changed something")
	}
	if r, err := d.importText("", fmt.Sprintf(lapsed, "a.be")); err != nil || r.Lapsed != 1 || r.Generation != d.generation() {
		t.Errorf("nothing but lapsed lines: %+v, %v", r, err)
	}
}

func TestImportTellsTheFirstErrors(t *testing.T) {
	d := newDesk(t, testPolicy())
	r, err := d.importText("", importLine("a.be")+strings.Repeat("x\n", 150)+importLine("a.be"))
	wantKind(t, err, Invalid)
	if r.Lines != 152 || len(r.Errors) != 100 || r.MoreErrors != 50 || r.Errors[0].Line != 2 || r.Errors[99].Line != 101 {
		t.Errorf("%d lines, %d errors and %d more; want 152, 100 and 50", r.Lines, len(r.Errors), r.MoreErrors)
	}
}

func TestImportBodyThatCannotBeRead(t *testing.T) {
	d := newDesk(t, testPolicy())
	cause := errors.New("request body too large")
	body := io.MultiReader(strings.NewReader(importLine("a.be")), iotest.ErrReader(cause))
	_, err := d.Import(context.Background(), clerk, "", body)
	if e := refusalOf(t, err, Invalid); !errors.Is(e, cause) {
		t.Errorf("error = %v, want the cause %v in it", e, cause)
	}
	_, err = d.importText("", "\n \n")
	wantKind(t, err, Invalid)
	if d.generation() != 0 {
		t.Error("a refused import changed something")
	}
}

func TestImportIdempotencyKey(t *testing.T) {
	d := newDesk(t, testPolicy())
	body := `{"name":"a.be","authority":"a","reference":"r","not_after":"2026-05-12T13:00:00Z"}`
	first, err := d.importText("k1", body)
	if err != nil {
		t.Fatal(err)
	}
	d.reopen()
	d.setTime(noon.Add(2 * time.Hour)) // the flag is lifted by now, and the body would be refused
	first.Replayed, first.First = true, noon
	if again, err := d.importText("k1", body); err != nil || fmt.Sprint(again) != fmt.Sprint(first) {
		t.Errorf("the same again: %+v, %v; want %+v", again, err, first)
	}
	if d.redirected("a.be") {
		t.Error("it was imported again")
	}
	_, err = d.importText("k1", importLine("b.be"))
	wantKind(t, err, Conflict)
	if _, err := d.Import(context.Background(), Order{Actor: "another"}, "k1", strings.NewReader(importLine("c.be"))); err != nil {
		t.Errorf("the same key from another actor: %v", err)
	}
	unchanged, err := d.importText("k2", importLine("c.be"))
	if err != nil || unchanged.Unchanged != 1 {
		t.Fatalf("%+v, %v; want it unchanged", unchanged, err)
	}
	unchanged.Replayed, unchanged.First = true, d.clock()
	if again, err := d.importText("k2", importLine("c.be")); err != nil || fmt.Sprint(again) != fmt.Sprint(unchanged) {
		t.Errorf("unchanged again: %+v, %v; want %+v", again, err, unchanged)
	}
	d.setTime(noon.Add(24 * time.Hour))
	if r, err := d.importText("k1", importLine("b.be")); err != nil || r.Created != 1 {
		t.Errorf("after a day: %+v, %v; want the key to be free", r, err)
	}
	_, err = d.importText(strings.Repeat("k", 201), importLine("d.be"))
	wantKind(t, err, Invalid)
}

// An export can be imported into an empty desk, which is then the same but for cases and generations.
func TestExportRoundTrip(t *testing.T) {
	from := newDesk(t, testPolicy())
	from.flag("a.be")
	from.setTime(noon.Add(time.Hour))
	from.hold("held.be")
	r := request("café.vlaanderen")
	r.NotAfter, r.Note = noon.AddDate(0, 1, 0), "line\nline <&>"
	if _, err := from.Flag(context.Background(), clerk, r); err != nil {
		t.Fatal(err)
	}
	var body bytes.Buffer
	flags := 0
	begin := func(generation uint64, count int) error {
		if generation != 3 || count != 3 {
			t.Errorf("generation %d of %d flags, want 3 and 3", generation, count)
		}
		return nil
	}
	each := func(lines []byte) error {
		flags += bytes.Count(lines, []byte{'\n'})
		body.Write(lines)
		return nil
	}
	if err := from.Export(context.Background(), ListQuery{}, begin, each); err != nil || flags != 3 {
		t.Fatalf("%d flags, %v; want 3", flags, err)
	}
	to := newDesk(t, testPolicy())
	to.setTime(from.clock())
	if report, err := to.importText("", body.String()); err != nil || report.Created != 3 {
		t.Fatalf("%+v, %v; want 3 created", report, err)
	}
	for _, name := range []string{"a.be", "held.be", "xn--caf-dma.vlaanderen"} {
		want, err := from.Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		want.Case, want.Changed = "", 1
		if got, err := to.Lookup(name); err != nil || got != want {
			t.Errorf("%+v, %v; want %+v", got, err, want)
		}
	}
	a, errA := from.Status()
	b, errB := to.Status()
	if errA != nil || errB != nil || a.Digest != b.Digest {
		t.Errorf("digests %s and %s, %v, %v; want them equal", a.Digest, b.Digest, errA, errB)
	}
}

func FuzzImportLine(f *testing.F) {
	f.Add([]byte(importLine("example.be")))
	f.Add([]byte(`{"name":"a.be","authority":"a","reference":"r","not_after":"2026-06-01T00:00:00Z","since":"2026-01-01T00:00:00Z"}`))
	f.Add([]byte(`{"name":null}`))
	f.Add([]byte(`[]`))
	p := testPolicy()
	f.Fuzz(func(t *testing.T, line []byte) {
		in := &importer{order: clerk, now: noon, checker: p.checker(nil)}
		defer in.forget()
		if err := in.read(context.Background(), bytes.NewReader(line)); err != nil {
			return
		}
		items := slices.Concat(in.blocks...)
		if n := len(items) + len(in.report.Errors) + in.report.MoreErrors; n > in.report.Lines || n == 0 {
			t.Fatalf("%d lines became %d items and %d errors", in.report.Lines, len(items), len(in.report.Errors))
		}
		for _, it := range items {
			if again, err := nameFor(p, it.name); err != nil || again != it.name {
				t.Fatalf("name %q: %q, %v", it.name, again, err)
			}
		}
	})
}

// What an import allocates for a line is about what it has the collector wait for.
func TestImportHeap(t *testing.T) {
	const lines = 20_000
	d := newDesk(t, testPolicy())
	for _, reference := range []string{"created", "replaced"} {
		var body strings.Builder
		for i := range lines {
			fmt.Fprintf(&body, `{"name":"name%06d.be","authority":"apd-gba","reference":%q}`+"\n", i, reference)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := d.Import(context.Background(), Order{Actor: clerk.Actor, Force: []Force{ForceBrake}}, "", strings.NewReader(body.String()))
		runtime.ReadMemStats(&after)
		if err != nil {
			t.Fatal(err)
		}
		if line := (after.TotalAlloc - before.TotalAlloc) / lines; line < heapPerLine/2 || line > heapPerLine*5/4 {
			t.Errorf("%s: an import allocates %d bytes for a line, expected about %d", reference, line, heapPerLine)
		}
	}
}

// TestImportAtAGlance asks the zone only about names of which a glance does not tell enough.
func TestImportAtAGlance(t *testing.T) {
	p := testPolicy()
	seen := Surroundings{Known: true, Delegated: true, HostsKnown: true}
	p.Glance = func(name string, now bool) (Surroundings, bool) {
		if now {
			t.Errorf("asked about %s as of now", name)
		}
		s := seen
		s.Delegated = name != "absent.be"
		return s, name != "signed.be"
	}
	p.Surroundings = func(name string) Surroundings {
		if name != "signed.be" {
			t.Errorf("asked about %s", name)
		}
		s := seen
		s.DS, s.Unsigned = true, true
		return s
	}
	d := newDesk(t, p)
	report, err := d.importText("", importLine("clear.be")+importLine("signed.be"))
	if err != nil || report.Created != 2 || len(report.Warnings) != 1 || report.Warnings[0].Name != "signed.be" {
		t.Errorf("report = %+v, %v; want two names and a warning about signed.be", report, err)
	}
	report, err = d.importText("", importLine("absent.be"))
	if err == nil || len(report.Errors) != 1 {
		t.Errorf("report = %+v, %v; want absent.be refused", report, err)
	}
}
