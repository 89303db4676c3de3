// Package peer gives a test a small DNS internet of its own: a root signed by
// Knot, a hosting company with signed and unsigned children, coredns-na as the
// registry of be, and the resolvers and tools that the public uses. Every
// server has port 53 of its own loopback address in a private network
// namespace, and the resolvers iterate from root hints and a trust anchor, as
// they do in life.
//
// It starts servers, asks, and stops them with the test. It knows nothing of
// what a right answer is, never reaches the real network, and never skips:
// where something is missing the test fails and says what. It is imported by
// tests only.
package peer

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/coredns-na/coredns-na/internal/e2e"
)

// inside is set in the environment of a test binary that has its namespaces.
const inside = "COREDNS_NA_PEER_INSIDE"

// Main runs the tests of a package in network and process namespaces of their
// own, with coredns-na and nactl built and on PATH, and exits. When the tests
// end, by whatever cause, the kernel ends every server with them.
func Main(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	if os.Getenv(inside) != "" {
		if err := loopbackUp(); err != nil {
			return 0, err
		}
		if code := m.Run(); code != 0 {
			return code, nil
		}
		return 0, goleak.Find()
	}
	// Daemons are in the sbin folders, which a user's PATH may lack.
	if err := os.Setenv("PATH", os.Getenv("PATH")+":/usr/local/sbin:/usr/sbin:/sbin"); err != nil {
		return 0, err
	}
	remove, err := e2e.Build()
	if err != nil {
		return 0, err
	}
	defer remove()
	return isolated()
}

// isolated runs the test binary again, in new namespaces.
func isolated() (code int, err error) {
	// Pdeathsig is sent when the thread that started the child ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWPID,
		Pdeathsig:  syscall.SIGKILL,
	}
	if uid, gid := os.Getuid(), os.Getgid(); uid != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: gid, Size: 1}}
	}
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return max(exit.ExitCode(), 1), nil
	}
	if err != nil {
		return 0, fmt.Errorf("entering a network namespace: %w (expected root with CAP_SYS_ADMIN, or user namespaces: sysctl kernel.unprivileged_userns_clone=1)", err)
	}
	return 0, nil
}

// loopbackUp brings up the one interface of a new network namespace.
func loopbackUp() error {
	lo, err := unix.NewIfreq("lo")
	if err == nil {
		lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
		err = setInterface(unix.SIOCSIFFLAGS, lo)
	}
	if err != nil {
		return fmt.Errorf("bringing lo up: %w", err)
	}
	return nil
}

// addAddress gives lo an address more. All of 127/8 is local without it, but
// named only listens on addresses that an interface has.
func addAddress(label, addr string) error {
	lo, err := unix.NewIfreq("lo:" + label)
	if err == nil {
		err = lo.SetInet4Addr(net.ParseIP(addr).To4())
	}
	if err == nil {
		err = setInterface(unix.SIOCSIFADDR, lo)
	}
	if err != nil {
		return fmt.Errorf("adding %s to lo: %w", addr, err)
	}
	return nil
}

func setInterface(request uint, value *unix.Ifreq) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.IoctlIfreq(fd, request, value)
}
