package intake

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const socketMode = 0o660

// CheckAddress says whether a server may listen on addr, "unix:PATH" or "HOST:PORT".
func CheckAddress(addr string) error {
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		// sun_path of unix(7) holds 108 bytes with the final zero.
		if path == "" || len(path) > 107 {
			return fmt.Errorf("smtp_listen: expected unix:PATH with a path of 1 to 107 bytes, got %q", addr)
		}
		return nil
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("smtp_listen: expected unix:PATH or HOST:PORT, got %q", addr)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fmt.Errorf("smtp_listen: expected a port of 1 to 65535, got %q", addr)
	}
	return nil
}

// open opens the address. The second result is the file of a unix socket, nil for TCP.
func open(addr string) (net.Listener, fs.FileInfo, error) {
	path, isUnix := strings.CutPrefix(addr, "unix:")
	if !isUnix {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			return nil, nil, fmt.Errorf("smtp_listen: opening %s: %w", addr, err)
		}
		return l, nil, nil
	}
	if err := clearStale(path); err != nil {
		return nil, nil, fmt.Errorf("smtp_listen: %w", err)
	}
	// On Linux the file takes the mode of the socket it is bound to, so that no moment passes in which it is open
	// to more. Elsewhere this may fail and the chmod below must do.
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = syscall.Fchmod(int(fd), socketMode) })
	}}
	l, err := lc.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, nil, fmt.Errorf("smtp_listen: opening %s: %w", addr, err)
	}
	err = os.Chmod(path, socketMode)
	socket, err2 := os.Lstat(path)
	if err = errors.Join(err, err2); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("smtp_listen: setting the mode of %s: %w", addr, err), l.Close())
	}
	// Close removes the file when it is still ours, which the listener would not ask.
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	return l, socket, nil
}

// clearStale removes the socket file of a process that is gone. It never touches what is not a socket, nor a
// socket that somebody answers.
func clearStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("looking at the path: %w", err)
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("expected a socket or no file at the path, got %q, which is something else", path)
	}
	c, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		_ = c.Close()
		return fmt.Errorf("expected a socket that nobody serves, got %q, which another process serves", path)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("asking whether another process serves the socket: %w", err)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("removing the socket of a dead process: %w", err)
	}
	return nil
}

// inPlace reports whether the file of a unix socket is where it was put.
func inPlace(addr string, socket fs.FileInfo) bool {
	if socket == nil {
		return true
	}
	now, err := os.Lstat(strings.TrimPrefix(addr, "unix:"))
	return err == nil && os.SameFile(now, socket)
}
