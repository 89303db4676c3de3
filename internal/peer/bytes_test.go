package peer

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"

	"github.com/coredns-na/coredns-na/internal/e2e"
)

// A query for a name that is not flagged gets the same octets as from the same
// server without the directive, over the whole test zone.
func TestSameBytes(t *testing.T) {
	file := filepath.Join(e2e.Root(), "testdata", "be.zone")
	names := namesOf(t, file)
	const corefile = "be:53 {\nbind %s\n%s\nfile %s\n}\n"
	one, two := newAddr(), newAddr()
	without := StartRegistry(t, Folder(t), one, fmt.Sprintf(corefile, one, "", file))
	with := StartRegistry(t, Folder(t), two, fmt.Sprintf(corefile, two, NoticeAction(), file))
	with.Flag(t, "example.be", "xn--caf-dma.be")

	var compared atomic.Int64
	var wg sync.WaitGroup
	for _, network := range []string{"udp", "tcp"} {
		plain, flagging := dial(t, network, without.Addr), dial(t, network, with.Addr)
		wg.Go(func() {
			for _, name := range names {
				questions := variations(name)
				want, got, err := askBoth(plain, flagging, questions)
				if err != nil {
					t.Errorf("%s over %s: %v", name, network, err)
					return
				}
				for i := range questions {
					if compared.Add(1); !bytes.Equal(want[i], got[i]) {
						t.Errorf("%s over %s:\nwithout %x\nwith    %x\nquery   %x", name, network, want[i], got[i], questions[i])
						return
					}
				}
			}
		})
	}
	wg.Wait()
	if least := int64(10_000 * 2 * len(variations("be."))); compared.Load() < least {
		t.Errorf("%d answers compared, want at least %d", compared.Load(), least)
	}
}

// askBoth sends all questions to two servers before it reads the answers.
func askBoth(a, b net.Conn, questions [][]byte) (fromA, fromB [][]byte, err error) {
	if err := errors.Join(send(a, questions), send(b, questions)); err != nil {
		return nil, nil, err
	}
	if fromA, err = receive(a, len(questions)); err == nil {
		fromB, err = receive(b, len(questions))
	}
	return fromA, fromB, err
}

// namesOf are the owners in a zone file, names near them, and names near the
// two that are flagged.
func namesOf(tb testing.TB, file string) []string {
	tb.Helper()
	f, err := os.Open(file)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	flagged := []string{"example.be.", "xn--caf-dma.be."}
	names := []string{
		"be.", "nothing.be.", "a.nothing.be.", "*.be.", "www.myexample.be.", "example.myexample.be.",
		"example-.be.", "xample.be.", `foo\.example.be.`, "xn--caf-dma2.be.", "example.be.be.", "example.",
	}
	last := ""
	zone := dns.NewZoneParser(f, "", file)
	for rr, ok := zone.Next(); ok; rr, ok = zone.Next() {
		name := rr.Header().Name
		if name == last || slices.Contains(flagged, name) {
			continue
		}
		last = name
		names = append(names, name)
		if len(names)%16 == 0 {
			names = append(names, "www."+name, "x"+name)
		}
	}
	if err := zone.Err(); err != nil {
		tb.Fatal(err)
	}
	return names
}

// variations are the questions about a name, packed, their message ids
// counting from 0.
func variations(name string) (questions [][]byte) {
	for _, rrtype := range []uint16{dns.TypeA, dns.TypeNS, dns.TypeDS, dns.TypeMX} {
		for _, do := range []bool{false, true} {
			m := new(dns.Msg)
			m.SetQuestion(name, rrtype)
			m.Id = uint16(len(questions))
			if do {
				m.SetEdns0(1232, true)
			}
			b, err := m.Pack()
			if err != nil {
				panic(err) // a name that a zone file has can be packed
			}
			questions = append(questions, b)
		}
	}
	return questions
}
