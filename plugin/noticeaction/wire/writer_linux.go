package wire

import (
	"errors"
	"net"
	"sync"

	"github.com/miekg/dns"
)

var errClosed = errors.New("expected a writer that is not closed")

// writer is the [dns.ResponseWriter] of one query in the chain. While the
// query runs within its batch, a reply waits in it for the others; otherwise
// it leaves at once. Plugins may use it from other goroutines, and after the
// chain has returned.
type writer struct {
	lane    *lane
	serving *serving
	session session
	remote  net.UDPAddr

	tsigStatus error // set before the chain runs

	mu         sync.Mutex
	batched    bool   // the batch waits for this query
	room       []byte // where a reply may be packed while batched
	waiting    []byte // the reply; nil: none yet
	closed     bool
	requestMAC string
	timersOnly bool
}

// WriteMsg implements [dns.ResponseWriter].
func (w *writer) WriteMsg(m *dns.Msg) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return errClosed
	}
	var data []byte
	var err error
	if t := m.IsTsig(); t != nil {
		var mac string
		if data, mac, err = w.serving.sign(m, t, w.requestMAC, w.timersOnly); err == nil {
			w.requestMAC = mac
		}
	} else {
		data, err = m.PackBuffer(w.room)
	}
	if err != nil {
		return err
	}
	_, err = w.send(data)
	return err
}

// Write implements [dns.ResponseWriter].
func (w *writer) Write(data []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return 0, errClosed
	}
	if w.batched {
		data = append(w.room[:0], data...)
	}
	return w.send(data)
}

// send sends a reply or keeps it for the batch. Called with mu held.
func (w *writer) send(data []byte) (int, error) {
	if w.batched && w.waiting == nil {
		w.waiting, w.room = data, nil
		return len(data), nil
	}
	n, _, err := w.lane.conn.WriteMsgUDPAddrPort(data, w.session.control[:w.session.length], w.session.remote())
	return n, err
}

// leave parts the query from its batch and returns the reply that waits; what
// the chain writes later leaves at once.
func (w *writer) leave() (waiting []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	waiting = w.waiting
	w.batched, w.room, w.waiting = false, nil, nil
	return waiting
}

// depart is leave for a query that the batch no longer waits for.
func (w *writer) depart() {
	w.mu.Lock()
	defer w.mu.Unlock()
	waiting := w.waiting
	w.batched, w.room, w.waiting = false, nil, nil
	if waiting != nil {
		_, _ = w.send(waiting)
	}
}

// LocalAddr implements [dns.ResponseWriter].
func (w *writer) LocalAddr() net.Addr { return w.lane.conn.LocalAddr() }

// RemoteAddr implements [dns.ResponseWriter].
func (w *writer) RemoteAddr() net.Addr { return &w.remote }

// TsigStatus implements [dns.ResponseWriter].
func (w *writer) TsigStatus() error { return w.tsigStatus }

// TsigTimersOnly implements [dns.ResponseWriter].
func (w *writer) TsigTimersOnly(b bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timersOnly = b
}

// Hijack implements [dns.ResponseWriter]; over UDP it means nothing.
func (w *writer) Hijack() {}

// Close implements [dns.ResponseWriter]: nothing more is written.
func (w *writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return errClosed
	}
	w.closed = true
	return nil
}
