// Command fleet starts on loopback what docs/fleet.md describes: three members of the real etcd with TLS,
// users and roles, one desk and five name servers that follow it. It shows a flag reaching all of them, also
// while a member of etcd is gone and after a node lost its power, and stops everything.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/coredns-na/coredns-na/internal/e2e"
	"github.com/coredns-na/coredns-na/internal/freeport"
)

const (
	members = 3
	nodes   = 5
	page    = "192.0.2.80"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	begin := time.Now()
	f := &fleet{}
	err := errors.Join(f.run(ctx), f.end())
	if err != nil {
		fmt.Fprintln(os.Stderr, "fleet:", err)
		os.Exit(1)
	}
	fmt.Printf("\nall stopped; it took %s\n", time.Since(begin).Round(time.Second))
}

// fleet is all that runs, and the folder in which it does.
type fleet struct {
	dir    string
	etcd   *cluster
	desk   *machine
	nodes  []*machine
	undone []func()
}

// machine is a coredns-na with a folder of its own.
type machine struct {
	name, dir, port string
	server          *e2e.Server
}

func (f *fleet) run(ctx context.Context) error {
	for _, step := range []struct {
		says string
		do   func(context.Context) error
	}{
		{"building coredns-na, nactl and etcd", f.build},
		{fmt.Sprintf("starting %d members of etcd, with users and roles", members), f.startEtcd},
		{fmt.Sprintf("starting a desk and %d nodes", nodes), f.startMachines},
		{"flagging example.be", func(ctx context.Context) error { return f.flag(ctx, "example.be") }},
		{"killing a member of etcd, and flagging glue.be", f.withoutMember},
		{"killing a node, and starting it again from its snapshot", f.withoutNode},
		{"unflagging example.be", f.unflag},
	} {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		fmt.Printf("\n# %s\n", step.says)
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.says, err)
		}
	}
	return nil
}

// end stops everything, the nodes first.
func (f *fleet) end() error {
	var errs []error
	for _, m := range append(slices.Clone(f.nodes), f.desk) {
		if m != nil && m.server != nil && m.server.Running() {
			errs = append(errs, m.server.Stop())
		}
	}
	if f.etcd != nil {
		errs = append(errs, f.etcd.stop())
	}
	for _, undo := range slices.Backward(f.undone) {
		undo()
	}
	return errors.Join(errs...)
}

func (f *fleet) build(context.Context) error {
	remove, err := e2e.Build()
	if err != nil {
		return err
	}
	f.undone = append(f.undone, remove)
	if f.dir, err = os.MkdirTemp("", "fleet"); err != nil {
		return err
	}
	f.undone = append(f.undone, func() { os.RemoveAll(f.dir) })
	return do(f.dir, "go", "-C", e2e.Root(), "build", "-o", filepath.Join(f.dir, "etcd"), "go.etcd.io/etcd/server/v3")
}

func (f *fleet) startEtcd(ctx context.Context) error {
	users := []string{"root", "desk"}
	for i := range nodes {
		users = append(users, nodeName(i))
	}
	certs, err := newCertificates(f.dir, append(users, "member")...)
	if err != nil {
		return err
	}
	if f.etcd, err = newCluster(f.dir, certs); err != nil {
		return err
	}
	return f.etcd.start(ctx, users)
}

func nodeName(i int) string { return fmt.Sprintf("ns%d", i+1) }

const deskCorefile = `be:%[1]s {
    bind 127.0.0.1
    noticeaction {
        warning_page warning.authority.example %[2]s
        admin unix:noticeaction.sock
        replica publish %[3]s
        replica_key %[4]s/replica.key
        replica_tls %[4]s/desk.crt %[4]s/desk.key %[4]s/ca.crt
    }
    file %[5]s/testdata/be.zone
}
`

const nodeCorefile = `be:%[1]s generation.noticeaction:%[1]s {
    bind 127.0.0.1
    chaos
    noticeaction be {
        warning_page warning.authority.example %[2]s
        admin unix:noticeaction.sock
        replica follow %[3]s
        replica_key %[4]s/replica.pub
        replica_tls %[4]s/%[6]s.crt %[4]s/%[6]s.key %[4]s/ca.crt
        replica_node %[6]s
        replica_probe 127.0.0.1
    }
    file %[5]s/testdata/be.zone be
}
`

func (f *fleet) startMachines(context.Context) (err error) {
	for _, args := range [][]string{
		{"genpkey", "-algorithm", "ed25519", "-out", "replica.key"},
		{"pkey", "-in", "replica.key", "-pubout", "-out", "replica.pub"},
	} {
		if err := do(f.dir, "openssl", args...); err != nil {
			return err
		}
	}
	if f.desk, err = f.machine("desk", deskCorefile); err != nil {
		return err
	}
	for i := range nodes {
		m, err := f.machine(nodeName(i), nodeCorefile)
		if err != nil {
			return err
		}
		f.nodes = append(f.nodes, m)
	}
	return nil
}

func (f *fleet) machine(name, corefile string) (*machine, error) {
	port, err := freeport.New()
	if err != nil {
		return nil, err
	}
	m := &machine{name: name, dir: filepath.Join(f.dir, name), port: port}
	if err := os.Mkdir(m.dir, 0o700); err != nil {
		return nil, err
	}
	text := fmt.Sprintf(corefile, port, page, strings.Join(f.etcd.endpoints(), " "), f.dir, e2e.Root(), name)
	text, _, _ = strings.Cut(text, "%!(EXTRA") // the desk's needs no name
	if err := os.WriteFile(filepath.Join(m.dir, "Corefile"), []byte(text), 0o600); err != nil {
		return nil, err
	}
	return m, m.start()
}

func (m *machine) start() (err error) {
	m.server, err = e2e.Start(m.dir, "Corefile")
	if err == nil {
		fmt.Printf("%s answers on port %s\n", m.name, m.port)
	}
	return err
}

// flag flags a name, waits until all nodes have it, and asks each of them.
func (f *fleet) flag(_ context.Context, name string) error {
	begin := time.Now()
	err := f.nactl("flag", name, "--authority", "apd-gba", "--reference", "DOS-2026-01234", "--wait-all")
	if err != nil {
		return err
	}
	fmt.Printf("nactl returned after %s\n", time.Since(begin).Round(time.Millisecond))
	for _, m := range f.nodes {
		if err := m.expect("www."+name, true); err != nil {
			return err
		}
		if err := m.probe(); err != nil {
			return err
		}
	}
	return f.nactl("nodes")
}

func (f *fleet) withoutMember(ctx context.Context) error {
	if err := f.etcd.kill(0); err != nil {
		return err
	}
	if err := f.flag(ctx, "glue.be"); err != nil {
		return err
	}
	return f.etcd.begin(0)
}

func (f *fleet) withoutNode(context.Context) error {
	m := f.nodes[0]
	m.server.Kill()
	if err := m.start(); err != nil {
		return err
	}
	return m.expect("www.example.be", true)
}

func (f *fleet) unflag(context.Context) error {
	if err := f.nactl("unflag", "example.be", "--reason", "infringement ended", "--wait-all"); err != nil {
		return err
	}
	for _, m := range f.nodes {
		if err := m.expect("www.example.be", false); err != nil {
			return err
		}
	}
	return f.nactl("audit", "list")
}

// expect asks whether a name is redirected.
func (m *machine) expect(name string, want bool) error {
	reply, err := dns.Exchange(new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.TypeA), e2e.Address(m.port))
	if err != nil {
		return fmt.Errorf("asking %s: %w", m.name, err)
	}
	got := false
	if len(reply.Answer) == 1 {
		a, ok := reply.Answer[0].(*dns.A)
		got = ok && a.A.String() == page
	}
	if got != want {
		return fmt.Errorf("asking %s for %s: redirected %v, expected %v", m.name, name, got, want)
	}
	fmt.Printf("%s: %s redirected: %v\n", m.name, name, got)
	return nil
}

// probe asks what the node answers by.
func (m *machine) probe() error {
	q := new(dns.Msg).SetQuestion("generation.noticeaction.", dns.TypeTXT)
	q.Question[0].Qclass = dns.ClassCHAOS
	reply, err := dns.Exchange(q, e2e.Address(m.port))
	if err == nil && len(reply.Answer) != 1 {
		err = fmt.Errorf("expected one record, got %v", reply)
	}
	if err != nil {
		return fmt.Errorf("asking %s for its generation: %w", m.name, err)
	}
	fmt.Println(reply.Answer[0])
	return nil
}

// do runs a command whose output matters only if it fails.
func do(dir, command string, args ...string) error {
	cmd := exec.Command(command, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", command, strings.Join(args, " "), err, out)
	}
	return nil
}

// nactl runs nactl on the desk and shows it with what it prints.
func (f *fleet) nactl(args ...string) error {
	fmt.Printf("$ nactl %s\n", strings.Join(args, " "))
	cmd := exec.Command("nactl", args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = f.desk.dir, os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("nactl %s: %w", args[0], err)
	}
	return nil
}
