package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/coredns-na/coredns-na/internal/e2e"
)

// TestReloadsUnderLoad reloads while queries for a flagged name and for
// others come without pause: with udp_batch no more are lost than without.
func TestReloadsUnderLoad(t *testing.T) {
	for _, tc := range []struct {
		name  string
		lines []string // in turn
	}{
		{"without", []string{""}},
		{"with", []string{"udp_batch 2"}},
		{"more and fewer sockets", []string{"udp_batch 1", "udp_batch 3"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(t)
			b.configure(tc.lines[0])
			s := e2e.MustStart(t, b.dir, "Corefile")
			if err := b.flag("example.be", "DOS-1"); err != nil {
				t.Fatal(err)
			}
			stop, ended := make(chan struct{}), make(chan error, 1)
			go func() { ended <- ask(b.port, stop) }()
			for i := range 6 {
				b.configure(tc.lines[(i+1)%len(tc.lines)])
				if err := s.Reload(); err != nil {
					t.Error(err)
				}
			}
			close(stop)
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}

// TestTwoServersOnOnePort: both have sockets at the address, and whichever the
// kernel asks answers; when one goes the other has all.
func TestTwoServersOnOnePort(t *testing.T) {
	benches := []*bench{newBench(t), newBench(t)}
	for _, b := range benches { // each flags on its own, at its own port
		s := e2e.MustStart(t, b.dir, "Corefile")
		if err := errors.Join(b.flag("example.be", "DOS-1"), s.Stop()); err != nil {
			t.Fatal(err)
		}
		b.port = benches[0].port
		b.configure("udp_batch 2")
	}
	there := e2e.MustStart(t, benches[0].dir, "Corefile")
	for i := range 2 {
		stop, ended := make(chan struct{}), make(chan error, 1)
		go func() { ended <- ask(benches[0].port, stop) }()
		came := e2e.MustStart(t, benches[(i+1)%2].dir, "Corefile")
		if err := came.Reload(); err != nil {
			t.Error(err)
		}
		close(stop)
		if err := <-ended; err != nil {
			t.Error(err)
		}
		askFromManyPorts(t, benches[0].port)
		if err := there.Stop(); err != nil {
			t.Error(err)
		}
		askFromManyPorts(t, benches[0].port)
		there = came
	}
}

// askFromManyPorts: the kernel gives each to one of the sockets.
func askFromManyPorts(t *testing.T, port string) {
	t.Helper()
	for range 100 {
		reply, err := dns.Exchange(new(dns.Msg).SetQuestion("www.example.be.", dns.TypeA), e2e.Address(port))
		if err != nil || len(reply.Answer) != 1 {
			t.Fatalf("expected the warning page, got %v\n%v", err, reply)
		}
	}
}

// ask keeps some queries unanswered until stop closes. It returns an error if
// one never is, or wrongly.
func ask(port string, stop <-chan struct{}) error {
	conn, err := net.Dial("udp", e2e.Address(port))
	if err != nil {
		return err
	}
	defer conn.Close()
	const window = 20
	asked, answered := 0, 0
	var buf [1232]byte
	for {
		for open := true; open && asked-answered < window; {
			select {
			case <-stop:
				open = false
			default:
				name := []string{"www.example.be.", "www.glue.be."}[asked%2]
				m := new(dns.Msg).SetQuestion(name, dns.TypeA)
				packet, err := m.Pack()
				if err != nil {
					return err
				}
				if _, err := conn.Write(packet); err != nil {
					return err
				}
				asked++
			}
		}
		if asked == answered {
			return nil
		}
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, err := conn.Read(buf[:])
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Errorf("%d of %d queries had no answer", asked-answered, asked)
		}
		if err != nil {
			return err
		}
		m := new(dns.Msg)
		if err := m.Unpack(buf[:n]); err != nil {
			return err
		}
		if flagged := m.Question[0].Name == "www.example.be."; m.Rcode != dns.RcodeSuccess || flagged != (len(m.Answer) == 1) {
			return fmt.Errorf("expected the warning page for the flagged name alone, got %v", m)
		}
		answered++
	}
}
