package replica

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// TestFollow is the main job: what the desk commits is what followers answer by, generation by generation.
func TestFollow(t *testing.T) {
	n, d := newNetwork(t, 1), newDesk()
	d.commit(flagged("example.be", "glue.be")...)
	p := n.publish(d)
	f := n.follow("one")
	f.reaches(t, 1)
	f.holdsAll(t, d)

	g := d.commit(append(flagged("third.be"), lifted("glue.be")...)...)
	p.Committed()
	f.reaches(t, g)
	f.holdsAll(t, d)
	if f.redirects("glue.be") {
		t.Error("redirects a name that was lifted")
	}

	// the last name goes too: the desk accounts for it
	g = d.commit(lifted("example.be", "third.be")...)
	p.Committed()
	f.reaches(t, g)
	f.holdsAll(t, d)

	await(t, "report", func() bool {
		nodes := p.Fleet().Nodes()
		return len(nodes) == 1 && nodes[0].Generation == g && nodes[0].Digest == d.digest.String()
	})
	await(t, "reach", func() bool { r, ok := p.Fleet().Reached(g); return ok && r.Nodes == 1 })
}

// TestRenewal: when nothing changes the head is signed again all the same, so that silence can be told from rest; it
// changes nothing at a follower.
func TestRenewal(t *testing.T) {
	n, d := newNetwork(t, 1), newDesk()
	d.commit(flagged("example.be")...)
	n.publish(d, func(cfg *PublisherConfig) { cfg.Renew = 10 * time.Millisecond })
	f := n.follow("one")
	f.reaches(t, 1)
	first, table := f.Status(), f.set.Table()
	await(t, "renewal", func() bool { return f.Status().Head.Sequence > first.Head.Sequence+3 })
	if last := f.Status(); last.Applied != first.Applied || last.Head.Root != first.Head.Root || f.set.Table() != table {
		t.Error("a head that was only signed again changed something")
	}
}

// TestMail: where the mail of a name went is told before the name is redirected, when it changes without the journal
// saying so, and when the name is given back.
func TestMail(t *testing.T) {
	n, d := newNetwork(t, 1), newDesk()
	d.commit(change{Record: Record{Name: "example.be", Authority: "apd-gba", Mail: []byte("one")}})
	p := n.publish(d)
	var mu sync.Mutex
	var told []string
	f := n.follow("one", func(cfg *FollowerConfig) {
		set := cfg.Set
		cfg.OnMail = func(name string, mail []byte) {
			mu.Lock()
			defer mu.Unlock()
			_, redirected := set.Table().Lookup(name)
			told = append(told, fmt.Sprintf("%s %s %v", name, mail, redirected))
		}
	})
	expect := func(want ...string) {
		t.Helper()
		await(t, fmt.Sprint(want), func() bool {
			mu.Lock()
			defer mu.Unlock()
			return slices.Equal(told, want)
		})
	}
	expect("example.be one false")
	f.reaches(t, 1)
	d.mu.Lock()
	r := d.flags["example.be"]
	r.Mail = []byte("two")
	d.flags["example.be"] = r
	d.mu.Unlock()
	p.Touch("example.be")
	expect("example.be one false", "example.be two true")
	d.commit(lifted("example.be")...)
	p.Committed()
	expect("example.be one false", "example.be two true", "example.be  false")
}

// TestAuthLost: etcd asks for credentials that nobody has any more. Answers go on, and changes arrive once it is over.
func TestAuthLost(t *testing.T) {
	n, d := newNetwork(t, 1), newDesk()
	d.commit(flagged("example.be")...)
	p := n.publish(d)
	f := n.follow("one")
	f.reaches(t, 1)
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx := t.Context()
	must(n.Client().UserAdd(ctx, "root", "secret"))
	must(n.Client().UserGrantRole(ctx, "root", "root"))
	must(n.Client().AuthEnable(ctx))
	g := d.commit(flagged("glue.be")...)
	p.Committed()
	await(t, "the publisher's failure", func() bool { return p.Status().Error != "" })
	n.StopMember(0) // and with it the watch that was granted before
	n.StartMember(0)
	await(t, "the follower's failure", func() bool { return strings.Contains(f.Status().Error, "user") })
	if !f.redirects("example.be") || f.redirects("glue.be") {
		t.Error("expected answers as before")
	}
	root, err := clientv3.New(clientv3.Config{Endpoints: n.Endpoints(), Username: "root", Password: "secret", Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	must(root.AuthDisable(ctx))
	f.reaches(t, g)
	f.holdsAll(t, d)
}
