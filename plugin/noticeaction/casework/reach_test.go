package casework

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/reach"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

// eyes are a Policy's Look: what it says of all names, and which it was asked for.
type eyes struct {
	mu     sync.Mutex
	record reach.Record
	err    error
	asked  []string
}

func (e *eyes) look(_ context.Context, name string) (reach.Record, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked = append(e.asked, name)
	return e.record, e.err
}

// see changes what is there to see, and forgets who asked.
func (e *eyes) see(r reach.Record, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.record, e.err, e.asked = r, err, nil
}

// wantAsked fails unless just these names were looked up since see.
func (e *eyes) wantAsked(t testing.TB, names ...string) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	if got := slices.Sorted(slices.Values(e.asked)); !slices.Equal(got, names) {
		t.Errorf("looked up %q, want %q", got, names)
	}
}

// mailAt is a record with one exchange.
func mailAt(host string) reach.Record {
	return reach.Record{Mail: []reach.Exchange{{Preference: 10, Host: host, Addresses: []netip.Addr{netip.MustParseAddr("198.51.100.1")}}}}
}

func (e *eyes) policy() *Policy {
	p := testPolicy()
	p.Look = e.look
	return p
}

// wantMail fails unless the mail of a name goes to host, for the API and for answers; "" is nothing known.
func (d *desk) wantMail(name, host string, at time.Time) {
	d.t.Helper()
	r, err := d.Reach(name)
	if host == "" {
		wantKind(d.t, err, NotFound)
		return
	}
	if err != nil || len(r.Record.Mail) != 1 || r.Record.Mail[0].Host != host || !r.Record.At.Equal(at) {
		d.t.Errorf("reach of %s = %+v, %v; want %s as of %s", name, r, err, host, at)
	}
	d.telling.Lock()
	defer d.telling.Unlock()
	if told := d.reached[name]; told == nil || len(told.Mail) != 1 || told.Mail[0].Host != host {
		d.t.Errorf("told of %s: %+v, want %s", name, told, host)
	}
}

func codes(warnings []Warning) string {
	var all []string
	for _, w := range warnings {
		all = append(all, w.Code)
	}
	return strings.Join(all, " ")
}

func TestFlagRecordsReach(t *testing.T) {
	e := &eyes{record: mailAt("mx.example.net")}
	d := newDesk(t, e.policy())
	if r := d.flag("example.be"); len(r.Warnings) != 0 {
		t.Errorf("warnings %v", r.Warnings)
	}
	e.wantAsked(t, "example.be")
	d.wantMail("example.be", "mx.example.net", noon)
	if _, early := d.told(); !slices.Equal(early, []string{"example.be"}) {
		t.Errorf("told early of %q, want it before the table has the name", early)
	}
	e.see(mailAt("mx.other.net"), nil)
	if _, err := d.Flag(context.Background(), clerk, FlagRequest{Name: "example.be", Authority: "apd-gba", Reference: "R2"}); err != nil {
		t.Fatal(err)
	}
	e.wantAsked(t)
	d.wantMail("example.be", "mx.example.net", noon)
	if all := d.entries(); !all[0].Reach || all[1].Reach {
		t.Errorf("journal tells of a record in %v and %v, want the flag's alone", all[0].Reach, all[1].Reach)
	}

	d.reopen()
	d.wantMail("example.be", "mx.example.net", noon)
	if _, early := d.told(); !slices.Equal(early, []string{"example.be", "example.be"}) {
		t.Errorf("told early of %q, want it again before the table is loaded", early)
	}

	if _, err := d.Unflag(context.Background(), clerk, "example.be", "done", Match{}); err != nil {
		t.Fatal(err)
	}
	d.wantMail("example.be", "", noon)
	if names, early := d.told(); len(names) != 0 || len(early) != 3 {
		t.Errorf("told of %q, without the table of %q; want nothing left, said once the table lost the name", names, early)
	}
	d.flag("example.be")
	d.wantMail("example.be", "mx.other.net", noon)
	replay(t, d.store)
}

func TestFlagLooksUp(t *testing.T) {
	gone := errors.New("no resolver answered")
	for _, tt := range []struct {
		name     string
		record   reach.Record
		err      error
		warnings string
		recorded bool
	}{
		{"found", mailAt("mx.example.net"), nil, "", true},
		{"nothing there", reach.Record{}, nil, "", false},
		{"no answer", reach.Record{}, gone, reachUnknown, false},
		{"a part", mailAt("mx.example.net"), gone, reachUnknown, true},
		{"a redirect", reach.Record{}, reach.ErrRedirected, reachUnknown, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := &eyes{record: tt.record, err: tt.err}
			d := newDesk(t, e.policy())
			for _, dry := range []bool{true, false} {
				r, err := d.Flag(context.Background(), Order{Actor: "uid:1000", DryRun: dry}, request("example.be"))
				if err != nil || codes(r.Warnings) != tt.warnings {
					t.Errorf("dry run %v: warnings %v, %v; want %q", dry, r.Warnings, err, tt.warnings)
				}
				if names, _ := d.told(); dry && len(names) > 0 {
					t.Errorf("the dry run told of %q", names)
				}
			}
			if _, err := d.Reach("Example.be."); (err == nil) != tt.recorded {
				t.Errorf("reach: %v, want a record %v", err, tt.recorded)
			}
			if all := d.entries(); all[0].Reach != tt.recorded {
				t.Errorf("journal tells of a record: %v, want %v", all[0].Reach, tt.recorded)
			}
		})
	}
}

func TestReachOfNoFlag(t *testing.T) {
	d := newDesk(t, testPolicy())
	_, err := d.Reach("example.be")
	wantKind(t, err, NotFound)
	_, err = d.Reach("example..be")
	wantKind(t, err, Invalid)
	d.flag("example.be")
	_, err = d.Reach("example.be")
	wantKind(t, err, NotFound)
}

// What is refused for what the zone says is not looked up.
func TestRefusedIsNotLookedUp(t *testing.T) {
	e := &eyes{record: mailAt("mx.example.net")}
	p := e.policy()
	p.Surroundings = func(string) Surroundings { return Surroundings{Known: true} }
	d := newDesk(t, p)
	_, err := d.Flag(context.Background(), clerk, request("example.be"))
	wantKind(t, err, Forbidden)
	_, err = d.importText("", importLine("example.be"))
	wantKind(t, err, Invalid)
	e.wantAsked(t)
}

// A commit that fails is told to nobody.
func TestReachOfFailedCommit(t *testing.T) {
	e := &eyes{record: mailAt("mx.example.net")}
	d := newDesk(t, e.policy())
	d.Desk.Close()
	d.restart(func(change func(*store.Tx) error) error {
		return errors.Join(d.store.Try(change), errors.New("no space left on device"))
	})
	_, err := d.Flag(context.Background(), clerk, request("example.be"))
	wantKind(t, err, Unavailable)
	if names, _ := d.told(); len(names) != 0 {
		t.Errorf("told of %q", names)
	}
}

func TestImportLooksUp(t *testing.T) {
	e := &eyes{record: mailAt("mx.example.net")}
	d := newDesk(t, e.policy())
	d.flag("stands.be")
	e.see(mailAt("mx.new.net"), errors.New("no answer"))
	r, err := d.importText("key", importLine("a.be")+importLine("stands.be")+importLine("b.be"))
	if err != nil || len(r.Warnings) != 2 || r.Warnings[1].Name != "b.be" || !strings.Contains(r.Warnings[1].Detail, "no answer") {
		t.Fatalf("report = %+v, %v; want a warning for each new name", r, err)
	}
	e.wantAsked(t, "a.be", "b.be")
	d.wantMail("a.be", "mx.new.net", noon)
	d.wantMail("stands.be", "mx.example.net", noon)
	e.see(reach.Record{}, nil)
	if _, err := d.importText("key", importLine("a.be")+importLine("stands.be")+importLine("b.be")); err != nil {
		t.Fatal(err)
	}
	if _, err := d.importText("", importLine("c.be")+"no json\n"); err == nil {
		t.Fatal("imported what cannot be")
	}
	e.wantAsked(t)
	recorded := 0
	for _, entry := range d.entries() {
		if entry.Reach {
			recorded++
		}
	}
	if recorded != 3 {
		t.Errorf("%d entries tell of a record, want 3", recorded)
	}
}

func TestImportOfManyLooksUpNone(t *testing.T) {
	e := &eyes{record: mailAt("mx.example.net")}
	d := newDesk(t, e.policy())
	var body strings.Builder
	for n := range importLooks {
		body.WriteString(importLine(fmt.Sprintf("n%04d.be", n)))
	}
	r, err := d.importText("", body.String()+importLine("one-more.be"))
	if err != nil || len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0].Detail, "at most 1000") {
		t.Fatalf("warnings %+v, %v; want one", r.Warnings, err)
	}
	e.wantAsked(t)
	d.wantMail("n0000.be", "", noon)
}

func TestImportOfAsManyAsCanBeLooksUpAll(t *testing.T) {
	e := &eyes{record: mailAt("mx.example.net")}
	d := newDesk(t, e.policy())
	var body strings.Builder
	for n := range importLooks {
		body.WriteString(importLine(fmt.Sprintf("n%04d.be", n)))
	}
	if r, err := d.importText("", body.String()); err != nil || len(r.Warnings) != 0 {
		t.Fatalf("report %+v, %v", r, err)
	}
	if names, _ := d.told(); len(e.asked) != importLooks || len(names) != importLooks {
		t.Errorf("%d looked up, %d told; want %d", len(e.asked), len(names), importLooks)
	}
}

func TestLiftTellsThatReachIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &eyes{record: mailAt("mx.example.net")}
		d := realTime(t)
		d.SetPolicy(e.policy())
		d.flagUntil("soon.be", time.Now().Add(time.Minute))
		d.wantMail("soon.be", "mx.example.net", time.Now())
		time.Sleep(time.Minute)
		synctest.Wait()
		d.wantMail("soon.be", "", time.Now())
		if names, _ := d.told(); len(names) != 0 {
			t.Errorf("still told of %q", names)
		}
	})
}

// A day after it was last looked up, a name is looked up again; what then is not seen stays.
func TestRefresh(t *testing.T) {
	first := mailAt("mx.first.net")
	first.Servers = []string{"ns.first.net"}
	for _, tt := range []struct {
		name   string
		before reach.Record
		record reach.Record
		err    error
		want   string
		fresh  bool // the record is of the second look-up
	}{
		{"moved", first, mailAt("mx.second.net"), nil, "mx.second.net", true},
		{"mail not seen", first, reach.Record{Servers: []string{"ns.second.net"}}, nil, "mx.first.net", true},
		{"nothing seen", first, reach.Record{}, nil, "mx.first.net", false},
		{"no answer", first, reach.Record{}, errors.New("no answer"), "mx.first.net", false},
		{"a part", first, mailAt("mx.second.net"), errors.New("no answer"), "mx.first.net", false},
		{"the redirect", first, reach.Record{}, reach.ErrRedirected, "mx.first.net", false},
		{"nothing before", reach.Record{}, mailAt("mx.second.net"), nil, "mx.second.net", true},
		{"nothing before, a part", reach.Record{}, mailAt("mx.second.net"), errors.New("no answer"), "mx.second.net", true},
		{"nothing at all", reach.Record{}, reach.Record{}, nil, "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := &eyes{record: tt.before}
				d := realTime(t)
				d.SetPolicy(e.policy())
				start := time.Now()
				generation := d.flag("example.be").Generation

				e.see(tt.record, tt.err)
				time.Sleep(reachAge - time.Second)
				synctest.Wait()
				e.wantAsked(t)
				time.Sleep(reachEvery)
				synctest.Wait()
				e.wantAsked(t, "example.be")
				at := start
				if tt.fresh {
					at = start.Add(reachAge)
				}
				d.wantMail("example.be", tt.want, at)
				if d.generation() != generation || len(d.entries()) != 1 {
					t.Error("a refresh is no change of the flag")
				}
				time.Sleep(reachAge - reachEvery)
				synctest.Wait()
				e.wantAsked(t, "example.be")
				time.Sleep(2 * reachEvery)
				synctest.Wait()
				e.wantAsked(t, "example.be", "example.be")
			})
		})
	}
}

// Names that were flagged when nobody looked get their turn, page by page and few at a time.
func TestRefreshOfMany(t *testing.T) {
	const names = 2*reachPage + 5
	synctest.Test(t, func(t *testing.T) {
		d := realTime(t)
		for n := range names {
			d.flag(fmt.Sprintf("n%04d.be", n))
		}
		e := &eyes{record: mailAt("mx.example.net")}
		p := e.policy()
		busy := make(chan struct{}, reachAtOnce)
		p.Look = func(ctx context.Context, name string) (reach.Record, error) {
			select {
			case busy <- struct{}{}:
				defer func() { <-busy }()
			default:
				t.Error("too many look-ups at once")
			}
			time.Sleep(time.Second)
			return e.look(ctx, name)
		}
		d.SetPolicy(p)
		time.Sleep(reachEvery + names*time.Second)
		synctest.Wait()
		if told, _ := d.told(); len(told) != names {
			t.Errorf("told of %d, want %d", len(told), names)
		}
		if e.mu.Lock(); len(e.asked) != names {
			t.Errorf("%d looked up, want %d", len(e.asked), names)
		}
		e.mu.Unlock()
	})
}

// What happens to a flag while its name is looked up counts more.
func TestRefreshOfWhatChangesMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &eyes{record: mailAt("mx.first.net")}
		d := realTime(t)
		d.SetPolicy(e.policy())
		d.flag("gone.be")
		d.flag("again.be")
		slow := e.policy()
		slow.Look = func(context.Context, string) (reach.Record, error) {
			time.Sleep(3 * time.Second)
			return mailAt("mx.late.net"), nil
		}
		d.SetPolicy(slow)
		time.Sleep(reachAge + time.Second)
		synctest.Wait()
		for _, name := range []string{"gone.be", "again.be"} {
			if _, err := d.Unflag(context.Background(), clerk, name, "done", Match{}); err != nil {
				t.Fatal(err)
			}
		}
		e.see(mailAt("mx.second.net"), nil)
		d.SetPolicy(e.policy())
		d.flag("again.be")
		at := time.Now()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		d.wantMail("gone.be", "", at)
		d.wantMail("again.be", "mx.second.net", at)
		if names, _ := d.told(); !slices.Equal(names, []string{"again.be"}) {
			t.Errorf("told of %q, want again.be alone", names)
		}
	})
}

func TestCloseEndsRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := realTime(t)
		d.flag("example.be")
		p := testPolicy()
		p.Look = func(ctx context.Context, _ string) (reach.Record, error) {
			<-ctx.Done()
			return mailAt("mx.late.net"), context.Cause(ctx)
		}
		d.SetPolicy(p)
		time.Sleep(reachEvery)
		synctest.Wait()
		if err := d.Desk.Close(); err != nil {
			t.Error(err)
		}
		if names, _ := d.told(); len(names) != 0 {
			t.Errorf("told of %q after the end", names)
		}
	})
}
