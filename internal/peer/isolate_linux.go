package peer

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

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
