package api

import (
	"context"
	"fmt"
	"net"
	"syscall"
)

// peer notes who is at the other end of a unix connection: the uid that the
// kernel recorded when it connected (SO_PEERCRED, unix(7)). A connection
// whose peer the kernel does not name stays without an identity.
func peer(ctx context.Context, c net.Conn) context.Context {
	unix, ok := c.(*net.UnixConn)
	if !ok {
		return ctx
	}
	raw, err := unix.SyscallConn()
	if err != nil {
		return ctx
	}
	var cred *syscall.Ucred
	var credErr error
	err = raw.Control(func(fd uintptr) {
		cred, credErr = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if err != nil || credErr != nil {
		return ctx
	}
	return withPeer(ctx, fmt.Sprintf("uid:%d", cred.Uid))
}
