package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// other is a name server of another make that can answer the names.
type other struct {
	name    string
	command string
	args    []string // %s is the path of its configuration
	ready   string   // a name that it answers once it serves
	config  func(s *server, names []string, zone string) string
}

var others = []other{
	{"dnsdist, SuffixMatchNode and SpoofAction", "dnsdist", []string{"--supervised", "--disable-syslog", "-C", "%s"}, "", dnsdist},
	{"Unbound, local-zone redirect", "unbound", []string{"-d", "-c", "%s"}, "", unbound},
	{"BIND, zone data", "named", []string{"-g", "-n", "1", "-c", "%s"}, probe, bind},
	{"Knot, zone data", "knotd", []string{"-c", "%s"}, probe, knot},
	{"NSD, zone data", "nsd", []string{"-d", "-c", "%s"}, probe, nsd},
}

func dnsdist(s *server, names []string, _ string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "setSecurityPollSuffix('')\nsetLocal('127.0.0.1:%s')\nnames = newSuffixMatchNode()\n", s.port)
	for _, name := range names {
		fmt.Fprintf(&b, "names:add(newDNSName('%s.'))\n", name)
	}
	fmt.Fprintf(&b, "addAction(SuffixMatchNodeRule(names), SpoofAction({'%s'}))\n", warningAddress)
	return b.String()
}

func unbound(s *server, names []string, _ string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "server:\n  interface: 127.0.0.1@%s\n  num-threads: 1\n  module-config: iterator\n  use-syslog: no\n"+
		"  username: \"\"\n  chroot: \"\"\n  pidfile: \"\"\n  directory: %q\n", s.port, s.dir)
	for _, name := range names {
		fmt.Fprintf(&b, "  local-zone: \"%[1]s.\" redirect\n  local-data: \"%[1]s. 300 IN A %[2]s\"\n", name, warningAddress)
	}
	return b.String()
}

func bind(s *server, _ []string, zone string) string {
	return fmt.Sprintf(`options {
	directory %q;
	listen-on port %s { 127.0.0.1; };
	listen-on-v6 { none; };
	pid-file none;
	recursion no;
	minimal-responses yes;
	notify no;
};
controls { };
zone "be" { type primary; file %q; };
`, s.dir, s.port, zone)
}

func knot(s *server, _ []string, zone string) string {
	return fmt.Sprintf(`server:
  listen: 127.0.0.1@%s
  rundir: %[2]s
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
database:
  storage: %[2]s
zone:
  - domain: be
    file: %[3]s
    zonefile-load: whole
    journal-content: none
`, s.port, s.dir, zone)
}

func nsd(s *server, _ []string, zone string) string {
	return fmt.Sprintf(`server:
  ip-address: 127.0.0.1@%s
  server-count: 1
  username: ""
  zonesdir: %[2]q
  pidfile: ""
  database: ""
  zonelistfile: "%[2]s/zone.list"
  xfrdfile: "%[2]s/xfrd.state"
  logfile: "%[2]s/log"
remote-control:
  control-enable: no
zone:
  name: be
  zonefile: %[3]q
`, s.port, s.dir, zone)
}

// measureOthers: the same answers from other servers, each as it is at home.
func (l *lab) measureOthers() error {
	names := randomNames(l.few)
	plainZone, _, err := l.writeZone(l.few)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(plainZone)
	if err != nil {
		return err
	}
	zone, err := l.write("others.zone", string(text)+zoneData(names))
	if err != nil {
		return err
	}
	file, err := l.queries("others.queries", names)
	if err != nil {
		return err
	}
	var rivals []*rival
	defer func() { stopAll(rivals) }()
	for _, o := range others {
		s, err := l.startOther(o, names, zone)
		if err != nil {
			return err
		}
		rivals = append(rivals, &rival{name: o.name, server: s, load: load{file: file}})
	}
	s, err := l.flaggedServer("others noticeaction", plainZone, serverCore, "", names)
	if err != nil {
		return err
	}
	rivals = append(rivals, &rival{name: "noticeaction", server: s, load: load{file: file}})
	if err := l.compare(l.rounds, rivals...); err != nil {
		return err
	}
	l.tabulate("Flagged answer, through other servers doing this job",
		fmt.Sprintf("A queries without EDNS for %s names. Where a server is faster than dnsperf on the other core, its queries a second are dnsperf's, and it pays for waking up.", count(l.few)), rivals...)
	return nil
}

func (l *lab) startOther(o other, names []string, zone string) (*server, error) {
	if _, err := exec.LookPath(o.command); err != nil {
		return nil, fmt.Errorf("expected %s to be installed: %w", o.command, err)
	}
	s, err := l.newServer("other " + o.command)
	if err != nil {
		return nil, err
	}
	path, err := l.write(o.command+".conf", o.config(s, names, zone))
	if err != nil {
		return nil, err
	}
	args := make([]string, len(o.args))
	for i, a := range o.args {
		args[i] = strings.ReplaceAll(a, "%s", path)
	}
	ready := o.ready
	if ready == "" {
		ready = names[0]
	}
	return s, l.startServer(s, serverCore, ready, o.command, args...)
}
