//go:build linux

package wire

import (
	"testing"
	"time"
)

// TestASocketThatDoesNotSendEnds, its reader in the middle of a batch.
func TestASocketThatDoesNotSendEnds(t *testing.T) {
	s := startSite(t, freeAddress(t, "127.0.0.1"), echo)
	claim := claimFor(t, "one", s, func(c *Config) { c.Answerer = inPacketOnly("packet") })
	defer claim.Release()
	one, err := listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer one.conn.Close()
	l := newLane(claim.group, one)
	full := make(chan struct{}, 1)
	l.sendNow = func(uintptr) bool { // as long as there is no room
		select {
		case full <- struct{}{}:
		default:
		}
		return false
	}
	go l.run()
	dial(t, "dns://"+one.conn.LocalAddr().String()).send(packed(t, 1, "packet."))
	<-full
	ended := make(chan struct{})
	go func() {
		l.close(time.Now())
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Fatal("the reader waits for room for ever")
	}
}
