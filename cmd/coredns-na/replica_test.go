package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/coredns-na/coredns-na/internal/e2e"
	"github.com/coredns-na/coredns-na/internal/etcdtest"
)

const deskCorefile = `be:%[1]s {
    bind 127.0.0.1
    noticeaction {
        warning_page warning.authority.example 192.0.2.80
        admin unix:noticeaction.sock
        brake 1000000 1h
        replica publish %[2]s
        replica_key %[3]s
    }
    file %[4]s/testdata/be.zone
}
`

const nodeCorefile = `be generation.noticeaction {
    bind 127.0.0.1
    chaos
    noticeaction be {
        warning_page warning.authority.example 192.0.2.80
        admin unix:noticeaction.sock
        replica follow %[2]s
        replica_key %[3]s
        replica_node %[5]s
        replica_probe 127.0.0.0/8
    }
    file %[4]s/testdata/be.zone be
    ready 127.0.0.1:%[6]s
}
`

// fleet is a desk and the nodes that follow it, each a process with a folder of its own.
type fleet struct {
	testing.TB
	etcd   *etcdtest.Cluster
	dir    string // with the keys
	desk   *machine
	nodes  []*machine
	bounds string
}

// machine is a server's folder and port, and the server while it runs.
type machine struct {
	name, dir, port, ready string
	server                 *e2e.Server
}

func newFleet(tb testing.TB, nodes int) *fleet {
	tb.Helper()
	f := &fleet{TB: tb, etcd: etcdtest.Start(tb, 1), dir: tb.TempDir()}
	for _, args := range [][]string{
		{"genpkey", "-algorithm", "ed25519", "-out", "replica.key"},
		{"pkey", "-in", "replica.key", "-pubout", "-out", "replica.pub"},
	} {
		cmd := exec.Command("openssl", args...)
		cmd.Dir = f.dir
		if out, err := cmd.CombinedOutput(); err != nil {
			tb.Fatalf("openssl %v: %v\n%s", args, err, out)
		}
	}
	f.desk = f.machine("desk", deskCorefile, "replica.key")
	for i := range nodes {
		f.nodes = append(f.nodes, f.machine(fmt.Sprintf("ns%d", i+1), nodeCorefile, "replica.pub"))
	}
	return f
}

func (f *fleet) machine(name, corefile, key string) *machine {
	f.Helper()
	m := &machine{name: name, dir: f.TempDir(), port: e2e.FreePort(f), ready: e2e.FreePort(f)}
	text := fmt.Sprintf(corefile, m.port, strings.Join(f.etcd.Endpoints(), " "), filepath.Join(f.dir, key), e2e.Root(), name, m.ready)
	text = strings.Replace(text, "be generation.noticeaction {", "be:"+m.port+" generation.noticeaction:"+m.port+" {", 1)
	if err := os.WriteFile(filepath.Join(m.dir, "Corefile"), []byte(text), 0o600); err != nil {
		f.Fatal(err)
	}
	return m
}

func (f *fleet) start(m *machine) {
	f.Helper()
	m.server = e2e.MustStart(f, m.dir, "Corefile")
}

// nactl runs nactl on a machine, and returns both outputs.
func (f *fleet) nactl(m *machine, args ...string) (string, error) {
	cmd := exec.Command("nactl", args...)
	cmd.Dir = m.dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (f *fleet) mustNactl(m *machine, args ...string) string {
	f.Helper()
	out, err := f.nactl(m, args...)
	if err != nil {
		f.Fatalf("nactl %v: %v\n%s", args, err, out)
	}
	return out
}

func (f *fleet) redirects(m *machine, name string) bool {
	f.Helper()
	reply, err := dns.Exchange(new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.TypeA), e2e.Address(m.port))
	if err != nil {
		f.Fatal(err)
	}
	return len(reply.Answer) == 1 && reply.Answer[0].(*dns.A).A.String() == "192.0.2.80"
}

func (f *fleet) await(what string, done func() bool) {
	f.Helper()
	if err := e2e.Await(what, func() (bool, error) { return done(), nil }); err != nil {
		f.Fatal(err)
	}
}

// probe asks what a node answers by.
func (f *fleet) probe(m *machine) []string {
	f.Helper()
	q := new(dns.Msg).SetQuestion("generation.noticeaction.", dns.TypeTXT)
	q.Question[0].Qclass = dns.ClassCHAOS
	reply, err := dns.Exchange(q, e2e.Address(m.port))
	if err != nil || len(reply.Answer) != 1 {
		f.Fatalf("asking %s for its generation: %v\n%v", m.name, err, reply)
	}
	return reply.Answer[0].(*dns.TXT).Txt
}

// TestFleet is the main job past one machine: a flag reaches all nodes, and stays there whatever goes.
func TestFleet(t *testing.T) {
	f := newFleet(t, 3)
	f.start(f.desk)
	for _, m := range f.nodes {
		f.start(m)
	}
	out := f.mustNactl(f.desk, "flag", "example.be", "--authority", "apd-gba", "--reference", "DOS-1", "--wait-all")
	if !strings.Contains(out, "on all 3 nodes by ") {
		t.Errorf("nactl flag --wait-all: %s", out)
	}
	for _, m := range f.nodes {
		if !f.redirects(m, "www.example.be") || f.redirects(m, "glue.be") {
			t.Errorf("%s: expected www.example.be to be redirected and glue.be not", m.name)
		}
		if got := f.probe(m); got[0] != "generation=1" || len(got[1]) != len("digest=")+64 {
			t.Errorf("%s: answers by %q", m.name, got)
		}
	}
	if out := f.mustNactl(f.desk, "nodes"); strings.Count(out, "current") != 4 {
		t.Errorf("nactl nodes: expected all to be current:\n%s", out)
	}

	// etcd goes away, and a node loses its power: it starts from its snapshot
	f.await("snapshot", func() bool {
		_, err := os.Stat(filepath.Join(f.nodes[0].dir, "noticeaction.snapshot"))
		return err == nil
	})
	f.etcd.StopAll()
	f.nodes[0].server.Kill()
	f.start(f.nodes[0])
	if !f.redirects(f.nodes[0], "example.be") {
		t.Error("does not redirect from its snapshot")
	}
	f.mustNactl(f.desk, "unflag", "example.be", "--reason", "infringement ended")
	f.etcd.StartAll()
	for _, m := range f.nodes {
		f.await("the end of the redirect at "+m.name, func() bool { return !f.redirects(m, "example.be") })
	}
	for _, m := range append(f.nodes, f.desk) {
		if err := m.server.Stop(); err != nil {
			t.Errorf("stopping %s: %v", m.name, err)
		}
	}
}
