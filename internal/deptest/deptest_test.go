package deptest

import (
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestRoomsKeepTheRules(t *testing.T) {
	for _, p := range list(t) {
		for _, problem := range problems(p) {
			t.Error(problem)
		}
		if !slices.Contains(pure, p.room()) {
			continue
		}
		for _, name := range p.GoFiles {
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, use := range clockUses(file) {
				t.Errorf("%s/%s: is pure, but uses the clock: %s", p.room(), name, use)
			}
		}
	}
}

func TestImportRules(t *testing.T) {
	tests := []struct {
		name    string
		room    string
		imports []string
		want    string // part of the problem; empty: none
	}{
		{"downward", casework, []string{module + store, module + redirect, "context"}, ""},
		{"upward", store, []string{module + casework}, "store: imports " + casework},
		{"pure room on another", redirect, []string{module + workday}, "redirect: imports " + workday},
		{"pure room with calendar", procedure, []string{module + workday, "time", "errors"}, ""},
		{"pure room reads files", workday, []string{"os"}, "workday: is pure, but imports os"},
		{"pure room runs programs", workday, []string{"os/exec"}, "workday: is pure, but imports os/exec"},
		{"pure room speaks HTTP", redirect, []string{"net/http"}, "redirect: is pure, but imports net/http"},
		{"pure room takes a context", procedure, []string{"context"}, "procedure: is pure, but imports context"},
		{"a path that only begins like net", redirect, []string{"nettools.example/x"}, ""},
		{"store has the database", store, []string{"go.etcd.io/bbolt", "go.etcd.io/bbolt/errors", "os"}, ""},
		{"api has the database", api, []string{"go.etcd.io/bbolt"}, "api: imports go.etcd.io/bbolt, which only"},
		{"client has the database", client, []string{"go.etcd.io/bbolt/errors"}, "nactl: imports go.etcd.io/bbolt/errors, which only"},
		{"edge on edge", api, []string{module + mail}, "api: imports " + mail},
		{"edge on edge, the other way", mail, []string{module + api}, "mail: imports " + api},
		{"replica on warning page", replica, []string{module + warnpage}, "replica: imports " + warnpage},
		{"replica has etcd", replica, []string{"go.etcd.io/etcd/client/v3", module + redirect}, ""},
		{"replica on the store", replica, []string{module + store}, "replica: imports " + store},
		{"plugin has etcd", plugin, []string{"go.etcd.io/etcd/client/v3"}, "noticeaction: imports go.etcd.io/etcd/client/v3, which only"},
		{"edge knows CoreDNS", warnpage, []string{"github.com/coredns/coredns/plugin"}, "warnpage: imports github.com/coredns/coredns/plugin, which only"},
		{"plugin knows CoreDNS", plugin, []string{"github.com/coredns/coredns/plugin", "github.com/coredns/caddy", module + api}, ""},
		{"client knows the server's types", client, []string{module + api}, "nactl: imports " + api},
		{"client knows its version", client, []string{module + version, "net/http"}, ""},
		{"room imports a test helper", plugin, []string{module + "internal/zonegen"}, "noticeaction: imports internal/zonegen"},
		{"helper imports a helper", "internal/zonegen/cmd", []string{module + "internal/zonegen", "os"}, ""},
		{"helper imports a room", "internal/zonegen", []string{module + store}, "a helper imports the room " + store},
		{"room without a rule", plugin + "/cellar", nil, "cellar: expected a rule"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := problems(pkg{ImportPath: module + tt.room, Imports: tt.imports})
			switch {
			case tt.want == "" && len(got) > 0:
				t.Errorf("expected no problem, got %q", got)
			case tt.want != "" && (len(got) != 1 || !strings.Contains(got[0], tt.want)):
				t.Errorf("expected one problem with %q, got %q", tt.want, got)
			}
		})
	}
}

func TestClockRule(t *testing.T) {
	tests := []struct {
		name, source string
		want         []string
	}{
		{"calendar arithmetic", `import "time"; func f(t time.Time) time.Time { return t.AddDate(0, 0, 1) }`, nil},
		{"now", `import "time"; func f() time.Time { return time.Now() }`, []string{"Now"}},
		{"now as a value", `import "time"; var now = time.Now`, []string{"Now"}},
		{"under another name", `import clock "time"; func f(t clock.Time) { _, _ = clock.Since(t), clock.Until(t) }`, []string{"Since", "Until"}},
		{"by a dot import", `import . "time"; func f() Time { return Now() }`, []string{"all of it, by a dot import"}},
		{"something else's Now", `import "example/ledger"; var now = ledger.Now()`, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file, err := parser.ParseFile(token.NewFileSet(), "p.go", "package p; "+tt.source, 0)
			if err != nil {
				t.Fatal(err)
			}
			if got := clockUses(file); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// list returns the packages of the module. It looks at every folder itself,
// because the cache of test results knows what the test reads and not what
// "go list" does.
func list(t *testing.T) []pkg {
	t.Helper()
	for _, folder := range []string{"cmd", "internal", "plugin"} {
		err := filepath.WalkDir(filepath.Join("..", "..", folder), func(_ string, _ fs.DirEntry, err error) error { return err })
		if err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command("go", "list", "-json=ImportPath,Dir,GoFiles,Imports", module+"...").Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("listing packages: %v\n%s", err, exit.Stderr)
		}
		t.Fatalf("listing packages: %v", err)
	}
	var all []pkg
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		switch err := decoder.Decode(&p); {
		case errors.Is(err, io.EOF):
			if len(all) < 5 {
				t.Fatalf("listing packages: expected those of the module, got %d", len(all))
			}
			return all
		case err != nil:
			t.Fatalf("reading the list of packages: %v", err)
		}
		all = append(all, p)
	}
}
