//go:build !linux

package peer

import "errors"

var errLinux = errors.New("entering a network namespace: expected Linux")

func isolated() (int, error) { return 0, errLinux }

func loopbackUp() error { return errLinux }

func addAddress(_, _ string) error { return errLinux }
