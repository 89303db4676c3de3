package certs

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func openTestJournal(t *testing.T, dir string, now time.Time) *journal {
	t.Helper()
	j, err := openJournal(dir, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.close() })
	return j
}

func (j *journal) accountAt(t *testing.T) time.Time {
	t.Helper()
	var at time.Time
	j.read(func(l *limits) { at = l.account(accountOrders.events, j.now()) })
	return at
}

func TestTheJournalKeepsTheLimits(t *testing.T) {
	dir := t.TempDir()
	j := openTestJournal(t, dir, start)
	for i := range accountOrders.events {
		if err := j.add(ordered, "www.example.be", "example.be"); err != nil {
			t.Fatalf("order %d: %v", i, err)
		}
	}
	if err := j.add(ordered, "www.example.be", "example.be"); !errors.Is(err, errLimit) {
		t.Fatalf("one more: expected errLimit, got %v", err)
	}
	if err := j.add(issued, "www.example.be", "example.be"); err != nil {
		t.Fatal(err)
	}
	again := openTestJournal(t, dir, start.Add(time.Hour))
	if got, want := again.accountAt(t), start.Add(accountOrders.per); !got.Equal(want) {
		t.Errorf("after a restart: got an order at %s, want %s", got, want)
	}
	if n := len(again.limits.byHost["www.example.be"]); n != 1 {
		t.Errorf("after a restart: got %d certificates, want 1", n)
	}
	old := openTestJournal(t, dir, start.Add(remembered+time.Second))
	if text, err := os.ReadFile(old.path); err != nil || len(text) > 0 {
		t.Errorf("a week later: expected nothing, got %q, %v", text, err)
	}
}

func TestTheJournalIsWrittenAnewOnlyForLess(t *testing.T) {
	j := openTestJournal(t, t.TempDir(), start)
	if err := j.add(ordered, "www.example.be", "example.be"); err != nil {
		t.Fatal(err)
	}
	compacted := func(at time.Time) os.FileInfo {
		j.now = func() time.Time { return at }
		if err := j.compact(); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(j.path)
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	first := compacted(start.Add(time.Hour))
	if again := compacted(start.Add(2 * time.Hour)); !os.SameFile(first, again) || len(j.limits.orders) != 1 {
		t.Errorf("expected the same file and one order, got %d", len(j.limits.orders))
	}
	if old := compacted(start.Add(remembered + time.Second)); os.SameFile(first, old) || old.Size() != 0 || len(j.limits.orders) != 0 {
		t.Errorf("a week later: expected another file without an order, got %d bytes", old.Size())
	}
	if err := os.Remove(j.path); err != nil {
		t.Fatal(err)
	}
	compacted(start.Add(remembered + time.Hour)) // it is there again
}

// What was put off by a clock that was ahead does not wait for that time to come.
func TestARetryDoesNotWaitForAClockThatWasAhead(t *testing.T) {
	ahead := start.AddDate(1, 0, 0)
	var r retry
	r.failed(ahead, minRetry, maxRetry)
	if !r.waits(ahead.Add(minRetry - 1)) {
		t.Error("expected it to wait")
	}
	if r.waits(ahead.Add(minRetry)) {
		t.Error("expected its time to have come")
	}
	if r.waits(start) {
		t.Error("the clock was set back: expected it not to wait")
	}
}

func TestAnOrderWithoutAnEndCountsAsACertificate(t *testing.T) {
	dir := t.TempDir()
	lines := "2026-05-12T09:00:00Z order example.be example.be\n" +
		"2026-05-12T09:00:01Z failed example.be example.be\n" +
		"2026-05-12T09:00:02Z order www.example.be example.be\n" +
		"2026-05-12T09:00:03Z order another.be another"
	if err := os.WriteFile(filepath.Join(dir, "orders"), []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	l := openTestJournal(t, dir, start).limits
	if len(l.orders) != 2 || len(l.failures["example.be"]) != 1 || len(l.byHost["example.be"]) != 0 || len(l.byHost["www.example.be"]) != 1 {
		t.Errorf("got %+v", l)
	}
}

func FuzzParseEvent(f *testing.F) {
	for _, line := range []string{
		"2026-05-12T09:30:00Z order www.example.be example.be",
		"2026-05-12T09:30:00Z issued example.be example.be",
		"2026-05-12T09:30:00Z failed example.be www.example.be",
		"2026-05-12T09:30:00+02:00 failed example.be example.be", "", "   ", "2026-05-12T09:30:00Z order www.exa",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		e, ok := parseEvent(line)
		if !ok {
			return
		}
		if again, ok := parseEvent(e.String()); !ok || again != e {
			t.Errorf("%q: got %+v, and of its own line %+v, %v", line, e, again, ok)
		}
		if !strings.HasSuffix(e.host, e.name) || !validHost(e.host) {
			t.Errorf("%q: got a host %q of %q", line, e.host, e.name)
		}
	})
}

func TestValidHost(t *testing.T) {
	tests := map[string]bool{
		"example.be": true, "www.example.be": true, "xn--caf-dma.be": true, "a-b.example.be": true, "1.be": true,
		"be": false, "": false, ".be": false, "example.be.": false, "Example.be": false, "x_y.example.be": false,
		"*.example.be": false, "-a.be": false, "a-.be": false, "a..be": false, "a.b/../c.be": false, "é.be": false,
		"1.2.3.4.5.6.7.8.example.be": true, "1.2.3.4.5.6.7.8.9.example.be": false,
		strings.Repeat("a", 63) + ".be": true, strings.Repeat("a", 64) + ".be": false,
	}
	for host, want := range tests {
		if got := validHost(host); got != want {
			t.Errorf("%q: got %v, want %v", host, got, want)
		}
	}
}
