package peer

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"testing"
	"time"
)

func dial(tb testing.TB, network, addr string) net.Conn {
	tb.Helper()
	c, err := net.DialTimeout(network, addr+":53", patience)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { c.Close() })
	return c
}

func isStream(c net.Conn) bool {
	_, ok := c.(*net.TCPConn)
	return ok
}

// send writes messages, each with its length before it over TCP.
func send(c net.Conn, messages [][]byte) error {
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	var stream []byte
	for _, m := range messages {
		if isStream(c) {
			stream = append(binary.BigEndian.AppendUint16(stream, uint16(len(m))), m...)
		} else if _, err := c.Write(m); err != nil {
			return fmt.Errorf("sending a query: %w", err)
		}
	}
	if len(stream) == 0 {
		return nil
	}
	if _, err := c.Write(stream); err != nil {
		return fmt.Errorf("sending queries: %w", err)
	}
	return nil
}

// receive reads n messages as they come, and returns them by their ids, which
// count from 0.
func receive(c net.Conn, n int) ([][]byte, error) {
	messages := make([][]byte, n)
	for range n {
		m, err := receiveOne(c)
		if err != nil {
			return nil, fmt.Errorf("receiving an answer: %w", err)
		}
		if len(m) < 2 || int(binary.BigEndian.Uint16(m)) >= n {
			return nil, fmt.Errorf("receiving an answer: expected an id below %d, got %x", n, m)
		}
		messages[binary.BigEndian.Uint16(m)] = m
	}
	return messages, nil
}

func receiveOne(c net.Conn) ([]byte, error) {
	if !isStream(c) {
		buf := make([]byte, 1232)
		size, err := c.Read(buf)
		return buf[:size], err
	}
	var length [2]byte
	if _, err := io.ReadFull(c, length[:]); err != nil {
		return nil, err
	}
	buf := make([]byte, binary.BigEndian.Uint16(length[:]))
	_, err := io.ReadFull(c, buf)
	return buf, err
}
