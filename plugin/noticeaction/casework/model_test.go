package casework

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"

	"pgregory.net/rapid"
)

// machine holds a desk against a model: a map of the flags.
type machine struct {
	*desk
	model map[string]store.Flag
}

var (
	anyName      = rapid.SampledFrom([]string{"a.be", "b.be", "c.vlaanderen", "d.be"})
	anyAuthority = rapid.SampledFrom([]string{"apd-gba", "fps-economy"})
	anyMinutes   = rapid.IntRange(0, 3)
)

func (m *machine) request(t *rapid.T) FlagRequest {
	r := FlagRequest{Name: anyName.Draw(t, "name"), Authority: anyAuthority.Draw(t, "authority"), Reference: "R"}
	if n := anyMinutes.Draw(t, "minutes"); n > 0 {
		r.NotAfter = m.clock().Add(time.Duration(n) * time.Minute)
	}
	return r
}

// expect brings into the model what a request that is accepted does.
func (m *machine) expect(r FlagRequest, generation uint64) {
	f := store.Flag{Name: r.Name, Authority: r.Authority, Reference: r.Reference, NotAfter: r.NotAfter, Since: m.clock(), Changed: generation}
	if old, ok := m.model[r.Name]; ok {
		if same(old, f) {
			return
		}
		f.Since = old.Since
	}
	m.model[r.Name] = f
}

func (m *machine) Flag(t *rapid.T) {
	r := m.request(t)
	result, err := m.Desk.Flag(context.Background(), clerk, r)
	if err != nil {
		t.Fatal(err)
	}
	m.expect(r, result.Generation)
}

func (m *machine) Unflag(t *rapid.T) {
	name := anyName.Draw(t, "name")
	_, err := m.Desk.Unflag(context.Background(), clerk, name, "test", Match{})
	if _, ok := m.model[name]; ok != (err == nil) {
		t.Fatalf("unflag %s: %v, flagged: %v", name, err, ok)
	}
	delete(m.model, name)
}

func (m *machine) Import(t *rapid.T) {
	var body strings.Builder
	requests := make(map[string]FlagRequest)
	for range rapid.IntRange(1, 4).Draw(t, "lines") {
		r := m.request(t)
		r.NotAfter = time.Time{}
		if _, ok := requests[r.Name]; ok {
			continue
		}
		requests[r.Name] = r
		body.WriteString(strings.Replace(importLine(r.Name), "apd-gba", r.Authority, 1))
	}
	report, err := m.importText("", body.String())
	if err != nil {
		t.Fatal(err, report.Errors)
	}
	for _, r := range requests {
		m.expect(r, report.Generation)
	}
}

// Pass lets time pass, and has a change bring the writer to look at the clock.
func (m *machine) Pass(t *rapid.T) {
	m.setTime(m.clock().Add(time.Duration(rapid.IntRange(1, 90).Draw(t, "seconds")) * time.Second))
	for name, f := range m.model {
		if !f.NotAfter.IsZero() && !f.NotAfter.After(m.clock()) {
			delete(m.model, name)
		}
	}
	m.Flag(t)
}

// Reopen stops and starts; the lock and the file are as a crash between two commits would leave them.
func (m *machine) Reopen(*rapid.T) { m.reopen() }

// Check compares store, table, digest and journal with the model after each step.
func (m *machine) Check(t *rapid.T) {
	status, err := m.Status()
	if err != nil {
		t.Fatal(err)
	}
	table := m.set.Table()
	if status.Flags != len(m.model) || table.Len() != len(m.model) || table.Generation() != status.Generation {
		t.Fatalf("%d flags in generation %d, table of %d in %d; want %d", status.Flags, status.Generation, table.Len(), table.Generation(), len(m.model))
	}
	var digest redirect.Digest
	for name, want := range m.model {
		got, err := m.Lookup(name)
		if err != nil || got != want {
			t.Fatalf("flag = %+v, %v; want %+v", got, err, want)
		}
		if id, ok := table.Lookup(name); !ok || table.Authority(id) != want.Authority {
			t.Fatalf("%s in the table: %v, by %q; want %q", name, ok, table.Authority(id), want.Authority)
		}
		digest.Add(store.Flag{Name: name, Authority: want.Authority, NotAfter: want.NotAfter}.Entry())
	}
	if status.Digest != digest.String() {
		t.Fatalf("digest = %s, want %s", status.Digest, digest)
	}
}

func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := newDesk(t, testPolicy())
		m := &machine{desk: d, model: make(map[string]store.Flag)}
		defer d.close()
		rt.Repeat(map[string]func(*rapid.T){
			"flag": m.Flag, "unflag": m.Unflag, "import": m.Import, "pass": m.Pass, "reopen": m.Reopen, "": m.Check,
		})
		replay(t, d.Desk.store)
	})
}
