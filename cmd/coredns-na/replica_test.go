package main

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/coredns-na/coredns-na/internal/e2e"
	"github.com/coredns-na/coredns-na/internal/etcdtest"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/api"
)

const deskCorefile = `be:%[1]s {
    bind 127.0.0.1
    noticeaction {
        warning_page warning.authority.example 192.0.2.80
        admin unix:noticeaction.sock
        brake 1000000 1h
        mail_from noticeaction@dns.example DNS Example
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
	etcd  *etcdtest.Cluster
	dir   string // with the keys
	desk  *machine
	nodes []*machine
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

	stop := f.askOn(f.nodes[1], "example.be", "glue.be")

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
	stop()
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

// rewrite changes a machine's Corefile.
func (f *fleet) rewrite(m *machine, old, now string) {
	f.Helper()
	file := filepath.Join(m.dir, "Corefile")
	text, err := os.ReadFile(file)
	if err == nil && !strings.Contains(string(text), old) {
		f.Fatalf("no %q in the Corefile", old)
	}
	if err == nil {
		err = os.WriteFile(file, []byte(strings.Replace(string(text), old, now, 1)), 0o600)
	}
	if err != nil {
		f.Fatal(err)
	}
}

// status is what a node says of itself.
func (f *fleet) status(m *machine) (s struct{ Generation, Flags, Redirected int }) {
	f.Helper()
	if err := json.Unmarshal([]byte(f.mustNactl(m, "--output", "json", "status")), &s); err != nil {
		f.Fatal(err)
	}
	return s
}

// TestFleetAfterKills: the desk loses its power after it has committed and before etcd has it, and in the midst of a
// large publication. Nothing acknowledged is lost, and nobody sees half of it.
func TestFleetAfterKills(t *testing.T) {
	const bulk = 20_000
	f := newFleet(t, 2)
	f.start(f.desk)
	for _, m := range f.nodes {
		f.start(m)
	}
	f.mustNactl(f.desk, "flag", "first.be", "--authority", "apd-gba", "--reference", "R", "--force", "not-delegated", "--wait-all")

	// between bbolt and etcd
	f.etcd.StopAll()
	f.mustNactl(f.desk, "flag", "second.be", "--authority", "apd-gba", "--reference", "R", "--force", "not-delegated")
	f.desk.server.Kill()
	f.etcd.StartAll()
	f.start(f.desk)
	for _, m := range f.nodes {
		f.await("second.be at "+m.name, func() bool { return f.redirects(m, "second.be") })
	}

	// in the midst of many
	var lines strings.Builder
	for i := range bulk {
		fmt.Fprintf(&lines, `{"name":"bulk-%d.be","authority":"apd-gba","reference":"R"}`+"\n", i)
	}
	if err := os.WriteFile(filepath.Join(f.desk.dir, "many"), []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	f.mustNactl(f.desk, "import", "many", "--force", "not-delegated")
	published := func() int64 {
		r, err := f.etcd.Client().Get(t.Context(), "/noticeaction/set/names/", clientv3.WithPrefix(), clientv3.WithCountOnly())
		if err != nil {
			t.Fatal(err)
		}
		return r.Count
	}
	f.await("a part in etcd", func() bool { return published() > 100 })
	f.desk.server.Kill()
	if n := published(); n < bulk {
		for _, m := range f.nodes {
			if s := f.status(m); s.Redirected != 2 {
				t.Errorf("%s: redirects %d names of a set that is half there", m.name, s.Redirected)
			}
		}
	}
	f.start(f.desk)
	for _, m := range f.nodes {
		f.await("all of them at "+m.name, func() bool {
			n := f.status(m).Redirected
			if n != 2 && n != bulk+2 {
				t.Fatalf("%s: redirects %d names, a part of the change", m.name, n)
			}
			return n == bulk+2
		})
	}
	if out := f.mustNactl(f.desk, "audit", "list", "--limit", "10"); !strings.Contains(out, "reached") {
		t.Errorf("the journal does not say when all nodes had the first change:\n%s", out)
	}
	f.mustNactl(f.desk, "audit", "verify")
}

// TestFleetRestore: the desk is restored from an older backup. The nodes stay as they are until somebody orders.
func TestFleetRestore(t *testing.T) {
	f := newFleet(t, 1)
	f.start(f.desk)
	f.start(f.nodes[0])
	f.mustNactl(f.desk, "flag", "example.be", "--authority", "apd-gba", "--reference", "R", "--wait-all")
	f.mustNactl(f.desk, "backup", "backup.db")
	f.mustNactl(f.desk, "flag", "glue.be", "--authority", "apd-gba", "--reference", "R", "--wait-all")
	if err := f.desk.server.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(f.desk.dir, "backup.db"), filepath.Join(f.desk.dir, "noticeaction.db")); err != nil {
		t.Fatal(err)
	}
	f.start(f.desk)
	f.await("the divergence", func() bool { return strings.Contains(f.mustNactl(f.desk, "nodes"), "diverged") })
	if !f.redirects(f.nodes[0], "glue.be") {
		t.Error("the node went back in silence")
	}
	f.mustNactl(f.desk, "replica", "override")
	f.await("the node to go back by order", func() bool { return !f.redirects(f.nodes[0], "glue.be") })
	if !f.redirects(f.nodes[0], "example.be") {
		t.Error("what the backup had is not redirected")
	}
	if out := f.mustNactl(f.desk, "audit", "list"); !strings.Contains(out, "override") {
		t.Errorf("the journal does not say who ordered it:\n%s", out)
	}
	if out, err := f.nactl(f.desk, "flag", "third.be", "--authority", "apd-gba", "--reference", "R", "--force", "not-delegated", "--wait-all"); err != nil {
		t.Errorf("after the order: %v\n%s", err, out)
	}
}

// TestFleetReload: a reload keeps what is carried, takes up other lines, and one that fails changes nothing.
func TestFleetReload(t *testing.T) {
	f := newFleet(t, 1)
	f.start(f.desk)
	node := f.nodes[0]
	f.start(node)
	f.mustNactl(f.desk, "flag", "example.be", "--authority", "apd-gba", "--reference", "R", "--wait-all")
	for _, m := range []*machine{f.desk, node} {
		if err := m.server.Reload(); err != nil {
			t.Fatal(err)
		}
	}
	f.rewrite(node, "replica_node ns1", "replica_node renamed")
	if err := node.server.Reload(); err != nil {
		t.Fatal(err)
	}
	if !f.redirects(node, "example.be") {
		t.Error("a reload lost the redirect")
	}
	f.await("the new name", func() bool { return strings.Contains(f.mustNactl(f.desk, "nodes"), "renamed") })
	f.mustNactl(f.desk, "nodes", "forget", "ns1")
	f.mustNactl(f.desk, "flag", "glue.be", "--authority", "apd-gba", "--reference", "R", "--wait-all")

	f.rewrite(node, "replica_node renamed", "replica_node renamed\n        ttl 1")
	if err := node.server.Reload(); err == nil {
		t.Error("a bad line was taken up")
	}
	f.mustNactl(f.desk, "unflag", "glue.be", "--reason", "R", "--wait-all")
	if f.redirects(node, "glue.be") || !f.redirects(node, "example.be") {
		t.Error("a failed reload changed what is followed")
	}
	f.rewrite(node, "replica_node renamed\n        ttl 1", "replica_node renamed")

	// the key is not trusted any more: what is held goes on, and nothing new is taken
	trusted, other := filepath.Join(f.dir, "replica.pub"), filepath.Join(e2e.Root(), "testdata", "corefiles", "files", "replica.pub")
	f.rewrite(node, trusted, other)
	if err := node.server.Reload(); err != nil {
		t.Fatal(err)
	}
	f.await("the refusal", func() bool { return strings.Contains(f.mustNactl(f.desk, "nodes"), "signature") })
	if got := f.probe(node); !f.redirects(node, "example.be") || got[0] != "generation=3" {
		t.Errorf("without the key: answers by %q, redirects example.be %v", got, f.redirects(node, "example.be"))
	}
	if status, _ := visitAs(t, node.ready, "localhost", "/ready"); status != http.StatusOK {
		t.Errorf("without the key: ready says %d", status)
	}
	f.rewrite(node, other, trusted)
	if err := node.server.Reload(); err != nil {
		t.Fatal(err)
	}
	f.mustNactl(f.desk, "flag", "glue.be", "--authority", "apd-gba", "--reference", "R", "--wait-all")
	for _, m := range []*machine{f.desk, node} {
		if err := m.server.Stop(); err != nil {
			t.Error(err)
		}
	}
}

// TestFleetInBatches: a node that follows answers inside the packet by what the desk
// has published, through reloads and without etcd.
func TestFleetInBatches(t *testing.T) {
	f := newFleet(t, 1)
	f.start(f.desk)
	node := f.nodes[0]
	f.rewrite(node, "    chaos\n", "")
	f.rewrite(node, "replica_probe 127.0.0.0/8", "udp_batch 2")
	f.start(node)
	f.mustNactl(f.desk, "flag", "example.be", "--authority", "apd-gba", "--reference", "R", "--wait-all")
	var s struct {
		Batches []api.Batch `json:"udp_batch"`
	}
	if err := json.Unmarshal([]byte(f.mustNactl(node, "--output", "json", "status")), &s); err != nil {
		t.Fatal(err)
	}
	if len(s.Batches) != 1 || !s.Batches[0].InPacket || s.Batches[0].Sockets != 2 {
		t.Errorf("the node's status has %+v, want answers inside the packet at 2 sockets", s.Batches)
	}
	stop := f.askOn(node, "www.example.be", "glue.be")
	for _, change := range [][2]string{{"udp_batch 2", "udp_batch 3"}, {"udp_batch 3", "udp_batch 1"}} {
		f.rewrite(node, change[0], change[1])
		if err := node.server.Reload(); err != nil {
			t.Fatal(err)
		}
	}
	f.etcd.StopAll()
	if err := node.server.Reload(); err != nil {
		t.Fatal(err)
	}
	f.etcd.StartAll()
	f.mustNactl(f.desk, "flag", "below.be", "--authority", "apd-gba", "--reference", "R", "--force", "not-delegated", "--wait-all")
	stop()
	if !f.redirects(node, "below.be") {
		t.Error("does not redirect what was flagged after the reloads")
	}
	f.mustNactl(f.desk, "unflag", "example.be", "--reason", "infringement ended", "--wait-all")
	if f.redirects(node, "www.example.be") {
		t.Error("redirects what is flagged no more")
	}
}

// TestFleetPage: a node serves the warning page too, with neither database nor desk behind it, and goes on doing so through
// reloads, and from its snapshot when it has lost its power and etcd is gone.
func TestFleetPage(t *testing.T) {
	f := newFleet(t, 1)
	node, page, secure, metrics := f.nodes[0], e2e.FreePort(t), e2e.FreePort(t), e2e.FreePort(t)
	f.rewrite(node, "replica_node ns1", fmt.Sprintf(`replica_node ns1
        page 127.0.0.1:%s
        page_tls 127.0.0.1:%s
        acme https://127.0.0.1:1/directory desk@dns.example
        page_abuse_contact mailto:abuse@dns.example`, page, secure))
	f.rewrite(node, "    chaos\n", "    chaos\n    prometheus 127.0.0.1:"+metrics+"\n")
	f.start(f.desk)
	f.start(node)
	expect := func(host string, status int, content string) {
		t.Helper()
		got, body := visitAs(t, page, host, "/")
		if got != status || !strings.Contains(body, content) {
			t.Errorf("visiting %s: got %d, want %d and %q:\n%s", host, got, status, content, body)
		}
	}
	expect("www.example.be", http.StatusMisdirectedRequest, "")
	f.mustNactl(f.desk, "flag", "example.be", "--authority", "apd-gba", "--reference", "R", "--wait-all")
	expect("www.example.be", http.StatusUnavailableForLegalReasons, "This website is blocked")
	expect("glue.be", http.StatusMisdirectedRequest, "")
	if conn, err := tls.Dial("tcp", e2e.Address(secure), &tls.Config{ServerName: "example.be", InsecureSkipVerify: true}); err == nil {
		conn.Close()
		t.Error("a handshake came to its end, and there is no certificate")
	}
	if status, body := visitAs(t, metrics, "localhost", "/metrics"); status != http.StatusOK ||
		!strings.Contains(body, `coredns_noticeaction_page_requests_total{language="en",status="451"} 1`) ||
		!strings.Contains(body, `coredns_noticeaction_certificates{state="pending"}`) {
		t.Errorf("metrics: got %d:\n%s", status, body)
	}

	if err := node.server.Reload(); err != nil {
		t.Fatal(err)
	}
	expect("www.example.be", http.StatusUnavailableForLegalReasons, "This website is blocked")
	content := filepath.Join(node.dir, "pages")
	if err := os.CopyFS(content, os.DirFS(filepath.Join(e2e.Root(), "testdata", "corefiles", "files", "pages"))); err != nil {
		t.Fatal(err)
	}
	f.rewrite(node, "page_abuse_contact", "page_content "+content+"\n        page_abuse_contact")
	if err := node.server.Reload(); err != nil {
		t.Fatal(err)
	}
	expect("www.example.be", http.StatusUnavailableForLegalReasons, "example.be")
	f.rewrite(node, "page_content "+content, "page_content "+content+"-none")
	if err := node.server.Reload(); err == nil {
		t.Error("a folder that is not there was taken up")
	}
	expect("www.example.be", http.StatusUnavailableForLegalReasons, "example.be")
	f.rewrite(node, content+"-none", content)

	f.await("snapshot", func() bool {
		_, err := os.Stat(filepath.Join(node.dir, "noticeaction.snapshot"))
		return err == nil
	})
	f.etcd.StopAll()
	node.server.Kill()
	f.start(node)
	expect("www.example.be", http.StatusUnavailableForLegalReasons, "example.be")
	f.etcd.StartAll()
	f.mustNactl(f.desk, "unflag", "example.be", "--reason", "R", "--wait-all")
	expect("www.example.be", http.StatusMisdirectedRequest, "")
	if err := node.server.Stop(); err != nil {
		t.Error(err)
	}
}

// visitAs gets a page as somebody does whom DNS has sent to a port of this machine.
func visitAs(tb testing.TB, port, host, path string) (status int, body string) {
	tb.Helper()
	r, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, "http://"+e2e.Address(port)+path, nil)
	if err != nil {
		tb.Fatal(err)
	}
	r.Host = host
	reply, err := http.DefaultClient.Do(r)
	if err != nil {
		tb.Fatal(err)
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return reply.StatusCode, string(text)
}

// askOn asks a node without a pause for a name that is redirected and one that is not, until the function that it
// returns is called. Every answer must be right.
func (f *fleet) askOn(m *machine, redirected, not string) (stop func()) {
	done := make(chan struct{})
	var asking sync.WaitGroup
	asked := 0
	asking.Go(func() {
		for ; ; asked++ {
			select {
			case <-done:
				return
			default:
			}
			for name, want := range map[string]bool{redirected: true, not: false} {
				reply, err := dns.Exchange(new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.TypeA), e2e.Address(m.port))
				if err != nil || (len(reply.Answer) == 1) != want {
					f.Errorf("asking %s for %s: %v\n%v", m.name, name, err, reply)
					return
				}
			}
		}
	})
	return func() {
		close(done)
		asking.Wait()
		f.Logf("%s gave %d right answers in a row", m.name, 2*asked)
	}
}

// TestFleetCase: the record of a case says when its redirects were everywhere, and when they were gone.
func TestFleetCase(t *testing.T) {
	f := newFleet(t, 2)
	f.start(f.desk)
	for _, m := range f.nodes {
		f.start(m)
	}
	f.mustNactl(f.desk, "case", "open", filepath.Join(e2e.Root(), "testdata", "cases", "notice.json"))
	everywhere := func(changes int) func() bool {
		return func() bool {
			out := f.mustNactl(f.desk, "--output", "json", "case", "everywhere", f.caseID())
			return strings.Count(out, `"everywhere"`) == changes
		}
	}
	f.await("the nodes", func() bool { return strings.Count(f.mustNactl(f.desk, "nodes"), "current") == 3 })
	f.mustNactl(f.desk, "case", "approve", f.caseID())
	f.await("the redirect to be everywhere, by the case's record", everywhere(1))
	for _, m := range f.nodes {
		if !f.redirects(m, "example.be") {
			t.Errorf("%s does not redirect", m.name)
		}
	}
	f.mustNactl(f.desk, "case", "stop", f.caseID())
	f.await("its end to be everywhere, by the case's record", everywhere(2))
	for _, m := range f.nodes {
		if f.redirects(m, "example.be") {
			t.Errorf("%s redirects still", m.name)
		}
	}
	out := f.mustNactl(f.desk, "case", "everywhere", f.caseID())
	if lines := strings.Split(strings.TrimSpace(out), "\n"); len(lines) != 3 || !strings.HasSuffix(strings.TrimSpace(lines[1]), "example.be") {
		t.Errorf("nactl case everywhere:\n%s", out)
	}
}

// caseID is that of the first case of this year, in Belgium.
func (f *fleet) caseID() string {
	f.Helper()
	zone, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		f.Fatal(err)
	}
	return fmt.Sprintf("%d-00001", time.Now().In(zone).Year())
}
