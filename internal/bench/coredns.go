package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/coredns-na/coredns-na/internal/freeport"
)

const (
	module         = "github.com/coredns-na/coredns-na"
	warningAddress = "192.0.2.80"
	probe          = "a.nsset.be" // has an address in every generated zone
)

// build compiles coredns-na with the plugins to compare with, and bare.
func (l *lab) build() error {
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {
		filepath.Join(l.root, "cmd/coredns-na/peers.go"): filepath.Join(l.root, "internal/bench/testdata/peers.go"),
	}})
	if err != nil {
		return err
	}
	path, err := l.write("overlay.json", string(overlay))
	if err != nil {
		return err
	}
	l.coredns, l.bare = filepath.Join(l.dir, "coredns-na"), filepath.Join(l.dir, "bare")
	for _, args := range [][]string{
		{"-overlay", path, "-o", l.coredns, module + "/cmd/coredns-na"},
		{"-o", l.bare, "./internal/bench/testdata/bare"},
	} {
		cmd := exec.Command("go", append([]string{"build"}, args...)...)
		cmd.Dir = l.root
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("building %s: %w\n%s", args[len(args)-1], err, out)
		}
	}
	return nil
}

// corefile is a server block of be with some lines before "file".
const corefile = `%s {
    bind 127.0.0.1
%s
    file %s be
}
`

// noticeaction is the directive under measurement; its database and socket
// lie in the server's folder.
const noticeaction = `    noticeaction {
        warning_page warning.example ` + warningAddress + `
        admin unix:admin.sock
        brake 100000000 1h
    }`

// batched is the same with udp_batch.
var batched = strings.TrimSuffix(noticeaction, "    }") + "        udp_batch\n    }"

// startCoreDNS runs the server over a zone file with the given lines in its
// Corefile. An existing folder is used as it is.
func (l *lab) startCoreDNS(name, lines, zone, cores string) (*server, error) {
	s, err := l.newServer(name)
	if err != nil {
		return nil, err
	}
	text := fmt.Sprintf(corefile, "be:"+s.port, lines, zone)
	if err := os.WriteFile(filepath.Join(s.dir, "Corefile"), []byte(text), 0o600); err != nil {
		return nil, err
	}
	return s, l.startServer(s, cores, probe, l.coredns, "-conf", "Corefile")
}

// newServer gives a server a folder and a port.
func (l *lab) newServer(name string) (*server, error) {
	s := &server{name: name, dir: filepath.Join(l.dir, strings.Map(plain, name))}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, err
	}
	var err error
	s.port, err = freeport.New()
	return s, err
}

// plain keeps of a name what a path may hold everywhere.
func plain(r rune) rune {
	if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' {
		return r
	}
	return '-'
}

// desk is a client of a server's admin API.
type desk struct{ http.Client }

func newDesk(s *server) *desk {
	return &desk{http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost: 64,
		DialContext:         func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", s.socket()) },
	}}}
}

// socket is where the admin API listens.
func (s *server) socket() string { return filepath.Join(s.dir, "admin.sock") }

// call makes a request and reads the reply to its end.
func (d *desk) call(method, path, contentType string, body io.Reader) error {
	req, err := http.NewRequest(method, "http://desk"+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", contentType)
	resp, err := d.Do(req)
	if err != nil {
		return err
	}
	return readReply(req, resp)
}

// readReply reads the reply to a request to its end.
func readReply(req *http.Request, resp *http.Response) error {
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 500))
		return fmt.Errorf("%s %s: expected success, got %s: %s", req.Method, req.URL.Path, resp.Status, text)
	}
	_, err := io.Copy(io.Discard, resp.Body)
	return err
}

// importBody is names as the lines of an import.
func importBody(names []string, reference string) []byte {
	var b bytes.Buffer
	for _, name := range names {
		fmt.Fprintf(&b, `{"name":%q,"authority":"apd-gba","reference":%q}`+"\n", name, reference)
	}
	return b.Bytes()
}

func (d *desk) imports(body []byte) error {
	return d.call(http.MethodPost, "/v1/flags/import?force=not-delegated,brake", "application/x-ndjson", bytes.NewReader(body))
}

func (d *desk) export() error { return d.call(http.MethodGet, "/v1/flags/export", "", nil) }
