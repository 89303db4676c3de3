package wire

import (
	"encoding/binary"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	batchSize = 64
	// maxQuery is how much of a datagram CoreDNS reads, in bytes.
	maxQuery = 512
	// replyRoom is what a batch holds ready for each reply; a longer one of
	// the chain has a buffer of its own.
	replyRoom = 2048

	controlRoom = 64 // bytes: more than either packet information takes
)

// datagrams are those of one system call. x/net has the same calls, but makes
// an address of each datagram on the heap.
type datagrams struct {
	n       int // in use
	headers [batchSize]header
	vectors [batchSize]unix.Iovec
	peers   [batchSize]unix.RawSockaddrInet6 // large enough for IPv4
	control [batchSize][controlRoom]byte
}

// header is the kernel's struct mmsghdr.
type header struct {
	unix.Msghdr

	length uint32
}

func (d *datagrams) init(i int, buffer []byte) {
	d.vectors[i].Base = unsafe.SliceData(buffer)
	d.vectors[i].SetLen(len(buffer))
	h := &d.headers[i]
	h.Iov = &d.vectors[i]
	h.SetIovlen(1)
	h.Name = (*byte)(unsafe.Pointer(&d.peers[i]))
}

// call moves some of the datagrams, without waiting for data or room. One that is quick keeps
// Go's scheduler out of it, which else has to wake the thread that looks after
// long calls, on each batch after a rest.
func (d *datagrams) call(trap, fd uintptr, from, to int, quick bool) (int, syscall.Errno) {
	var n uintptr
	var errno syscall.Errno
	if quick {
		n, _, errno = unix.RawSyscall6(trap, fd, uintptr(unsafe.Pointer(&d.headers[from])), uintptr(to-from), unix.MSG_DONTWAIT, 0, 0)
	} else {
		n, _, errno = unix.Syscall6(trap, fd, uintptr(unsafe.Pointer(&d.headers[from])), uintptr(to-from), unix.MSG_DONTWAIT, 0, 0)
	}
	return int(n), errno
}

// inbox holds received datagrams.
type inbox struct {
	datagrams

	used   int // headers that the kernel wrote to
	buffer [batchSize][maxQuery]byte
}

func newInbox() *inbox {
	b := &inbox{used: batchSize}
	for i := range b.headers {
		b.init(i, b.buffer[i][:])
	}
	return b
}

// receive takes what has arrived, without waiting.
func (b *inbox) receive(fd uintptr, quick bool) syscall.Errno {
	for i := range b.used {
		h := &b.headers[i]
		h.Namelen = unix.SizeofSockaddrInet6
		h.Control = &b.control[i][0]
		h.SetControllen(controlRoom)
	}
	b.n, b.used = 0, 0
	n, errno := b.call(unix.SYS_RECVMMSG, fd, 0, batchSize, quick)
	if errno != 0 {
		return errno
	}
	b.n, b.used = n, n
	return 0
}

// packet is what the i-th datagram holds.
func (b *inbox) packet(i int) []byte { return b.buffer[i][:min(b.headers[i].length, maxQuery)] }

// session is what the reply to a datagram needs besides its bytes.
type session struct {
	peer    unix.RawSockaddrInet6
	peerLen uint32
	control [controlRoom]byte // where the reply comes from
	length  int               // of control; 0: the kernel knows
}

func (b *inbox) session(i int, s *session) {
	s.peer, s.peerLen = b.peers[i], b.headers[i].Namelen
	s.length = replyControl(b.control[i][:min(int(b.headers[i].Controllen), controlRoom)], s.control[:])
}

// ipv4 tells whether the peer has an IPv4 address, be it on an IPv6 socket.
func (s *session) ipv4() bool {
	return s.peer.Family == unix.AF_INET || netip.AddrFrom16(s.peer.Addr).Is4In6()
}

// remote is the peer's address.
func (s *session) remote() netip.AddrPort {
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&s.peer.Port))[:])
	if s.peer.Family == unix.AF_INET {
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(&s.peer))
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), port)
	}
	addr := netip.AddrFrom16(s.peer.Addr)
	if s.peer.Scope_id != 0 {
		addr = addr.WithZone(zoneName(int(s.peer.Scope_id)))
	}
	return netip.AddrPortFrom(addr, port)
}

// replyControl writes the control message with which a reply leaves from the
// address that the query came to, and returns its length: none if the query
// says nothing of it.
func replyControl(received, to []byte) int {
	const head = unix.SizeofCmsghdr
	for len(received) >= head {
		h := (*unix.Cmsghdr)(unsafe.Pointer(unsafe.SliceData(received)))
		length := int(h.Len)
		if length < head || length > len(received) {
			return 0
		}
		data := received[unix.CmsgLen(0):length]
		switch {
		case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
			return replyFrom4((*unix.Inet4Pktinfo)(unsafe.Pointer(unsafe.SliceData(data))).Addr, to)
		case h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
			in := (*unix.Inet6Pktinfo)(unsafe.Pointer(unsafe.SliceData(data)))
			if asked := netip.AddrFrom16(in.Addr); asked.Is4In6() {
				return replyFrom4(asked.As4(), to)
			}
			out := (*unix.Inet6Pktinfo)(putControl(to, unix.IPPROTO_IPV6, unix.IPV6_PKTINFO, unix.SizeofInet6Pktinfo))
			*out = unix.Inet6Pktinfo{Addr: in.Addr}
			return unix.CmsgSpace(unix.SizeofInet6Pktinfo)
		}
		next := unix.CmsgSpace(length - unix.CmsgLen(0))
		if next >= len(received) {
			return 0
		}
		received = received[next:]
	}
	return 0
}

func replyFrom4(asked [4]byte, to []byte) int {
	out := (*unix.Inet4Pktinfo)(putControl(to, unix.IPPROTO_IP, unix.IP_PKTINFO, unix.SizeofInet4Pktinfo))
	*out = unix.Inet4Pktinfo{Spec_dst: asked}
	return unix.CmsgSpace(unix.SizeofInet4Pktinfo)
}

// putControl writes the head of a control message and returns where its data goes.
func putControl(to []byte, level, kind int32, size int) unsafe.Pointer {
	clear(to[:unix.CmsgSpace(size)])
	h := (*unix.Cmsghdr)(unsafe.Pointer(unsafe.SliceData(to)))
	h.Level, h.Type = level, kind
	h.SetLen(unix.CmsgLen(size))
	return unsafe.Pointer(&to[unix.CmsgLen(0)])
}

// outbox holds replies until they are sent together.
type outbox struct {
	datagrams

	sent   int
	buffer [batchSize][replyRoom]byte
}

func newOutbox() *outbox {
	b := new(outbox)
	for i := range b.headers {
		b.init(i, b.buffer[i][:])
	}
	return b
}

// room is where the next reply may be made.
func (b *outbox) room() []byte { return b.buffer[b.n][:] }

// add puts reply, which may lie in [outbox.room], behind the others.
func (b *outbox) add(reply []byte, s *session) {
	i := b.n
	b.n++
	b.vectors[i].Base = unsafe.SliceData(reply)
	b.vectors[i].SetLen(len(reply))
	b.peers[i], b.control[i] = s.peer, s.control
	h := &b.headers[i]
	h.Namelen, h.Control = s.peerLen, nil
	if s.length > 0 {
		h.Control = &b.control[i][0]
	}
	h.SetControllen(s.length)
}

// send sends without waiting, and reports whether all is sent. A reply that the
// kernel refuses is left out, as it would be alone.
func (b *outbox) send(fd uintptr, quick bool) bool {
	for b.sent < b.n {
		n, errno := b.call(unix.SYS_SENDMMSG, fd, b.sent, b.n, quick)
		switch {
		case errno == unix.EAGAIN:
			return false
		case errno == unix.EINTR:
		case errno != 0:
			b.sent++
		default:
			b.sent += n
		}
	}
	return true
}

// clear forgets the replies, and what the chain made for them.
func (b *outbox) clear() {
	for i := range b.n {
		b.vectors[i].Base = &b.buffer[i][0]
	}
	b.n, b.sent = 0, 0
}
