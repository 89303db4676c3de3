package wire

import (
	"context"
	"encoding/binary"
	"sync"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin/metrics/vars"

	"github.com/miekg/dns"
)

// serving is a running Corefile's server at an address.
type serving struct {
	server    *dnsserver.Server
	ctx       context.Context
	opcodes   []int
	answerers []Answerer
	debug     bool
	log       func(line string)

	// calls are the batches and queries under way. A batch joins while it serves
	// its address, under the group's lock; a query joins within its batch.
	calls sync.WaitGroup
}

func newServing(server *dnsserver.Server, claims []*Claim) *serving {
	ctx := context.WithValue(context.Background(), dnsserver.Key{}, server)
	s := &serving{server: server, ctx: context.WithValue(ctx, dnsserver.LoopKey{}, 0), log: claims[0].config.Log}
	for _, c := range claims {
		s.opcodes = append(s.opcodes, c.config.Opcodes...)
		s.debug = s.debug || c.config.Debug
		if c.config.Answerer != nil {
			s.answerers = append(s.answerers, c.config.Answerer)
		}
	}
	return s
}

// answer makes the reply to a query inside the packet; nil: the chain does.
func (s *serving) answer(q *Query, to []byte) (reply []byte, m *Meter) {
	if !s.debug {
		defer func() {
			if r := recover(); r != nil {
				s.log("Recovered from a panic while answering in the packet; the chain answers")
				vars.Panic.Inc()
				reply = nil
			}
		}()
	}
	for _, a := range s.answerers {
		if reply, m = a.Answer(q, to); reply != nil {
			return reply, m
		}
	}
	return nil, nil
}

// accept decides like CoreDNS's listener, from the header alone.
func (s *serving) accept(packet []byte) dns.MsgAcceptAction {
	header := dns.Header{
		Id:      binary.BigEndian.Uint16(packet),
		Bits:    binary.BigEndian.Uint16(packet[2:]),
		Qdcount: binary.BigEndian.Uint16(packet[4:]),
		Ancount: binary.BigEndian.Uint16(packet[6:]),
		Nscount: binary.BigEndian.Uint16(packet[8:]),
		Arcount: binary.BigEndian.Uint16(packet[10:]),
	}
	action := dns.DefaultMsgAcceptFunc(header)
	if action != dns.MsgRejectNotImplemented {
		return action
	}
	opcode := int(header.Bits>>11) & 0xf
	for _, allowed := range s.opcodes {
		if opcode == allowed && header.Qdcount == 1 {
			return dns.MsgAccept
		}
		if opcode == allowed {
			return dns.MsgReject
		}
	}
	return action
}

// request unpacks a packet for the chain. It returns nil if there is nothing
// to be asked: then refusal is the reply, or nil if there is to be none.
func (s *serving) request(packet []byte) (req, refusal *dns.Msg) {
	if len(packet) < headerSize {
		return nil, nil
	}
	action := s.accept(packet)
	if action == dns.MsgIgnore {
		return nil, nil
	}
	req = new(dns.Msg)
	if action == dns.MsgAccept {
		if err := req.Unpack(packet); err == nil {
			return req, nil
		}
	} else {
		_ = req.Unpack(packet[:headerSize]) // a header alone is no error
	}
	opcode := req.Opcode
	req.SetRcodeFormatError(req)
	req.Zero = false
	if action == dns.MsgRejectNotImplemented {
		req.Opcode, req.Rcode = opcode, dns.RcodeNotImplemented
	}
	req.Answer, req.Ns, req.Extra = nil, nil, nil
	return nil, req
}
