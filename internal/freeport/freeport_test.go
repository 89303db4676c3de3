package freeport

import (
	"net"
	"testing"
)

func TestNewIsFreeAndNotGivenTwice(t *testing.T) {
	seen := make(map[string]bool)
	for range 200 {
		port, err := New()
		if err != nil {
			t.Fatal(err)
		}
		if seen[port] {
			t.Fatalf("port %s came twice", port)
		}
		seen[port] = true
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
	}
}

func TestUsedIsNotFree(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	for _, addr := range []string{l.Addr().String(), pc.LocalAddr().String()} {
		if free(addr) {
			t.Errorf("%s: expected it not to be free", addr)
		}
	}
}
