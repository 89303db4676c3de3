package replica

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestEndAndChange: a flag ends, and before the follower has looked at its clock something else changes.
func TestEndAndChange(t *testing.T) {
	n, d := newNetwork(t, 1), newDesk()
	ends := n.clock.now().Add(10 * time.Minute).Unix()
	d.commit(change{Record: Record{Name: "ends.be", Authority: "apd-gba", NotAfter: ends}})
	p := n.publish(d)
	f := n.follow("one")
	f.reaches(t, 1)
	n.clock.add(11 * time.Minute)
	g := d.commit(change{Record: Record{Name: "late.be", Authority: "apd-gba", NotAfter: ends}}, flagged("example.be")[0])
	p.Committed()
	f.reaches(t, g)
	if f.redirects("late.be") {
		t.Error("redirects what had ended before it came")
	}
	if err := f.Tick(t.Context()); err != nil || f.redirects("ends.be") || !f.redirects("example.be") {
		t.Errorf("%v; redirects what has ended %v, and what has not %v", err, f.redirects("ends.be"), f.redirects("example.be"))
	}
}

// TestClockSetBack: a clock that was far ahead for a while has flags end that had not; they are back once it is right.
func TestClockSetBack(t *testing.T) {
	n, d := newNetwork(t, 1), newDesk()
	ends := n.clock.now().Add(time.Hour)
	d.commit(change{Record: Record{Name: "ends.be", Authority: "apd-gba", NotAfter: ends.Unix(), Mail: []byte("mail")}})
	n.publish(d)
	var mails []string // by the goroutine that holds the follower
	f := n.follow("one", func(cfg *FollowerConfig) {
		cfg.OnMail = func(_ string, mail []byte) { mails = append(mails, string(mail)) }
	})
	f.reaches(t, 1)
	n.StopAll()
	for _, ahead := range []time.Duration{24 * time.Hour, -24 * time.Hour} {
		n.clock.add(ahead)
		if err := f.Tick(t.Context()); err != nil || f.redirects("ends.be") != (ahead < 0) {
			t.Errorf("%s later: %v, redirected %v", ahead, err, f.redirects("ends.be"))
		}
	}
	f.close()
	if !slices.Equal(mails, []string{"mail", "", "mail"}) {
		t.Errorf("where its mail goes was told as %q", mails)
	}
}

// TestTakeOver: one follower takes over from another, as on a reload that takes the key away that all is signed with. What is
// held goes on, and ends at its date, until there is a set by a key that is trusted.
func TestTakeOver(t *testing.T) {
	n, d := newNetwork(t, 1), newDesk()
	ends := n.clock.now().Add(time.Hour).Unix()
	d.commit(change{Record: Record{Name: "ends.be", Authority: "apd-gba", NotAfter: ends}}, flagged("example.be")[0])
	p := n.publish(d)
	one := n.follow("one")
	one.reaches(t, 1)
	one.close()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	next := testSigner(2)
	two := n.follow("one", at(one.cfg.Snapshot), func(cfg *FollowerConfig) {
		cfg.After, cfg.Set, cfg.Keys = one.Follower, one.set, next.Keys()
	})
	two.set = one.set
	await(t, "refusal", func() bool { return two.refusals(RefusedSignature) > 0 })
	if !two.Status().Held || !two.redirects("example.be") || !two.redirects("ends.be") {
		t.Error("what was held is lost")
	}
	n.clock.add(time.Hour)
	if err := two.Tick(t.Context()); err != nil || two.redirects("ends.be") || !two.redirects("example.be") {
		t.Errorf("%v; redirects what has ended %v, and what has not %v", err, two.redirects("ends.be"), two.redirects("example.be"))
	}
	n.signer = next
	g := d.commit(lifted("ends.be")...)
	n.publish(d)
	two.reaches(t, g)
	two.holdsAll(t, d)
}

// TestUnreadableSnapshot: whatever is in the snapshot's place, zones are served.
func TestUnreadableSnapshot(t *testing.T) {
	n, d := newNetwork(t, 1), newDesk()
	d.commit(flagged("example.be")...)
	n.publish(d)
	for name, file := range map[string]string{
		"a folder":           t.TempDir(),
		"below what is none": filepath.Join(os.Args[0], "snapshot"),
	} {
		t.Run(name, func(t *testing.T) {
			f := n.follow("one", at(file))
			f.reaches(t, 1)
		})
	}
}

// TestClockSkew: a follower whose clock is two minutes off takes everything, and lifts flags by its own clock.
func TestClockSkew(t *testing.T) {
	for name, skew := range map[string]time.Duration{"fast": 2 * time.Minute, "slow": -2 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			n, d := newNetwork(t, 1), newDesk()
			ends := n.clock.now().Add(10 * time.Minute)
			d.commit(change{Record: Record{Name: "ends.be", Authority: "apd-gba", NotAfter: ends.Unix()}})
			p := n.publish(d)
			f := n.follow("skewed", func(cfg *FollowerConfig) {
				cfg.Now = func() time.Time { return n.clock.now().Add(skew) }
			})
			f.reaches(t, 1)
			g := d.commit(flagged("example.be")...)
			p.Committed()
			f.reaches(t, g)
			await(t, "report", func() bool {
				nodes := p.Fleet().Nodes()
				return len(nodes) == 1 && nodes[0].Generation == g && !nodes[0].Late
			})
			n.clock.add(10*time.Minute - skew - time.Second)
			if err := f.Tick(t.Context()); err != nil || !f.redirects("ends.be") {
				t.Errorf("a second before its end by this clock: %v, redirected %v", err, f.redirects("ends.be"))
			}
			n.clock.add(time.Second)
			if err := f.Tick(t.Context()); err != nil || f.redirects("ends.be") {
				t.Errorf("at its end by this clock: %v, redirected %v", err, f.redirects("ends.be"))
			}
		})
	}
}
