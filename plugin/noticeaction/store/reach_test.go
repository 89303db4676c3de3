package store

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/reach"

	bolt "go.etcd.io/bbolt"
	"pgregory.net/rapid"
)

func reachOf(t testing.TB, s *Store, name string) (r Reach, ok bool, err error) {
	t.Helper()
	if err := s.View(func(tx *Tx) error { r, ok, err = tx.Reach(name); return nil }); err != nil {
		t.Fatal(err)
	}
	return r, ok, err
}

// recordOf is a record with something of everything.
func recordOf() reach.Record {
	v4, v6 := netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("2001:db8:1::1")
	return reach.Record{
		At:      noon,
		Hosts:   []reach.Host{{Name: "example.be", Addresses: []netip.Addr{v4, v6}}, {Name: "www.example.be", Addresses: []netip.Addr{v6}}},
		Servers: []string{"ns1.example.net", "ns2.example.net"},
		Mail:    []reach.Exchange{{Preference: 0, Host: "mail.example.be", Addresses: []netip.Addr{v4}}, {Preference: 65535, Host: "mx.example.net"}},
	}
}

func TestReachGoesWithTheFlag(t *testing.T) {
	path := filepath.Join(t.TempDir(), "na.db")
	want := Reach{Tried: noon.Add(time.Hour), Record: recordOf()}
	s := openTest(t, path)
	mustUpdate(t, s, put(flagOf("example.be", noon)))
	mustUpdate(t, s, func(tx *Tx) error { return tx.PutReach("example.be", want) })
	s.Close()

	s = openTest(t, path)
	if got, ok, err := reachOf(t, s, "example.be"); !ok || err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("reach = %+v, %v, %v; want %+v", got, ok, err, want)
	}
	if g := view(t, s, (*Tx).Generation); g != 1 {
		t.Errorf("generation = %d, want that of the flag: 1", g)
	}
	mustUpdate(t, s, put(flagOf("example.be", noon.Add(time.Hour))))
	if _, ok, err := reachOf(t, s, "example.be"); !ok || err != nil {
		t.Errorf("replacing the flag took its reach along: %v, %v", ok, err)
	}
	mustUpdate(t, s, func(tx *Tx) error { return tx.DeleteFlag("example.be") })
	if got, ok, err := reachOf(t, s, "example.be"); ok || err != nil {
		t.Errorf("reach after the flag = %+v, %v", got, err)
	}
}

func TestReaches(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "na.db"))
	mustUpdate(t, s, func(tx *Tx) error {
		return errors.Join(tx.PutReach("b.be", Reach{Tried: noon}), tx.PutReach("a.be", Reach{Tried: noon, Record: recordOf()}))
	})
	var got []string
	stop := errors.New("enough")
	each := func(tx *Tx) error {
		return tx.Reaches(func(name string, r Reach) error {
			got = append(got, fmt.Sprint(name, " ", r.Record.Empty()))
			if name == "b.be" {
				return stop
			}
			return nil
		})
	}
	if err := s.View(each); !errors.Is(err, stop) || !slices.Equal(got, []string{"a.be false", "b.be true"}) {
		t.Errorf("reaches = %q, %v", got, err)
	}
}

func TestUntried(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "na.db"))
	mustUpdate(t, s, put(flagOf("a.be", noon), flagOf("b.be", noon), flagOf("c.be", noon), flagOf("d.be", noon)))
	mustUpdate(t, s, func(tx *Tx) error {
		return errors.Join(
			tx.PutReach("b.be", Reach{Tried: noon}),
			tx.PutReach("c.be", Reach{Tried: noon.Add(time.Second)}),
		)
	})
	for _, tt := range []struct {
		after string
		since time.Time
		want  string
	}{
		{"", noon, "a.be b.be d.be"},
		{"a.be", noon, "b.be d.be"},
		{"", noon.Add(time.Second), "a.be b.be c.be d.be"},
		{"", noon.Add(-time.Second), "a.be d.be"},
		{"d.be", noon, ""},
	} {
		got := view(t, s, func(tx *Tx) (all []string) {
			for name, err := range tx.Untried(tt.after, tt.since) {
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, name)
			}
			return all
		})
		if strings.Join(got, " ") != tt.want {
			t.Errorf("after %q, since %s: %q, want %q", tt.after, tt.since, got, tt.want)
		}
	}
}

func TestDamagedReach(t *testing.T) {
	path := written(t, 1)
	edit(t, path, func(tx *bolt.Tx) error { return tx.Bucket(reachBucket).Put([]byte("name-000000.be"), []byte{9}) })
	s := openTest(t, path)
	if _, ok, err := reachOf(t, s, "name-000000.be"); ok || !errors.Is(err, ErrDamaged) {
		t.Errorf("reach: %v, %v; want %v", ok, err, ErrDamaged)
	}
	view(t, s, func(tx *Tx) (none struct{}) {
		if err := tx.Reaches(func(string, Reach) error { return nil }); !errors.Is(err, ErrDamaged) {
			t.Errorf("reaches: %v, want %v", err, ErrDamaged)
		}
		for _, err := range tx.Untried("", noon) {
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("untried: %v, want %v", err, ErrDamaged)
			}
		}
		return none
	})
}

func TestPutReachRefusesWhatCannotBeRead(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "na.db"))
	for name, r := range map[string]reach.Record{
		"too many hosts":      {Hosts: make([]reach.Host, reach.MaxHosts+1)},
		"too many servers":    {Servers: slices.Repeat([]string{"ns.example"}, reach.MaxServers+1)},
		"too many exchanges":  {Mail: slices.Repeat([]reach.Exchange{{Host: "mx.example"}}, reach.MaxExchanges+1)},
		"too many addresses":  {Mail: []reach.Exchange{{Host: "mx.example", Addresses: slices.Repeat([]netip.Addr{netip.IPv6Unspecified()}, reach.MaxAddresses+1)}}},
		"no address":          {Mail: []reach.Exchange{{Host: "mx.example", Addresses: make([]netip.Addr, 1)}}},
		"a host without name": {Servers: []string{""}},
		"a name too long":     {Servers: []string{strings.Repeat("x", reach.MaxName+1)}},
	} {
		err := s.Update(func(tx *Tx) error { return tx.PutReach("example.be", Reach{Record: r}) })
		if err == nil || !strings.Contains(err.Error(), "expected a record within its bounds") {
			t.Errorf("%s: %v, want a refusal", name, err)
		}
	}
}

// drawReach draws a reach within its bounds.
func drawReach(t *rapid.T) Reach {
	seconds := rapid.Int64Range(-1<<40, 1<<40)
	host := rapid.StringMatching(`[a-z0-9.-]{1,40}`)
	list := func(label string, most int, add func()) {
		for range rapid.IntRange(0, most).Draw(t, label) {
			add()
		}
	}
	addresses := func() (all []netip.Addr) {
		list("addresses", reach.MaxAddresses, func() {
			b := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "address")
			if rapid.Bool().Draw(t, "IPv4") {
				b = b[:4]
			}
			a, _ := netip.AddrFromSlice(b)
			all = append(all, a)
		})
		return all
	}
	r := Reach{Tried: fromUnix(seconds.Draw(t, "tried"))}
	r.Record.At = fromUnix(seconds.Draw(t, "at"))
	list("hosts", reach.MaxHosts, func() {
		r.Record.Hosts = append(r.Record.Hosts, reach.Host{Name: host.Draw(t, "host"), Addresses: addresses()})
	})
	list("servers", reach.MaxServers, func() { r.Record.Servers = append(r.Record.Servers, host.Draw(t, "server")) })
	list("mail", reach.MaxExchanges, func() {
		r.Record.Mail = append(r.Record.Mail, reach.Exchange{
			Preference: rapid.Uint16().Draw(t, "preference"), Host: host.Draw(t, "exchange"), Addresses: addresses(),
		})
	})
	return r
}

func TestReachRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawReach(t)
		b := appendReach(nil, want)
		if got, err := decodeReach("example.be", b); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("decoded %+v, %v; want %+v", got, err, want)
		}
		for n := range b {
			if _, err := decodeReach("example.be", b[:n]); err == nil {
				t.Fatalf("the first %d of %d bytes were taken for a reach", n, len(b))
			}
		}
		if _, err := decodeReach("example.be", append(b, 0)); err == nil {
			t.Fatal("a byte too many was not noticed")
		}
	})
}

func FuzzDecodeReach(f *testing.F) {
	whole := appendReach(nil, Reach{Tried: noon, Record: recordOf()})
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add(appendReach(nil, Reach{Tried: noon}))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := decodeReach("example.be", b)
		if err != nil {
			return
		}
		if n := len(got.Record.Hosts) + len(got.Record.Servers) + len(got.Record.Mail); n > len(b) {
			t.Fatalf("%d entries out of a record of %d bytes", n, len(b))
		}
		again, err := decodeReach("example.be", appendReach(nil, got))
		if err != nil || !reflect.DeepEqual(again, got) {
			t.Fatalf("decoded again: %+v, %v; want %+v", again, err, got)
		}
	})
}
