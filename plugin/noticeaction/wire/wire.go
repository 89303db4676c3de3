// Package wire reads and writes the DNS over UDP of an address in batches, in
// front of CoreDNS. Its sockets join the SO_REUSEPORT group that CoreDNS
// opened, and a classic BPF program steers datagrams to them. Queries for
// flagged names are answered inside the packet, by whoever holds the table;
// all others are unpacked and go through the plugin chain as they would have
// from CoreDNS's own socket.
//
// It knows neither tables nor answers, does not touch TCP, and decides nothing
// that a client could see: malformed, odd and refused packets get what
// CoreDNS and its DNS library give them. Every socket of the group has a
// reader at all times, so a wrong steer costs speed and never an answer.
//
// It is for Linux; elsewhere [Acquire] refuses.
package wire

import (
	"errors"

	"github.com/coredns/coredns/core/dnsserver"
)

// MaxSockets is how many sockets an address may have.
const MaxSockets = 256

// MaxReply is the size in bytes up to which a reply may be made inside the
// packet: beyond it CoreDNS compresses to avoid fragments.
const MaxReply = 1220

// ErrUnsupported is returned when the platform cannot do this.
var ErrUnsupported = errors.New("expected Linux")

// Answerer makes replies inside the packet, in the words of one server block.
type Answerer interface {
	// Answer appends the reply to q, of at most [MaxReply] bytes, and returns
	// it with the meter that counts it, nil for none. Without a reply it returns
	// nil, and the chain answers. It is called concurrently and must neither
	// block nor allocate; q is valid during the call only.
	Answer(q *Query, to []byte) ([]byte, *Meter)
}

// Config says what an owner, one running Corefile, has of an address.
type Config struct {
	Address  string   // as CoreDNS has it, "dns://127.0.0.1:53"
	Sockets  int      // 1 to [MaxSockets]
	Opcodes  []int    // that plugins have opted into besides QUERY and NOTIFY
	Answerer Answerer // nil: the chain answers everything
	Debug    bool     // a panic ends the process, as in CoreDNS with debug

	// Log gets a line when something goes wrong that has no other way to say
	// so. Called concurrently.
	Log func(line string)
}

// Serve has the sockets of the server's address served by server, on behalf
// of the owner; the first call opens them. Call it once the server's own
// socket is bound.
func Serve(owner any, server *dnsserver.Server) { serve(owner, server) }
