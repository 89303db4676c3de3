package noticeaction

import (
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/coredns/caddy"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/api"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/replica"
)

const (
	defaultSnapshot = "noticeaction.snapshot"
	defaultLimit    = 10 // percent
)

// replicaLines are the lines about other servers, as they were given; paths are absolute.
type replicaLines struct {
	role      string // publish, follow; empty: no line
	endpoints []string
	prefix    string
	tls, key  string
	snapshot  string
	node      string
	limit     int // percent
	limited   bool
}

// replicaFiles are what the files held that the lines about other servers name.
type replicaFiles struct {
	tls    *tls.Config // nil: no line
	signer *replica.Signer
	keys   replica.Keys
}

// follows tells whether the flags are those of another server.
func (cfg *config) follows() bool { return cfg.replica.role == "follow" }

// replicaProperties are the lines about other servers.
var replicaProperties = []property{
	{name: "replica", read: readReplica},
	{name: "replica_tls", with: "replica", read: readReplicaTLS},
	{name: "replica_prefix", with: "replica", read: func(cfg *config, c *caddy.Controller, args []string) (err error) {
		if err := wantArgs(c, args, len(args) == 1, "replica_prefix", "one path"); err != nil {
			return err
		}
		if cfg.replica.prefix, err = replica.CleanPrefix(args[0]); err != nil {
			return c.Errf("replica_prefix: %v", err)
		}
		return nil
	}},
	{name: "replica_key", with: "replica", read: func(cfg *config, c *caddy.Controller, args []string) error {
		return cfg.readPath(c, args, "replica_key", &cfg.replica.key)
	}},
	{name: "replica_node", with: "replica", read: func(cfg *config, c *caddy.Controller, args []string) error {
		if err := wantArgs(c, args, len(args) == 1, "replica_node", "one name"); err != nil {
			return err
		}
		cfg.replica.node = args[0]
		if err := replica.NodeName(args[0]); err != nil {
			return c.Errf("replica_node: %v", err)
		}
		return nil
	}},
	{name: "replica_limit", with: "replica", read: func(cfg *config, c *caddy.Controller, args []string) error {
		n, err := strconv.ParseUint(strings.Join(args, " "), 10, 8)
		cfg.replica.limit, cfg.replica.limited = int(n), true
		return wantArgs(c, args, len(args) == 1 && err == nil && n <= 100, "replica_limit", "0 to 100 percent")
	}},
	{name: "replica_probe", many: true, with: "replica", read: readReplicaProbe},
	{name: "snapshot", with: "replica", read: func(cfg *config, c *caddy.Controller, args []string) error {
		return cfg.readPath(c, args, "snapshot", &cfg.replica.snapshot)
	}},
}

// deskLines are lines that make sense only where names are flagged.
func deskLines() (names []string) {
	names = []string{"database", "protect", "brake", "resolver"}
	for _, p := range caseProperties {
		names = append(names, p.name)
	}
	return names
}

func readReplica(cfg *config, c *caddy.Controller, args []string) error {
	const expected = "publish or follow, and ENDPOINTS"
	ok := len(args) > 1 && slices.Contains([]string{"publish", "follow"}, args[0])
	if err := wantArgs(c, args, ok, "replica", expected); err != nil {
		return err
	}
	cfg.replica.role = args[0]
	for _, arg := range args[1:] {
		host, port, err := net.SplitHostPort(arg)
		if n, err2 := strconv.ParseUint(port, 10, 16); err != nil || err2 != nil || n == 0 || host == "" {
			return c.Errf("replica: expected HOST:PORT, got %q", arg)
		}
		if slices.Contains(cfg.replica.endpoints, arg) {
			return c.Errf("replica: %q given twice", arg)
		}
		cfg.replica.endpoints = append(cfg.replica.endpoints, arg)
	}
	return nil
}

func readReplicaTLS(cfg *config, c *caddy.Controller, args []string) error {
	if err := wantArgs(c, args, len(args) == 3, "replica_tls", "CERT KEY CA"); err != nil {
		return err
	}
	content := sha256.New()
	for i := range args {
		args[i] = cfg.path(args[i])
		text, err := os.ReadFile(args[i])
		if err != nil {
			return c.Errf("replica_tls: %v", err)
		}
		content.Write(text)
	}
	pair, err := tls.LoadX509KeyPair(args[0], args[1])
	if err != nil {
		return c.Errf("replica_tls: expected a certificate and its key in PEM form: %v", err)
	}
	pool, err := certificates(args[2])
	if err != nil {
		return c.Errf("replica_tls: %v", err)
	}
	cfg.replica.tls = fmt.Sprintf("%q %x", args, content.Sum(nil))
	cfg.replicaFiles.tls = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, RootCAs: pool}
	return nil
}

func readReplicaProbe(cfg *config, c *caddy.Controller, args []string) error {
	const expected = "IP addresses or networks as 192.0.2.0/24"
	if err := wantArgs(c, args, len(args) > 0, "replica_probe", expected); err != nil {
		return err
	}
	for _, arg := range args {
		network, err := netip.ParsePrefix(arg)
		if addr, err2 := netip.ParseAddr(arg); err2 == nil && addr.Zone() == "" {
			network, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil || network != network.Masked() {
			return c.Errf("replica_probe: expected %s, got %q", expected, arg)
		}
		cfg.probe = append(cfg.probe, network)
	}
	return nil
}

// checkReplica checks the lines about other servers against each other and the rest, and reads the key.
func (cfg *config) checkReplica(seen map[string]bool) (err error) {
	l := &cfg.replica
	if l.role == "" {
		return nil
	}
	if !seen["replica_key"] {
		return errors.New("replica: expected a replica_key line to go with it")
	}
	if l.tls == "" && slices.ContainsFunc(l.endpoints, func(e string) bool { return !api.Loopback(e) }) {
		return errors.New("replica: expected replica_tls with endpoints off loopback")
	}
	if l.prefix == "" {
		l.prefix = replica.DefaultPrefix
	}
	if !cfg.follows() {
		for _, name := range []string{"snapshot", "replica_limit", "replica_node"} {
			if seen[name] {
				return fmt.Errorf("%s: expected replica follow to go with it", name)
			}
		}
		cfg.replicaFiles.signer, err = replica.ReadSigner(l.key)
	} else {
		for _, name := range deskLines() {
			if seen[name] {
				return fmt.Errorf("%s: expected no such line with replica follow, as names are flagged elsewhere", name)
			}
		}
		cfg.replicaFiles.keys, err = replica.ReadKeys(l.key)
		l.complete(cfg)
	}
	if err != nil {
		return fmt.Errorf("replica_key: %w", err)
	}
	if l.node == "" && cfg.follows() {
		return l.nameNode()
	}
	return nil
}

func (l *replicaLines) complete(cfg *config) {
	if l.snapshot == "" {
		l.snapshot = cfg.path(defaultSnapshot)
	}
	if !l.limited {
		l.limit = defaultLimit
	}
}

// nameNode has the machine's name for the node's.
func (l *replicaLines) nameNode() error {
	host, err := os.Hostname()
	if err == nil {
		err = replica.NodeName(host)
	}
	if err != nil {
		return fmt.Errorf("replica_node: expected such a line, as the machine's name is of no use: %w", err)
	}
	l.node = host
	return nil
}

func (cfg *config) cluster() replica.Cluster {
	return replica.Cluster{Endpoints: cfg.replica.endpoints, TLS: cfg.replicaFiles.tls, Prefix: cfg.replica.prefix}
}
