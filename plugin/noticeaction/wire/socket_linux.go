package wire

import (
	"fmt"
	"net"
	"strconv"
	"syscall"

	"github.com/coredns/coredns/plugin/pkg/reuseport"

	"golang.org/x/net/bpf"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

const supported = true

// socket is one of the group's. Its methods may be called concurrently.
type socket struct {
	conn *net.UDPConn
	raw  syscall.RawConn
}

// listen opens a socket beside the one that CoreDNS has at the address.
func listen(address string) (*socket, error) {
	pc, err := reuseport.ListenPacket("udp", address)
	if err != nil {
		return nil, err
	}
	conn := pc.(*net.UDPConn)
	raw, err := conn.SyscallConn()
	if err != nil {
		conn.Close()
		return nil, err
	}
	if conn.LocalAddr().(*net.UDPAddr).IP.IsUnspecified() {
		// Either fails where the socket is of the other family.
		err6 := ipv6.NewPacketConn(conn).SetControlMessage(ipv6.FlagDst, true)
		err4 := ipv4.NewPacketConn(conn).SetControlMessage(ipv4.FlagDst, true)
		if err4 != nil && err6 != nil {
			conn.Close()
			return nil, fmt.Errorf("asking for the addresses that queries come to: %w", err4)
		}
	}
	return &socket{conn: conn, raw: raw}, nil
}

// steer has the kernel give the group's datagrams to count of its sockets
// from the first on, each at random: not by what is in the packet, or a
// client could choose a socket to fill. The kernel numbers sockets as they
// join; where one has left, the last takes its place.
func (s *socket) steer(first, count uint32) error {
	return s.attach([]bpf.Instruction{
		bpf.LoadExtension{Num: bpf.ExtRand},
		bpf.ALUOpConstant{Op: bpf.ALUOpMod, Val: count},
		bpf.ALUOpConstant{Op: bpf.ALUOpAdd, Val: first},
		bpf.RetA{},
	})
}

// steerAway has the kernel give all datagrams to the first socket.
func (s *socket) steerAway() error { return s.attach([]bpf.Instruction{bpf.RetConstant{Val: 0}}) }

func (s *socket) attach(program []bpf.Instruction) error {
	instructions, err := bpf.Assemble(program)
	if err != nil {
		return fmt.Errorf("assembling the program that steers datagrams: %w", err)
	}
	filter := make([]unix.SockFilter, len(instructions))
	for i, in := range instructions {
		filter[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	return s.control(func(fd int) error {
		return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_CBPF,
			&unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
	})
}

// letGo has the kernel spread datagrams over the group by itself again.
func (s *socket) letGo() error {
	return s.control(func(fd int) error {
		return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_REUSEPORT_BPF, 0)
	})
}

func (s *socket) control(do func(fd int) error) error {
	var err error
	if ctlErr := s.raw.Control(func(fd uintptr) { err = do(int(fd)) }); ctlErr != nil {
		return ctlErr
	}
	return err
}

// zoneName names the scope of a link-local address as package net does.
func zoneName(index int) string {
	if i, err := net.InterfaceByIndex(index); err == nil {
		return i.Name
	}
	return strconv.Itoa(index)
}
