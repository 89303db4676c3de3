package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/coredns-na/coredns-na/internal/freeport"
)

// shares are the parts of a query's way that a profile is read for, each with
// the function that stands for it and all that it calls.
var shares = []struct{ what, function string }{
	{"receiving, in the kernel and the poller", "github.com/miekg/dns.(*Server).readUDP"},
	{"sending, in the kernel", "github.com/miekg/dns.WriteToSessionUDP"},
	{"starting a goroutine", "runtime.newproc"},
	{"switching goroutines", "runtime.schedule"},
	{"growing its stack", "runtime.newstack"},
	{"unpacking the query", "github.com/miekg/dns.(*Msg).unpack"},
	{"packing the answer", "github.com/miekg/dns.(*Msg).PackBuffer"},
	{"noticeaction and all behind it", module + "/plugin/noticeaction.(*NoticeAction).ServeDNS"},
	{"of that, the look-up", module + "/plugin/noticeaction.find"},
	{"of that, making the answer", module + "/plugin/noticeaction.(*answerer).answer"},
	{"of that, the zone behind", "github.com/coredns/coredns/plugin/file.File.ServeDNS"},
	{"allocating", "runtime.mallocgc"},
	{"collecting garbage in the background", "runtime.gcBgMarkWorker"},
}

// measureProfile: where the time goes while one core is busy.
func (l *lab) measureProfile() error {
	zone, below, err := l.writeZone(l.zone)
	if err != nil {
		return err
	}
	names := randomNames(l.few)
	passed, err := l.queries("pass.queries", below)
	if err != nil {
		return err
	}
	flagged, err := l.queries("flagged.queries", names)
	if err != nil {
		return err
	}
	s, address, err := l.profiledServer("profile", zone, serverCore, names)
	if err != nil {
		return err
	}
	defer s.stop()
	t := table{title: "Where the time goes", note: "Shares of the server's CPU time while one core is saturated, what a function calls included, so that lines overlap.",
		head: []string{"", "flagged answer", "pass-through"}}
	var columns [2]map[string]float64
	for i, file := range []string{flagged, passed} {
		if columns[i], err = l.profile(s, address, load{file: file}); err != nil {
			return err
		}
	}
	for _, share := range shares {
		row := []string{share.what}
		for _, c := range columns {
			row = append(row, fmt.Sprintf("%.0f %%", c[share.function]))
		}
		t.rows = append(t.rows, row)
	}
	l.report.add(t)
	return nil
}

// profiledServer is flaggedServer with plugin pprof, and where that listens.
func (l *lab) profiledServer(name, zone, cores string, names []string) (s *server, address string, err error) {
	port, err := freeport.New()
	if err != nil {
		return nil, "", err
	}
	address = "127.0.0.1:" + port
	s, err = l.flaggedServer(name, zone, cores, "    pprof "+address+"\n", names)
	return s, address, err
}

// takeProfile asks plugin pprof for a profile.
func takeProfile(address, what string) ([]byte, error) {
	resp, err := http.Get("http://" + address + "/debug/pprof/" + what)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s of %s: expected 200, got %s", what, address, resp.Status)
	}
	return io.ReadAll(resp.Body)
}

// profile returns the percentage of each function while the load runs.
func (l *lab) profile(s *server, address string, work load) (map[string]float64, error) {
	const seconds = 5
	loaded := make(chan error, 1)
	go func() {
		_, err := work.send(s.port, (seconds+1)*time.Second, false)
		loaded <- err
	}()
	raw, err := takeProfile(address, fmt.Sprintf("profile?seconds=%d", seconds))
	if err := errors.Join(err, <-loaded); err != nil {
		return nil, err
	}
	path := filepath.Join(s.dir, "cpu.pprof")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		return nil, err
	}
	out, err := exec.Command("go", "tool", "pprof", "-top", "-cum", "-nodecount=100000", path).Output()
	if err != nil {
		return nil, fmt.Errorf("reading the profile: %w", err)
	}
	return parseTop(out), nil
}

// parseTop reads the cumulative percentages of "go tool pprof -top".
func parseTop(out []byte) map[string]float64 {
	cumulative := make(map[string]float64)
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		var percent float64
		if len(fields) < 6 || !strings.HasSuffix(fields[4], "%") {
			continue
		}
		if _, err := fmt.Sscanf(fields[4], "%f%%", &percent); err == nil {
			cumulative[fields[5]] = percent
		}
	}
	return cumulative
}
