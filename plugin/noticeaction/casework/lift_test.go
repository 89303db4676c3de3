package casework

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

// realTime makes a desk that goes by the clock of a synctest bubble.
func realTime(t *testing.T) *desk {
	d := newDesk(t, testPolicy())
	d.close()
	d.setTime(time.Time{})
	d.open(testPolicy())
	return d
}

func (d *desk) flagUntil(name string, end time.Time) {
	d.t.Helper()
	r := request(name)
	r.NotAfter = end
	if _, err := d.Flag(context.Background(), clerk, r); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) wantRedirected(names ...string) {
	d.t.Helper()
	if n := d.set.Table().Len(); n != len(names) {
		d.t.Errorf("at %s: table of %d, want %d: %q", d.clock().UTC(), n, len(names), names)
	}
	for _, name := range names {
		if !d.redirected(name) {
			d.t.Errorf("at %s: %s is not redirected", d.clock().UTC(), name)
		}
	}
}

func TestLiftAtItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := realTime(t)
		start := time.Now()
		d.flag("stays.be")
		d.flagUntil("later.be", start.Add(26*time.Hour))
		d.flagUntil("soon.be", start.Add(90*time.Second))
		d.flagUntil("put-off.be", start.Add(2*time.Minute))
		d.flagUntil("put-off.be", start.Add(25*time.Hour))

		time.Sleep(90*time.Second - 1)
		synctest.Wait()
		d.wantRedirected("stays.be", "later.be", "soon.be", "put-off.be")
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		d.wantRedirected("stays.be", "later.be", "put-off.be")
		time.Sleep(time.Until(start.Add(26*time.Hour - 1)))
		synctest.Wait()
		d.wantRedirected("stays.be", "later.be")
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		d.wantRedirected("stays.be")

		entries := d.entries()
		last := entries[len(entries)-1]
		if last.Action != "lift" || last.Actor != "system" || last.Name != "later.be" || last.Reason == "" || last.After != nil {
			t.Errorf("journal ends in %+v, want the lift of later.be", last)
		}
		replay(t, d.store)
	})
}

func TestLiftAfterAStopTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := realTime(t)
		d.flag("stays.be")
		d.flagUntil("ended.be", time.Now().Add(time.Hour))
		d.close()
		time.Sleep(2 * time.Hour)
		d.open(testPolicy())
		d.wantRedirected("stays.be")
		if _, err := d.Lookup("ended.be"); err == nil {
			t.Error("the flag is still in the store")
		}
		if s, err := d.Status(); err != nil || s.Generation != d.set.Table().Generation() {
			t.Errorf("generations %d and %d, %v; want them equal", s.Generation, d.set.Table().Generation(), err)
		}
	})
}

// The name is free at its time even if the lift cannot be written, and the lift is written once it can.
func TestLiftThatCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := realTime(t)
		start := time.Now()
		d.flag("stays.be")
		d.flagUntil("first.be", start.Add(time.Minute))
		d.flagUntil("second.be", start.Add(time.Minute+3*time.Second))
		d.Desk.Close()
		var mended atomic.Bool
		update := func(change func(*store.Tx) error) error {
			if !mended.Load() {
				return errors.Join(d.store.Try(change), errors.New("no space left on device"))
			}
			return d.store.Update(change)
		}
		d.restart(update)

		time.Sleep(time.Minute)
		synctest.Wait()
		d.wantRedirected("stays.be", "second.be")
		time.Sleep(3 * time.Second)
		synctest.Wait()
		d.wantRedirected("stays.be")
		if _, err := d.Lookup("first.be"); err != nil {
			t.Errorf("the lift was not committed, yet: %v", err)
		}
		if len(d.errs) == 0 {
			t.Error("no error was reported")
		}
		_, err := d.Flag(context.Background(), clerk, request("other.be"))
		wantKind(t, err, Unavailable)

		mended.Store(true)
		time.Sleep(maxBackoff)
		synctest.Wait()
		for _, name := range []string{"first.be", "second.be"} {
			_, err := d.Lookup(name)
			wantKind(t, err, NotFound)
		}
		d.wantRedirected("stays.be")
		d.flag("first.be")
		d.wantRedirected("stays.be", "first.be")
		replay(t, d.store)
	})
}

// restart starts the writer of a closed desk anew with another way to write.
func (d *desk) restart(update func(func(*store.Tx) error) error) {
	d.update = update
	d.stop = make(chan struct{})
	d.running.Go(d.write)
	stop := d.stop
	d.t.Cleanup(func() {
		close(stop)
		d.running.Wait()
	})
}

func TestLiftsOwedAtTheStart(t *testing.T) {
	d := newDesk(t, testPolicy())
	d.flag("stays.be")
	d.flagUntil("ended.be", noon.Add(time.Hour))
	d.setTime(noon.Add(2 * time.Hour))
	d.Desk.Close()
	d.update = func(func(*store.Tx) error) error { return errors.New("no space left on device") }
	d.w.loaded = false
	if err := d.load(); err != nil {
		t.Fatal(err)
	}
	d.wantRedirected("stays.be")
}

func TestLiftMany(t *testing.T) {
	d := newDesk(t, testPolicy())
	var body strings.Builder
	for n := range maxLifts + 5 {
		fmt.Fprintf(&body, `{"name":"n%d.be","authority":"a","reference":"r","not_after":"2026-05-12T13:00:00Z"}`+"\n", n)
	}
	if r, err := d.importText("", body.String()); err != nil {
		t.Fatal(err, r.Errors)
	}
	d.flag("stays.be")
	d.setTime(noon.Add(time.Hour))
	d.flag("wakes-the-writer.be") // and finds the lifts done
	d.wantRedirected("stays.be", "wakes-the-writer.be")
	replay(t, d.store)
}

func TestLiftWait(t *testing.T) {
	for _, tt := range []struct {
		name        string
		next, retry time.Time
		want        time.Duration
	}{
		{"nothing to do", time.Time{}, time.Time{}, maxWait},
		{"far", noon.Add(time.Hour), time.Time{}, maxWait},
		{"near", noon.Add(time.Second), time.Time{}, time.Second},
		{"past", noon.Add(-time.Second), time.Time{}, 0},
		{"owed sooner", noon.Add(3 * time.Second), noon.Add(time.Second), time.Second},
	} {
		l := lifts{next: tt.next, retry: tt.retry}
		if got := l.wait(noon); got != tt.want {
			t.Errorf("%s: wait = %s, want %s", tt.name, got, tt.want)
		}
	}
}
