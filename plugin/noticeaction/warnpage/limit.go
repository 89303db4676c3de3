package warnpage

import (
	"container/list"
	"errors"
	"net"
	"sync"
)

// maxConnections is how many connections an address has open at most: well above what visitors need at once,
// and some 200 MiB at worst, when all of them are in TLS and send as much as they may.
const maxConnections = 4096

// maxBuffer is how many bytes the kernel keeps of a connection in each direction, which is more than a page.
const maxBuffer = 32 << 10

// limited is a listener with a bound. When it is reached, a new connection takes the place of the oldest: a
// visit takes a second, so the oldest one is who sends slowly, waits, or has been served. So many slow ones
// keep no visitor out.
type limited struct {
	net.Listener
	most int

	mu   sync.Mutex
	open list.List // of *connection, the oldest first
}

func newLimited(inner net.Listener, most int) *limited { return &limited{Listener: inner, most: most} }

// Accept implements [net.Listener].
func (l *limited) Accept() (net.Conn, error) {
	inner, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if tcp, ok := inner.(*net.TCPConn); ok { // else the kernel keeps megabytes for who does not read
		_ = errors.Join(tcp.SetReadBuffer(maxBuffer), tcp.SetWriteBuffer(maxBuffer))
	}
	c := &connection{Conn: inner, of: l}
	if oldest := l.add(c); oldest != nil {
		_ = oldest.Close() // what it still had to say does not matter
	}
	return c, nil
}

// add takes a connection in and returns the one that has to go, if any.
func (l *limited) add(c *connection) *connection {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.place = l.open.PushBack(c)
	if l.open.Len() <= l.most {
		return nil
	}
	return l.open.Front().Value.(*connection)
}

func (l *limited) remove(c *connection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open.Remove(c.place) // no-op when it is gone already
}

type connection struct {
	net.Conn
	of    *limited
	place *list.Element
}

// Close implements [net.Conn].
func (c *connection) Close() error {
	c.of.remove(c)
	return c.Conn.Close()
}

// CloseWrite lets net/http end an answer without a reset, which the visitor could get before the answer.
func (c *connection) CloseWrite() error {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		return tcp.CloseWrite()
	}
	return nil
}
