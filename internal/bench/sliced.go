package main

import (
	"bytes"
	"os/exec"
	"syscall"
	"time"
)

// sliced is a rival's load that runs in slices and is stopped between them.
type sliced struct {
	server *server
	cmd    *exec.Cmd
	output bytes.Buffer
	gone   chan error // what became of the command
	ended  bool
	err    error
	ran    time.Duration
	before time.Duration // of the server's CPU time
}

// start starts the load of a rival, stopped. It ends so long after its first query.
func (l *lab) start(r *rival, lasts time.Duration) (*sliced, error) {
	before, err := r.server.cpu()
	if err != nil {
		return nil, err
	}
	s := &sliced{server: r.server, cmd: exec.Command("taskset", r.load.arguments(r.server.port, lasts, false)...), gone: make(chan error, 1), before: before}
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	s.cmd.Stdout, s.cmd.Stderr = &s.output, &s.output
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	pid := s.cmd.Process.Pid
	l.started.Store(pid, s)
	s.signal(syscall.SIGSTOP)
	go func() {
		err := s.cmd.Wait()
		l.started.Delete(pid)
		s.gone <- err
	}()
	return s, nil
}

func (s *sliced) signal(signal syscall.Signal) { _ = s.cmd.Process.Signal(signal) }

// step has the load run for a slice and the server answer what was asked, which would take from the next rival's slice. It
// reports whether there is more of the load.
func (s *sliced) step() bool {
	if s.ended {
		return false
	}
	begin := time.Now()
	s.signal(syscall.SIGCONT)
	select {
	case s.err = <-s.gone:
		s.ended = true
	case <-time.After(slice):
		s.signal(syscall.SIGSTOP)
	}
	s.ran += time.Since(begin)
	s.server.rest()
	return !s.ended
}

// kill ends the load, if it has not ended.
func (s *sliced) kill() {
	if !s.ended {
		s.signal(syscall.SIGKILL)
		s.err = <-s.gone
		s.ended = true
	}
}

// take adds what the load has shown to the rival's samples, if it counts.
func (s *sliced) take(r *rival, counts bool) error {
	t, err := tallyOf(s.output.Bytes(), s.err)
	if err != nil {
		return err
	}
	after, err := r.server.cpu()
	if err != nil || !counts {
		return err
	}
	r.cpu = append(r.cpu, float64(after-s.before)/float64(time.Microsecond)/float64(t.completed))
	r.rate = append(r.rate, float64(t.completed)/s.ran.Seconds())
	return nil
}
