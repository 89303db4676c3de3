package zonegen

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coredns/coredns/plugin/file"
	"github.com/miekg/dns"
)

// committed are the zones in testdata and what they are made from.
var committed = []Options{
	{Zone: "be", Delegations: 10_000, Seed: 1},
	{Zone: "vlaanderen", Delegations: 50, Seed: 1},
	{Zone: "brussels", Delegations: 50, Seed: 1},
}

func path(o Options) string { return filepath.Join("..", "..", "testdata", o.Zone+".zone") }

func TestCommittedZonesAreThoseGenerated(t *testing.T) {
	for _, o := range committed {
		t.Run(o.Zone, func(t *testing.T) {
			want, err := os.ReadFile(path(o))
			if err != nil {
				t.Fatal(err)
			}
			if got := generate(t, o); !bytes.Equal(got, want) {
				t.Errorf("expected %s as generated: run make zones", path(o))
			}
		})
	}
}

func TestSeedChoosesServersAndNotNames(t *testing.T) {
	o := Options{Zone: "be", Delegations: 1000, Seed: 1}
	first := generate(t, o)
	if again := generate(t, o); !bytes.Equal(first, again) {
		t.Error("expected the same zone of the same seed")
	}
	o.Seed = 2
	other := generate(t, o)
	if bytes.Equal(first, other) {
		t.Error("expected another zone of another seed")
	}
	if !slices.Equal(delegations(t, "be", first), delegations(t, "be", other)) {
		t.Error("expected the same names of another seed")
	}
}

func TestCommittedZonesLoad(t *testing.T) {
	for _, o := range committed {
		t.Run(o.Zone+" in CoreDNS", func(t *testing.T) {
			f, err := os.Open(path(o))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := file.Parse(f, o.Zone+".", path(o), 0); err != nil {
				t.Error(err)
			}
		})
		t.Run(o.Zone+" in BIND", func(t *testing.T) {
			// -i local: no look-ups of name servers that do not exist.
			out, err := exec.Command("named-checkzone", "-i", "local", o.Zone, path(o)).CombinedOutput()
			if err != nil {
				t.Errorf("named-checkzone: %v\n%s", err, out)
			}
		})
	}
}

func TestOptionsOutOfRange(t *testing.T) {
	tests := []struct {
		name string
		o    Options
		want string
	}{
		{"no zone", Options{Delegations: 50}, `zone: expected a domain name in lower case, got ""`},
		{"root", Options{Zone: ".", Delegations: 50}, `zone: expected a domain name in lower case, got "."`},
		{"upper case", Options{Zone: "BE", Delegations: 50}, `zone: expected a domain name in lower case, got "BE"`},
		{"empty label", Options{Zone: "a..be", Delegations: 50}, `zone: expected a domain name in lower case, got "a..be"`},
		{"fewer than the fixed names", Options{Zone: "be", Delegations: 17}, "delegations: expected 18 or more, got 17"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := Write(io.Discard, tt.o); err == nil || err.Error() != tt.want {
				t.Errorf("expected %q, got %v", tt.want, err)
			}
		})
	}
}

func TestWriterErrorIsReported(t *testing.T) {
	full := errors.New("no space left")
	r, w := io.Pipe()
	r.CloseWithError(full)
	if err := Write(w, Options{Zone: "be", Delegations: 1000}); !errors.Is(err, full) {
		t.Errorf("expected %v, got %v", full, err)
	}
}

func BenchmarkWrite(b *testing.B) {
	b.ReportAllocs()
	if err := Write(io.Discard, Options{Zone: "be", Delegations: max(b.N, 18)}); err != nil {
		b.Fatal(err)
	}
}

func generate(t *testing.T, o Options) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := Write(&out, o); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// delegations returns the delegated names of a zone in its order, without the
// zone's own.
func delegations(t *testing.T, zone string, data []byte) []string {
	t.Helper()
	var names []string
	for _, rr := range records(t, zone, data) {
		name := strings.TrimSuffix(rr.Header().Name, "."+zone+".")
		if rr.Header().Rrtype == dns.TypeNS && name != zone+"." && !slices.Contains(names[max(0, len(names)-1):], name) {
			names = append(names, name)
		}
	}
	return names
}

func records(t *testing.T, zone string, data []byte) []dns.RR {
	t.Helper()
	var all []dns.RR
	parser := dns.NewZoneParser(bytes.NewReader(data), zone+".", "")
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		all = append(all, rr)
	}
	if err := parser.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
