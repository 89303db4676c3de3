package wire

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
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

// letGo has the kernel spread datagrams at an address over the group by itself
// again. Ours have left it; what remains there is CoreDNS's, and to be found
// among the files of the process only.
func letGo(address net.Addr) error {
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, f := range files {
		fd, err := strconv.Atoi(f.Name())
		if err != nil || !boundTo(fd, address) {
			continue
		}
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_REUSEPORT_BPF, 0)
		if errors.Is(err, unix.ENOENT) {
			return nil // somebody else has, or it is another file by now
		}
		return err
	}
	return nil
}

// boundTo tells whether a file is a UDP socket at an address.
func boundTo(fd int, address net.Addr) bool {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil || kind != unix.SOCK_DGRAM {
		return false
	}
	local, err := unix.Getsockname(fd)
	if err != nil {
		return false
	}
	var bound netip.AddrPort
	switch local := local.(type) {
	case *unix.SockaddrInet4:
		bound = netip.AddrPortFrom(netip.AddrFrom4(local.Addr), uint16(local.Port))
	case *unix.SockaddrInet6:
		bound = netip.AddrPortFrom(netip.AddrFrom16(local.Addr), uint16(local.Port))
	}
	want := address.(*net.UDPAddr).AddrPort()
	return bound.Port() == want.Port() && bound.Addr() == want.Addr().WithZone("")
}

// seal has the kernel pass the socket over: it gives a socket that is connected
// only what comes from its peer, and there is none. Until then a datagram could
// come in between the last look at its queue and its end.
func (s *socket) seal() error {
	const discard = 9 // RFC 863
	return s.control(func(fd int) error {
		local, err := unix.Getsockname(fd)
		if err != nil {
			return err
		}
		switch local := local.(type) {
		case *unix.SockaddrInet4:
			local.Port = discard
			if local.Addr == [4]byte{} {
				local.Addr = loopback.As4()
			}
		case *unix.SockaddrInet6:
			local.Port = discard
			if local.Addr == [16]byte{} {
				local.Addr = loopback.As16()
			}
		}
		return unix.Connect(fd, local)
	})
}

// loopback is there in IPv4, and mapped on sockets for both.
var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

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
