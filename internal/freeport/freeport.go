// Package freeport finds ports for servers that are told theirs before they start. It is imported by tests and tools only.
package freeport

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// The ports are below those that the kernel gives out, so that no connection of anybody's gets one before the server does.
const (
	lowest = 10_000
	number = 22_000
)

var given sync.Map // in this process

// New returns a loopback port that neither UDP nor TCP uses now, another one each time. Safe for concurrent use.
func New() (string, error) {
	for range 1000 {
		port := strconv.Itoa(lowest + rand.IntN(number))
		if _, twice := given.LoadOrStore(port, nil); !twice && free("127.0.0.1:"+port) {
			return port, nil
		}
	}
	return "", errors.New("expected a free loopback port")
}

func free(addr string) bool {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return false
	}
	defer l.Close()
	pc, err := net.ListenPacket("udp", addr)
	if err != nil {
		return false
	}
	pc.Close()
	return true
}
