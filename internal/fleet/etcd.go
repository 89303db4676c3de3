package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/coredns-na/coredns-na/internal/freeport"
)

const prefix = "/noticeaction/"

// cluster is members of etcd, each a process.
type cluster struct {
	dir     string
	members []member
	tls     *tls.Config // of root
}

type member struct {
	name, client, peer string // ports
	cmd                *exec.Cmd
}

func newCluster(dir string, certs *x509.CertPool) (*cluster, error) {
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "root.crt"), filepath.Join(dir, "root.key"))
	if err != nil {
		return nil, err
	}
	c := &cluster{dir: dir, tls: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: certs, Certificates: []tls.Certificate{pair}}}
	for i := range members {
		m := member{name: fmt.Sprintf("member%d", i+1)}
		if m.client, err = freeport.New(); err == nil {
			m.peer, err = freeport.New()
		}
		if err != nil {
			return nil, err
		}
		c.members = append(c.members, m)
	}
	return c, nil
}

func (c *cluster) endpoints() (all []string) {
	for _, m := range c.members {
		all = append(all, "127.0.0.1:"+m.client)
	}
	return all
}

// begin starts a member.
func (c *cluster) begin(i int) error {
	var initial []string
	for _, m := range c.members {
		initial = append(initial, m.name+"=https://127.0.0.1:"+m.peer)
	}
	m := &c.members[i]
	path := func(name string) string { return filepath.Join(c.dir, name) }
	m.cmd = exec.Command(path("etcd"),
		"--name", m.name, "--data-dir", path(m.name+".etcd"), "--log-level", "error",
		"--listen-client-urls", "https://127.0.0.1:"+m.client, "--advertise-client-urls", "https://127.0.0.1:"+m.client,
		"--listen-peer-urls", "https://127.0.0.1:"+m.peer, "--initial-advertise-peer-urls", "https://127.0.0.1:"+m.peer,
		"--initial-cluster", strings.Join(initial, ","),
		"--client-cert-auth", "--trusted-ca-file", path("ca.crt"), "--cert-file", path("member.crt"), "--key-file", path("member.key"),
		"--peer-client-cert-auth", "--peer-trusted-ca-file", path("ca.crt"), "--peer-cert-file", path("member.crt"), "--peer-key-file", path("member.key"),
		"--auto-compaction-mode", "periodic", "--auto-compaction-retention", "1h",
	)
	out, err := os.OpenFile(path(m.name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	m.cmd.Stdout, m.cmd.Stderr = out, out
	if err := m.cmd.Start(); err != nil {
		return err
	}
	fmt.Printf("%s of etcd serves on port %s\n", m.name, m.client)
	return nil
}

// start starts all members, and gives each user the rights that it needs and no more.
func (c *cluster) start(ctx context.Context, users []string) error {
	for i := range c.members {
		if err := c.begin(i); err != nil {
			return err
		}
	}
	var endpoints []string
	for _, e := range c.endpoints() {
		endpoints = append(endpoints, "https://"+e)
	}
	client, err := clientv3.New(clientv3.Config{Endpoints: endpoints, TLS: c.tls, Logger: zap.NewNop()})
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if _, err := client.Get(ctx, prefix, clientv3.WithCountOnly()); err != nil {
		return fmt.Errorf("waiting for etcd: %w", err)
	}
	return grant(ctx, client, users)
}

// grant makes a user of each certificate, by its common name, and turns authentication on.
func grant(ctx context.Context, client *clientv3.Client, users []string) error {
	type right struct {
		key string
		is  clientv3.PermissionType
	}
	var errs []error
	note := func(_ any, err error) { errs = append(errs, err) }
	for _, user := range users {
		rights := []right{
			{prefix + "set/", clientv3.PermissionType(clientv3.PermRead)}, {prefix + "nodes/" + user, clientv3.PermissionType(clientv3.PermWrite)},
		}
		switch user {
		case "root":
			rights = nil
		case "desk":
			rights = []right{{prefix, clientv3.PermissionType(clientv3.PermReadWrite)}}
		}
		note(client.RoleAdd(ctx, user))
		for _, r := range rights {
			end := ""
			if strings.HasSuffix(r.key, "/") {
				end = clientv3.GetPrefixRangeEnd(r.key)
			}
			note(client.RoleGrantPermission(ctx, user, r.key, end, r.is))
		}
		note(client.UserAddWithOptions(ctx, user, "", &clientv3.UserAddOptions{NoPassword: true}))
		note(client.UserGrantRole(ctx, user, user))
	}
	note(client.AuthEnable(ctx))
	return errors.Join(errs...)
}

// kill ends a member as a power cut would.
func (c *cluster) kill(i int) error {
	m := &c.members[i]
	if err := m.cmd.Process.Kill(); err != nil {
		return err
	}
	_ = m.cmd.Wait()
	fmt.Printf("%s of etcd is gone\n", m.name)
	return nil
}

// stop ends all members.
func (c *cluster) stop() error {
	var errs []error
	for i := range c.members {
		if cmd := c.members[i].cmd; cmd != nil && cmd.ProcessState == nil {
			errs = append(errs, cmd.Process.Signal(syscall.SIGTERM))
		}
	}
	for i := range c.members {
		cmd := c.members[i].cmd
		if cmd == nil || cmd.ProcessState != nil {
			continue
		}
		cut := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait() // etcd ends by the signal that it was sent
		cut.Stop()
	}
	return errors.Join(errs...)
}
