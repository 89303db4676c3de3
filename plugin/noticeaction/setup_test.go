package noticeaction

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"

	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/dnssec"
	"github.com/coredns/coredns/plugin/file"
	_ "github.com/coredns/coredns/plugin/multisocket"
	_ "github.com/coredns/coredns/plugin/proxyproto"
	_ "github.com/coredns/coredns/plugin/root"
	_ "github.com/coredns/coredns/plugin/shed"
)

const corefiles = "../../testdata/corefiles"

// read runs the set-up of a Corefile's directives without starting anything.
// Paths in it are relative to its collection's folder.
func read(t *testing.T, path string) error {
	t.Helper()
	if err := dnsserver.SetDirectives([]string{"root", "proxyproto", "multisocket", "bind", "shed", "dnssec", pluginName, "file"}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Join(corefiles))
	return caddy.ValidateAndExecuteDirectives(
		caddy.CaddyfileInput{Filepath: filepath.Base(path), Contents: text, ServerTypeName: "dns"}, nil, true)
}

func TestGoodCorefiles(t *testing.T) {
	for _, path := range collection(t, "good") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			if err := read(t, path); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestBadCorefiles: each one says in its first line what the error must
// hold; the error also names the file, a line and the directive, in one line.
func TestBadCorefiles(t *testing.T) {
	for _, path := range collection(t, "bad") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			first, _, _ := strings.Cut(string(text), "\n")
			want, ok := strings.CutPrefix(first, "# error: ")
			if !ok {
				t.Fatalf("first line %q, want # error: ...", first)
			}
			err = read(t, path)
			if err == nil {
				t.Fatalf("taken up, want the error %q", want)
			}
			for _, part := range []string{want, "plugin/" + pluginName, filepath.Base(path) + ":"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not hold %q", err, part)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q has more than one line", err)
			}
		})
	}
}

func collection(t *testing.T, kind string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(corefiles, kind, "*.Corefile"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no %s Corefiles: %v", kind, err)
	}
	for i, path := range paths {
		if paths[i], err = filepath.Abs(path); err != nil {
			t.Fatal(err)
		}
	}
	return paths
}

// A zone that file may change without a new serial is refused, another's is not our concern.
func TestSerialsTell(t *testing.T) {
	files := func(byMtime string) []plugin.Handler {
		all := make(map[string]*file.Zone)
		for _, origin := range []string{"be.", "example."} {
			all[origin] = file.NewZone(origin, "")
			all[origin].ReloadByMtime = origin == byMtime
		}
		return []plugin.Handler{idle(nil), file.File{Zones: file.Zones{Z: all}}}
	}
	for _, tc := range []struct{ byMtime, want string }{
		{"", ""},
		{"example.", ""},
		{"be.", "expected a new serial with each change of be."},
	} {
		err := serialsTell(files(tc.byMtime), newZones([]string{"be.", "vlaanderen."}))
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("reload_by_mtime for %q: %v, want %q", tc.byMtime, err, tc.want)
		}
	}
}
