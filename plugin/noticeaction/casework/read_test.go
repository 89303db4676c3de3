package casework

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

func TestList(t *testing.T) {
	d := newDesk(t, testPolicy())
	for _, name := range []string{"c.be", "a.be", "b.vlaanderen", "d.be"} {
		d.flag(name)
	}
	r := request("e.be")
	r.Authority = "fps-economy"
	if _, err := d.Flag(context.Background(), clerk, r); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		query ListQuery
		want  []string
		next  string
	}{
		{"all", ListQuery{Limit: 10}, []string{"a.be", "b.vlaanderen", "c.be", "d.be", "e.be"}, ""},
		{"exactly all", ListQuery{Limit: 5}, []string{"a.be", "b.vlaanderen", "c.be", "d.be", "e.be"}, ""},
		{"a page", ListQuery{Limit: 2}, []string{"a.be", "b.vlaanderen"}, "b.vlaanderen"},
		{"the next", ListQuery{Limit: 2, After: "B.vlaanderen"}, []string{"c.be", "d.be"}, "d.be"},
		{"after a name that is gone", ListQuery{Limit: 1, After: "bb.be"}, []string{"c.be"}, "c.be"},
		{"a zone", ListQuery{Limit: 10, Zone: "Vlaanderen."}, []string{"b.vlaanderen"}, ""},
		{"an authority", ListQuery{Limit: 10, Authority: "fps-economy"}, []string{"e.be"}, ""},
		{"a zone without", ListQuery{Limit: 10, Zone: "brussels"}, nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			flags, next, err := d.List(tt.query)
			var got []string
			for _, f := range flags {
				got = append(got, f.Name)
			}
			if err != nil || !slices.Equal(got, tt.want) || next != tt.next {
				t.Errorf("list = %q, next %q, %v; want %q, %q", got, next, err, tt.want, tt.next)
			}
		})
	}
	for field, q := range map[string]ListQuery{
		"limit":     {Limit: 1001},
		"zone":      {Limit: 1, Zone: "foo_bar"},
		"after":     {Limit: 1, After: `a\.be`},
		"authority": {Limit: 1, Authority: "A"},
	} {
		_, _, err := d.List(q)
		if e := refusalOf(t, err, Invalid); e.Field != field {
			t.Errorf("field = %q, want %q", e.Field, field)
		}
	}
}

func TestExportStops(t *testing.T) {
	d := newDesk(t, testPolicy())
	d.flag("a.be")
	d.flag("b.be")
	cause := errors.New("client gone")
	ok := func(uint64, int) error { return nil }
	if err := d.Export(context.Background(), ListQuery{}, func(uint64, int) error { return cause }, nil); !errors.Is(err, cause) {
		t.Errorf("error = %v, want that of begin", err)
	}
	if err := d.Export(context.Background(), ListQuery{}, ok, func([]byte) error { return cause }); !errors.Is(err, cause) {
		t.Errorf("error = %v, want that of each", err)
	}
	var many strings.Builder // more than are passed on at once
	for i := range 2000 {
		many.WriteString(importLine(fmt.Sprintf("name-%d.be", i)))
	}
	if _, err := d.importText("", many.String()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	n := 0
	err := d.Export(ctx, ListQuery{}, ok, func([]byte) error { n++; cancel(); return nil })
	if !errors.Is(err, context.Canceled) || n != 1 {
		t.Errorf("%d calls and %v; want 1 and %v", n, err, context.Canceled)
	}
}

// An export shows one generation whatever is changed while it runs.
func TestExportIsOfOneGeneration(t *testing.T) {
	d := newDesk(t, testPolicy())
	d.flag("a.be")
	d.flag("c.be")
	var got []string
	err := d.Export(context.Background(), ListQuery{Zone: "be"}, func(_ uint64, count int) error {
		d.flag("b.be")
		if count != 2 {
			t.Errorf("count = %d, want 2", count)
		}
		return nil
	}, func(lines []byte) error {
		for line := range bytes.Lines(lines) {
			var f store.Flag
			if err := json.Unmarshal(line, &f); err != nil {
				return err
			}
			got = append(got, f.Name)
		}
		return nil
	})
	if err != nil || !slices.Equal(got, []string{"a.be", "c.be"}) {
		t.Errorf("export = %q, %v; want a.be and c.be", got, err)
	}
}

func TestPreview(t *testing.T) {
	p := testPolicy()
	p.Protect = []string{"protected.be"}
	d := newDesk(t, p)
	d.flag("café.be")
	d.hold("held.be")
	for _, tt := range []struct {
		name, unicode    string
		flagged, allowed bool
	}{
		{"CAFÉ.be", "café.be", true, true},
		{"free.be", "free.be", false, true},
		{"held.be", "held.be", true, false},
		{"protected.be", "protected.be", false, false},
		{"www.free.be", "www.free.be", false, false},
	} {
		got, err := d.Preview(tt.name)
		if err != nil || got.Unicode != tt.unicode || got.Flagged != tt.flagged || got.Allowed != tt.allowed {
			t.Errorf("preview = %+v, %v; want %+v", got, err, tt)
		}
		if (got.Flag != nil) != tt.flagged || (got.Refusal == "") != tt.allowed {
			t.Errorf("preview = %+v does not agree with itself", got)
		}
	}
	p = testPolicy()
	p.Protect = []string{"protected.be"}
	p.Surroundings = func(string) Surroundings { return Surroundings{Known: true} }
	d.SetPolicy(p)
	for name, shown := range map[string]bool{"free.be": true, "protected.be": false, "www.free.be": false} {
		if got, err := d.Preview(name); err != nil || got.Allowed || (got.Surroundings != nil) != shown {
			t.Errorf("preview of %s = %+v, %v; want it refused, its surroundings shown: %v", name, got, err, shown)
		}
	}
	_, err := d.Preview("foo_bar.be")
	wantKind(t, err, Invalid)
}

func TestAudit(t *testing.T) {
	d := newDesk(t, testPolicy())
	for n := range 5 {
		r := request(fmt.Sprintf("n%d.be", n%2))
		r.Note = fmt.Sprintf(`%d "name":"n1.be"`, n)
		if _, err := d.Flag(context.Background(), clerk, r); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		query AuditQuery
		want  []uint64
		next  uint64
	}{
		{AuditQuery{Limit: 5}, []uint64{1, 2, 3, 4, 5}, 0},
		{AuditQuery{Limit: 2}, []uint64{1, 2}, 2},
		{AuditQuery{Limit: 2, After: 4}, []uint64{5}, 0},
		{AuditQuery{Limit: 1, Name: "N1.be"}, []uint64{2}, 2},
		{AuditQuery{Limit: 9, Name: "n1.be", After: 2}, []uint64{4}, 0},
		{AuditQuery{Limit: 9, After: 5}, nil, 0},
		{AuditQuery{Limit: 9, After: math.MaxUint64}, nil, 0},
	} {
		lines, next, err := d.Audit(tt.query)
		var got []uint64
		for _, line := range lines {
			e, err := store.DecodeEntry(line)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, e.Seq)
		}
		if err != nil || !slices.Equal(got, tt.want) || next != tt.next {
			t.Errorf("audit %+v = %d, next %d, %v; want %d, %d", tt.query, got, next, err, tt.want, tt.next)
		}
	}
	_, _, err := d.Audit(AuditQuery{})
	wantKind(t, err, Invalid)
	_, _, err = d.Audit(AuditQuery{Limit: 1, Name: "foo_bar"})
	wantKind(t, err, Invalid)
}

func TestStatus(t *testing.T) {
	d := newDesk(t, testPolicy())
	d.flag("a.be")
	d.flag("b.be")
	d.flag("c.brussels")
	s, err := d.Status()
	if err != nil || s.Generation != 3 || s.Flags != 3 || s.Zones["be"] != 2 || s.Zones["brussels"] != 1 || len(s.Zones) != 2 ||
		s.JournalLength != 3 || !s.LastCommit.Equal(noon) || s.Schema != store.Schema() || s.DatabaseBytes == 0 || s.TableBytes == 0 ||
		len(s.Digest) != 64 || len(s.JournalHead) != 64 {
		t.Errorf("status = %+v, %v", s, err)
	}
}

// A backup is a whole database of its moment, taken while the desk goes on.
func TestBackup(t *testing.T) {
	d := newDesk(t, testPolicy())
	d.flag("before.be")
	var copied bytes.Buffer
	var announced int64
	err := d.Backup(context.Background(), func(size int64) error {
		announced = size
		d.flag("after.be")
		return nil
	}, &copied)
	if err != nil || announced != int64(copied.Len()) {
		t.Fatalf("%d bytes announced, %d written, %v", announced, copied.Len(), err)
	}
	path := filepath.Join(t.TempDir(), "copy.db")
	if err := os.WriteFile(path, copied.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	restored := &desk{t: t, path: path}
	restored.setTime(noon)
	restored.open(testPolicy())
	defer restored.close()
	restored.wantRedirected("before.be")
	restored.flag("later.be")
	replay(t, restored.store)

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := d.Backup(ctx, func(int64) error { return nil }, &copied); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v, want %v", err, context.Canceled)
	}
}

func TestReadsOfABrokenStore(t *testing.T) {
	d := newDesk(t, testPolicy())
	d.flag("example.be")
	if err := os.Truncate(d.path, 8192); err != nil {
		t.Fatal(err)
	}
	_, err := d.Lookup("example.be")
	if e := refusalOf(t, err, Unavailable); !errors.Is(e, store.ErrDamaged) {
		t.Errorf("error = %v, want %v", e, store.ErrDamaged)
	}
	d.wantRedirected("example.be") // answers go on
}
