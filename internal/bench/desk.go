package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/miekg/dns"
)

// milliseconds times what it is given.
func milliseconds(do func() error) (float64, error) {
	begin := time.Now()
	err := do()
	return time.Since(begin).Seconds() * 1e3, err
}

// measureDesk: everything that writes, beside bbolt alone.
func (l *lab) measureDesk() error {
	zone, _, err := l.writeZone(l.few)
	if err != nil {
		return err
	}
	names := randomNames(l.many)
	if err := l.measureBulk(zone, importBody(names, "DOS-2026-00412")); err != nil {
		return err
	}
	// The last of those servers left its database.
	s, err := l.startCoreDNS("desk", noticeaction, zone, serverCore)
	if err != nil {
		return err
	}
	defer s.stop()
	b, err := l.startBareBeside(s, serverCore)
	if err != nil {
		return err
	}
	err = l.measureFlagCalls(s, b)
	if err == nil {
		err = l.measureCallers(s, b, zone)
	}
	return errors.Join(err, b.stop())
}

// bulk is how long the large operations took, in milliseconds.
type bulk struct {
	imports, put  samples
	start, export besideScan
	bytes         samples // a name, of a server's memory
}

// besideScan is how long something took, and the scan right before it.
type besideScan struct{ took, scan samples }

func (t *besideScan) add(b *bare, do func() (took float64, err error)) error {
	scan, err := b.time("scan")
	if err != nil {
		return err
	}
	took, err := do()
	t.took, t.scan = append(t.took, took), append(t.scan, scan)
	return err
}

// measureBulk: import, start and export, and bare operations on the same
// records, in turn.
func (l *lab) measureBulk(zone string, body []byte) error {
	small, _, err := l.writeZone(100) // so that a start is little else
	if err != nil {
		return err
	}
	made, _, _, err := l.startDesk("empty", small) // its database
	if err != nil {
		return err
	}
	made.stop()
	var t bulk
	for range l.long {
		if err := l.bulkRound(&t, zone, small, body); err != nil {
			return err
		}
	}
	what := count(l.many) + " names"
	l.report.goal("import of "+what, "bbolt bulk put in one commit", "time", t.imports.over(t.put), 3)
	l.report.goal("export of "+what+" as NDJSON", "bbolt scan", "time", t.export.took.over(t.export.scan), 2)
	l.report.goal("start with "+what, "bbolt scan", "time", t.start.took.over(t.start.scan), 2)
	row := func(name string, s samples) []string {
		return []string{name, fmt.Sprintf("%.0f", s.median()), fmt.Sprintf("%.2f", float64(l.many)/s.median()/1000)}
	}
	l.report.add(table{title: "Bulk", note: fmt.Sprintf("Through the API over a Unix socket, the server on one core; the start is net of one without flags, and the export is that of the server so started, of flags that one order brought. It is larger than an empty one by %.0f bytes a name.", t.bytes.median()),
		head: []string{"what", "ms", "million names a second"},
		rows: [][]string{row("import", t.imports), row("bbolt bulk put", t.put), row("export", t.export.took), row("start", t.start.took), row("bbolt open and scan", slices.Concat(t.start.scan, t.export.scan))}})
	return nil
}

// again is how often a round repeats what takes less than a second.
const again = 3

func (l *lab) bulkRound(t *bulk, zone, small string, body []byte) error {
	if err := os.RemoveAll(filepath.Join(l.dir, "desk")); err != nil {
		return err
	}
	s, err := l.startCoreDNS("desk", noticeaction, zone, serverCore)
	if err != nil {
		return err
	}
	imported, err := milliseconds(func() error { return newDesk(s).imports(body) })
	s.stop()
	if err != nil {
		return err
	}
	b, err := l.startBare(s, serverCore)
	if err != nil {
		return err
	}
	put, err := b.time("put")
	t.imports, t.put = append(t.imports, imported), append(t.put, put)
	if err == nil {
		err = l.restartRound(t, b, small)
	}
	if err == nil {
		last := func(s samples, n int) samples { return s[len(s)-n:] }
		l.say("  import %.0f ms, put %.0f; start %.0f, export %.0f, each beside a scan %.0f, %.0f", imported, put,
			last(t.start.took, again), last(t.export.took, 1), last(t.start.scan, again), last(t.export.scan, 1))
	}
	return errors.Join(err, b.stop())
}

// restartRound starts servers with the desk's database, each beside one
// without flags, and has the last of them export, all beside scans of bare.
func (l *lab) restartRound(t *bulk, b *bare, zone string) error {
	var s *server
	for range again {
		if s != nil {
			s.stop()
		}
		err := t.start.add(b, func() (took float64, err error) {
			empty, without, emptyBytes, err := l.startDesk("empty", zone)
			if err != nil {
				return 0, err
			}
			empty.stop()
			var bytes float64
			s, took, bytes, err = l.startDesk("desk", zone)
			t.bytes = append(t.bytes, (bytes-emptyBytes)/float64(l.many))
			return took - without, err
		})
		if err != nil {
			return err
		}
	}
	defer s.stop()
	if err := s.settle(); err != nil {
		return err
	}
	d := newDesk(s)
	var one besideScan // of one life of the server, and so one sample
	for range again {
		if err := one.add(b, func() (float64, error) { return milliseconds(d.export) }); err != nil {
			return err
		}
	}
	t.export.took, t.export.scan = append(t.export.took, one.took.median()), append(t.export.scan, one.scan.median())
	return nil
}

// startDesk starts a server with the database that is in its folder, and
// returns how many milliseconds that took and the bytes of its memory after it.
func (l *lab) startDesk(name, zone string) (s *server, took, bytes float64, err error) {
	if s, err = l.startCoreDNS(name, noticeaction, zone, serverCore); err != nil {
		return nil, 0, 0, err
	}
	memory, err := s.memory()
	if err != nil {
		s.stop()
	}
	return s, s.took.Seconds() * 1e3, float64(memory), err
}

// measureFlagCalls: from the call to the first redirected answer, in turn
// with bare commits to a database as large on the same disk, and with calls
// that have nothing to do.
func (l *lab) measureFlagCalls(s *server, b *bare) error {
	if _, err := b.time("put"); err != nil {
		return err
	}
	conn, err := dns.Dial("udp", "127.0.0.1:"+s.port)
	if err != nil {
		return err
	}
	defer conn.Close()
	c, err := newCaller(s.socket())
	if err != nil {
		return err
	}
	defer c.close()
	idle, err := newCaller(b.socket)
	if err != nil {
		return err
	}
	defer idle.close()
	var calls, replies, nothing, commits, least samples
	for i := range l.flags + 10 {
		name := fmt.Sprintf("flagged-%d.be", i)
		replied, err := milliseconds(func() error { return c.flag(name) })
		if err != nil {
			return err
		}
		answered, err := milliseconds(func() error { return untilRedirected(conn, name) })
		if err != nil {
			return err
		}
		commit, err := b.time("commit")
		if err != nil {
			return err
		}
		empty, err := milliseconds(func() error { return idle.flag(name) })
		if err != nil {
			return err
		}
		if i < 10 {
			continue // connections open, pages warm
		}
		calls, replies, nothing, commits = append(calls, replied+answered), append(replies, replied), append(nothing, empty), append(commits, commit)
		least = append(least, empty+commit+answered)
	}
	over := func(q float64) ratio {
		return exactly(calls.quantile(q) / commits.quantile(q))
	}
	what := "flag call to first redirected answer, " + count(l.many) + " flagged"
	l.report.goal(what, "a bare bbolt commit with fsync of the same record", "p50", over(0.5), 2)
	l.report.goal(what, "a bare bbolt commit with fsync of the same record", "p99", over(0.99), 4)
	row := func(name string, s samples) []string {
		return []string{name, fmt.Sprintf("%.2f", s.median()), fmt.Sprintf("%.2f", s.quantile(0.99)), fmt.Sprintf("%.2f", s.quantile(1)),
			fmt.Sprintf("%.2f", s.median()/commits.median())}
	}
	l.report.add(table{title: "Flag calls", note: fmt.Sprintf("%d of each in turn, one caller. The last line is what a server would take that does nothing but commit.", l.flags),
		head: []string{"what", "p50 ms", "p99 ms", "max ms", "p50 × a bare commit"},
		rows: [][]string{row("call to first redirected answer", calls), row("of that, the call", replies), row("bare commit", commits),
			row("a call of net/http with nothing to do", nothing), row("that call, a bare commit and the query", least)}})
	l.say("  flag call p50 %.2f ms p99 %.2f ms; bare commit p50 %.2f ms p99 %.2f ms; with an empty call and a query p50 %.2f ms", calls.median(), calls.quantile(0.99), commits.median(), commits.quantile(0.99), least.median())
	return nil
}

// copyDatabase takes a backup of a running server through its API and returns
// a stand-in that bare can read.
func (l *lab) copyDatabase(s *server) (*server, error) {
	copied, err := l.newServer("copy")
	if err != nil {
		return nil, err
	}
	resp, err := newDesk(s).Get("http://desk/v1/backup")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	f, err := os.Create(filepath.Join(copied.dir, "noticeaction.db"))
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(f, resp.Body)
	return copied, errors.Join(err, f.Sync(), f.Close()) // what is not on the disk yet would come in the way later
}

// untilRedirected asks until the answer is the warning page's address.
func untilRedirected(conn *dns.Conn, name string) error {
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
		if err := conn.WriteMsg(new(dns.Msg).SetQuestion(name+".", dns.TypeA)); err != nil {
			return err
		}
		reply, err := conn.ReadMsg()
		if err != nil {
			return err
		}
		if len(reply.Answer) == 1 {
			if a, ok := reply.Answer[0].(*dns.A); ok && a.A.String() == warningAddress {
				return nil
			}
		}
	}
	return fmt.Errorf("expected %s to be redirected within 10s of its flag", name)
}
