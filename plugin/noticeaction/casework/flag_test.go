package casework

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

func TestFlagReplaceUnflag(t *testing.T) {
	d := newDesk(t, testPolicy())
	ctx := context.Background()

	r := d.flag("Café.be.")
	want := store.Flag{Name: "xn--caf-dma.be", Authority: "apd-gba", Reference: "DOS-2026-00412", Since: noon, Changed: 1}
	if !r.Created || !r.Changed || r.Generation != 1 || r.Flag != want {
		t.Errorf("first: %+v, want it created as %+v", r, want)
	}
	if !d.redirected("xn--caf-dma.be") {
		t.Error("flagged, not in the table")
	}

	d.setTime(noon.Add(time.Hour))
	if r := d.flag("xn--caf-dma.be"); r.Created || r.Changed || r.Generation != 1 || r.Flag != want {
		t.Errorf("the same again: %+v, want no change of %+v", r, want)
	}

	replace := request("café.be")
	replace.Note, replace.NotAfter = "second notice", d.clock().Add(90*time.Minute+500*time.Millisecond)
	want.Note, want.NotAfter, want.Changed = "second notice", d.clock().Add(90*time.Minute), 2
	r, err := d.Flag(ctx, clerk, replace)
	if err != nil || r.Created || !r.Changed || r.Generation != 2 || r.Flag != want {
		t.Errorf("replaced: %+v, %v; want %+v", r, err, want)
	}
	if len(r.Warnings) != 1 || r.Warnings[0].Code != "expires-soon" {
		t.Errorf("warnings = %+v, want expires-soon", r.Warnings)
	}
	if got, err := d.Lookup("CAFÉ.be"); err != nil || got != want {
		t.Errorf("lookup = %+v, %v; want %+v", got, err, want)
	}

	r, err = d.Unflag(ctx, clerk, "Café.be", "complied", Match{})
	if err != nil || r.Flag != want || r.Generation != 3 {
		t.Errorf("unflagged: %+v, %v; want %+v", r, err, want)
	}
	if d.redirected("xn--caf-dma.be") {
		t.Error("unflagged, still in the table")
	}
	_, err = d.Lookup("café.be")
	wantKind(t, err, NotFound)

	var actions []string
	for _, e := range d.entries() {
		actions = append(actions, fmt.Sprint(e.Generation, e.Action, e.Reason))
	}
	if want := []string{"1flag", "2replace", "3unflagcomplied"}; !slices.Equal(actions, want) {
		t.Errorf("journal = %q, want %q", actions, want)
	}
	replay(t, d.store)
}

func TestFlagRefusals(t *testing.T) {
	long := strings.Repeat("é", 2001)
	for _, tt := range []struct {
		name   string
		change func(*Order, *FlagRequest)
		kind   Kind
		field  string
	}{
		{"no name", func(_ *Order, r *FlagRequest) { r.Name = "" }, Invalid, "name"},
		{"a name that is not registrable", func(_ *Order, r *FlagRequest) { r.Name = "www.example.be" }, Invalid, "name"},
		{"a protected name", func(_ *Order, r *FlagRequest) { r.Name = "protected.be" }, Forbidden, "name"},
		{"no authority", func(_ *Order, r *FlagRequest) { r.Authority = "" }, Invalid, "authority"},
		{"an authority in capitals", func(_ *Order, r *FlagRequest) { r.Authority = "APD" }, Invalid, "authority"},
		{"an authority of 64", func(_ *Order, r *FlagRequest) { r.Authority = strings.Repeat("a", 64) }, Invalid, "authority"},
		{"no reference", func(_ *Order, r *FlagRequest) { r.Reference = "" }, Invalid, "reference"},
		{"a blank reference", func(_ *Order, r *FlagRequest) { r.Reference = " \u00a0" }, Invalid, "reference"},
		{"a reference of 201", func(_ *Order, r *FlagRequest) { r.Reference = long[:402] }, Invalid, "reference"},
		{"a reference of two lines", func(_ *Order, r *FlagRequest) { r.Reference = "a\nb" }, Invalid, "reference"},
		{"a note of 2001", func(_ *Order, r *FlagRequest) { r.Note = long }, Invalid, "note"},
		{"a note that is not UTF-8", func(_ *Order, r *FlagRequest) { r.Note = "\xff" }, Invalid, "note"},
		{"an end that is now", func(_ *Order, r *FlagRequest) { r.NotAfter = noon }, Invalid, "not_after"},
		{"an end in this second", func(_ *Order, r *FlagRequest) { r.NotAfter = noon.Add(time.Second - 1) }, Invalid, "not_after"},
		{"an end beyond RFC 3339", func(_ *Order, r *FlagRequest) { r.NotAfter = noon.AddDate(8000, 0, 0) }, Invalid, "not_after"},
		{"no actor", func(o *Order, _ *FlagRequest) { o.Actor = "" }, Invalid, "actor"},
		{"an unknown force", func(o *Order, _ *FlagRequest) { o.Force = []Force{"majeure"} }, Invalid, "force"},
		{"a generation of a name that is not flagged", func(_ *Order, r *FlagRequest) { r.Match.Generation = new(uint64) }, Precondition, ""},
		{"absent, of a name that is flagged", func(_ *Order, r *FlagRequest) { r.Name, r.Match.Absent = "flagged.be", true }, Precondition, ""},
		{"an old generation", func(_ *Order, r *FlagRequest) { r.Name, r.Match.Generation = "flagged.be", new(uint64) }, Precondition, ""},
		{"a name that a case holds", func(_ *Order, r *FlagRequest) { r.Name = "held.be" }, Conflict, "name"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := testPolicy()
			p.Protect = []string{"protected.be"}
			d := newDesk(t, p)
			d.flag("flagged.be")
			d.hold("held.be")
			before, generation := d.entries(), d.generation()
			o, r := clerk, request("example.be")
			tt.change(&o, &r)
			for _, o.DryRun = range []bool{false, true} {
				_, err := d.Flag(context.Background(), o, r)
				if e := refusalOf(t, err, tt.kind); e.Field != tt.field {
					t.Errorf("field = %q, want %q", e.Field, tt.field)
				}
			}
			if d.generation() != generation || len(d.entries()) != len(before) || d.redirected("example.be") {
				t.Error("a refusal changed something")
			}
		})
	}
}

// hold puts a flag that a case holds, as later orders of the procedure do.
func (d *desk) hold(name string) {
	d.t.Helper()
	err := d.do(context.Background(), &operation{run: func(b *batch) error {
		f := store.Flag{Name: name, Authority: "apd-gba", Reference: "R", Case: "2026-1", Since: b.now}
		return b.put(b.tx.PutFlag, b.entry(clerk, actionFlag, b.tx.NextGeneration()), nil, &f, nil)
	}})
	if err != nil {
		d.t.Fatal(err)
	}
}

func TestFlagMatch(t *testing.T) {
	d := newDesk(t, testPolicy())
	r := request("example.be")
	r.Match.Absent = true
	first, err := d.Flag(context.Background(), clerk, r)
	if err != nil {
		t.Fatal(err)
	}
	d.flag("another.be") // another generation, not of this flag
	r.Match = Match{Generation: &first.Flag.Changed}
	r.Note = "changed"
	if _, err := d.Flag(context.Background(), clerk, r); err != nil {
		t.Errorf("the right generation: %v", err)
	}
	_, err = d.Unflag(context.Background(), clerk, "example.be", "late", Match{Generation: &first.Flag.Changed})
	wantKind(t, err, Precondition)
}

func TestUnflagRefusals(t *testing.T) {
	d := newDesk(t, testPolicy())
	d.flag("example.be")
	d.hold("held.be")
	for _, tt := range []struct {
		name, reason string
		kind         Kind
	}{
		{"absent.be", "why not", NotFound},
		{"held.be", "why not", Conflict},
		{"foo_bar.be", "why not", Invalid},
		{"example.be", "", Invalid},
		{"example.be", strings.Repeat("x", 2001), Invalid},
	} {
		_, err := d.Unflag(context.Background(), clerk, tt.name, tt.reason, Match{})
		wantKind(t, err, tt.kind)
	}
	if !d.redirected("example.be") || !d.redirected("held.be") || d.generation() != 2 {
		t.Error("a refusal changed something")
	}
}

func TestUnflagWhatThePolicyNoLongerAllows(t *testing.T) {
	d := newDesk(t, testPolicy())
	d.flag("example.be")
	d.SetPolicy(&Policy{Zones: []string{"brussels."}})
	_, err := d.Flag(context.Background(), clerk, request("other.be"))
	wantKind(t, err, Invalid)
	if _, err := d.Unflag(context.Background(), clerk, "example.be", "zone moved", Match{}); err != nil {
		t.Error(err)
	}
}

func TestDryRun(t *testing.T) {
	d := newDesk(t, testPolicy())
	d.flag("flagged.be")
	dry := clerk
	dry.DryRun = true
	ctx := context.Background()
	if r, err := d.Flag(ctx, dry, request("example.be")); err != nil || !r.Created || r.Generation != 2 || r.Flag.Changed != 2 {
		t.Errorf("flag: %+v, %v; want what would be", r, err)
	}
	if r, err := d.Unflag(ctx, dry, "flagged.be", "test", Match{}); err != nil || r.Flag.Name != "flagged.be" {
		t.Errorf("unflag: %+v, %v; want what would be", r, err)
	}
	if r, err := d.Import(ctx, dry, "key", strings.NewReader(`{"name":"i.be","authority":"a","reference":"r"}`)); err != nil || r.Created != 1 {
		t.Errorf("import: %+v, %v; want what would be", r, err)
	}
	if d.generation() != 1 || len(d.entries()) != 1 || d.set.Table().Len() != 1 {
		t.Error("a dry run changed something")
	}
}

// Orders that arrive together are judged one by one and committed together.
func TestGroup(t *testing.T) {
	d := newDesk(t, testPolicy())
	d.Desk.Close() // the group is put together by hand
	var results []error
	var ops []*operation
	for i, match := range []Match{{}, {Absent: true}, {}} {
		f := store.Flag{Name: "example.be", Authority: "apd-gba", Reference: fmt.Sprint(i)}
		ops = append(ops, &operation{done: make(chan struct{}), run: func(b *batch) error { _, err := b.flag(clerk, f, match, nil, nil); return err }})
	}
	commits := 0
	d.update = func(change func(*store.Tx) error) error { commits++; return d.store.Update(change) }
	d.serve(ops)
	for _, op := range ops {
		<-op.done
		results = append(results, op.err)
	}
	if results[0] != nil || results[2] != nil {
		t.Errorf("first and last: %v, %v", results[0], results[2])
	}
	wantKind(t, results[1], Precondition)
	if f, err := d.Lookup("example.be"); err != nil || f.Reference != "2" || f.Changed != 2 || commits != 1 {
		t.Errorf("%+v, %v in %d commits; want reference 2 of generation 2 in 1", f, err, commits)
	}
}

func TestCommitFailurePublishesNothing(t *testing.T) {
	d := newDesk(t, testPolicy())
	d.flag("before.be")
	d.Desk.Close()
	cause := errors.New("no space left on device")
	d.update = func(change func(*store.Tx) error) error {
		return errors.Join(d.store.Try(change), cause)
	}
	op := &operation{done: make(chan struct{}), run: func(b *batch) error {
		_, err := b.flag(clerk, store.Flag{Name: "lost.be", Authority: "apd-gba", Reference: "R"}, Match{}, nil, nil)
		return err
	}}
	d.serve([]*operation{op})
	if e := refusalOf(t, op.err, Unavailable); !errors.Is(e, cause) {
		t.Errorf("error = %v, want the cause %v in it", e, cause)
	}
	if d.redirected("lost.be") || !d.redirected("before.be") || d.generation() != 1 || d.set.Table().Generation() != 1 {
		t.Error("a failed commit is visible")
	}
	if len(d.errs) != 1 || d.w.brake.used != 0 {
		t.Errorf("%d errors reported and %d counted by the brake, want 1 and 0", len(d.errs), d.w.brake.used)
	}
}

func TestClosedDeskRefuses(t *testing.T) {
	d := newDesk(t, testPolicy())
	d.Desk.Close()
	_, err := d.Flag(context.Background(), clerk, request("example.be"))
	if e := refusalOf(t, err, Unavailable); !errors.Is(e, ErrClosed) {
		t.Errorf("error = %v, want %v", e, ErrClosed)
	}
}

func TestOrderGivenUpBeforeItBegan(t *testing.T) {
	d := newDesk(t, testPolicy())
	d.Desk.Close()
	d.stop = make(chan struct{}) // nobody serves, nobody refuses
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := d.Flag(ctx, clerk, request("example.be"))
	if e := refusalOf(t, err, Unavailable); !errors.Is(e, context.Canceled) {
		t.Errorf("error = %v, want %v", e, context.Canceled)
	}
}

func TestConcurrentCallers(t *testing.T) {
	d := newDesk(t, testPolicy())
	var all sync.WaitGroup
	for c := range 32 {
		all.Go(func() {
			for n := range 20 {
				name := fmt.Sprintf("c%dn%d.be", c, n%5)
				if _, err := d.Flag(context.Background(), clerk, request(name)); err != nil {
					t.Error(err)
				}
				if !d.redirected(name) {
					t.Errorf("%s was acknowledged and is not in the table", name)
				}
				if _, err := d.Lookup(name); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if n := d.set.Table().Len(); n != 32*5 {
		t.Errorf("table of %d, want %d", n, 32*5)
	}
	replay(t, d.store)
}

func TestAuthoritiesAreBounded(t *testing.T) {
	d := newDesk(t, testPolicy())
	var body strings.Builder
	for n := range maxAuthorities {
		fmt.Fprintf(&body, `{"name":"n%d.be","authority":"a%d","reference":"r"}`+"\n", n, n)
	}
	if r, err := d.Import(context.Background(), clerk, "", strings.NewReader(body.String())); err != nil {
		t.Fatal(err, r.Errors)
	}
	for range 2 {
		r := request("one-more.be")
		r.Authority = "one-more"
		_, err := d.Flag(context.Background(), clerk, r)
		if e := refusalOf(t, err, Invalid); e.Field != "authority" {
			t.Errorf("field = %q, want authority", e.Field)
		}
		r.Authority = "a7"
		if _, err := d.Flag(context.Background(), clerk, r); err != nil {
			t.Errorf("a known authority: %v", err)
		}
		d.reopen()
	}
}

func TestOpenRefusesABadPolicy(t *testing.T) {
	s, err := store.Open(filepath.Join(t.TempDir(), "na.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := Open(Config{Store: s, Set: redirect.NewSet(), Policy: &Policy{Zones: []string{"."}}}); err == nil {
		t.Error("a policy that does not validate was taken")
	}
}
