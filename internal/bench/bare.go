package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// bare is a running testdata/bare.
type bare struct {
	socket  string // where it takes calls
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Scanner
	printed strings.Builder // on standard error
}

// startBare lets bare, on some cores, read the flags of a stopped server.
func (l *lab) startBare(s *server, cores string) (*bare, error) {
	b := &bare{socket: filepath.Join(l.dir, "bare.sock")}
	b.cmd = exec.Command("taskset", "-c", cores, l.bare, filepath.Join(s.dir, "noticeaction.db"), filepath.Join(l.dir, "bare.db"), b.socket)
	b.cmd.Stderr = &b.printed
	var err error
	if b.in, err = b.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := b.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := b.cmd.Start(); err != nil {
		return nil, err
	}
	b.out = bufio.NewScanner(out)
	if !b.out.Scan() {
		return nil, errors.Join(fmt.Errorf("starting bare: %s", &b.printed), b.stop())
	}
	return b, nil
}

// startBareBeside is startBare for a server that runs on.
func (l *lab) startBareBeside(s *server, cores string) (*bare, error) {
	copied, err := l.copyDatabase(s)
	if err != nil {
		return nil, err
	}
	return l.startBare(copied, cores)
}

// time has bare do something and returns how long that took in milliseconds.
func (b *bare) time(command string) (float64, error) {
	if _, err := fmt.Fprintln(b.in, command); err != nil {
		return 0, fmt.Errorf("bare %s: %w: %s", command, err, &b.printed)
	}
	if !b.out.Scan() {
		return 0, fmt.Errorf("bare %s: expected an answer: %s", command, &b.printed)
	}
	ns, err := strconv.ParseInt(b.out.Text(), 10, 64)
	return float64(ns) / 1e6, err
}

func (b *bare) stop() error {
	return errors.Join(b.in.Close(), b.cmd.Wait())
}
