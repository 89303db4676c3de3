package main

import (
	"bytes"
	"os/exec"
	"syscall"
	"time"
)

// sliced is a rival's load that runs in slices and is stopped between them.
type sliced struct {
	*program
	of     *rival
	output bytes.Buffer
	ran    time.Duration
	before time.Duration // of the server's CPU time
}

// start starts the load of a rival, stopped. It ends so long after its first query.
func (l *lab) start(r *rival, work load, lasts time.Duration) (*sliced, error) {
	before, err := r.server.cpu()
	if err != nil {
		return nil, err
	}
	s := &sliced{of: r, before: before}
	cmd := exec.Command("taskset", work.arguments(r.server.port, lasts, false)...)
	cmd.Stdout, cmd.Stderr = &s.output, &s.output
	if s.program, err = l.launch(cmd); err != nil {
		return nil, err
	}
	s.signal(syscall.SIGSTOP)
	return s, nil
}

// step has the load run for a slice and the server answer what was asked, which would take from the next rival's slice. It
// reports whether there is more of the load.
func (s *sliced) step() (more bool) {
	if s.ended() {
		return false
	}
	begin := time.Now()
	s.signal(syscall.SIGCONT)
	select {
	case <-s.gone:
	case <-time.After(slice):
		s.signal(syscall.SIGSTOP)
		more = true
	}
	s.ran += time.Since(begin)
	s.of.server.rest()
	return more
}

// kill ends the load, if it has not ended, and waits.
func (s *sliced) kill() {
	s.signal(syscall.SIGKILL)
	<-s.gone
}

// take adds what the load, which has ended, has shown to the rival's samples, if it counts.
func (s *sliced) take(counts bool) error {
	t, err := tallyOf(s.output.Bytes(), s.err)
	if err != nil {
		return err
	}
	r := s.of
	after, err := r.server.cpu()
	if err != nil || !counts {
		return err
	}
	r.cpu = append(r.cpu, float64(after-s.before)/float64(time.Microsecond)/float64(t.completed))
	r.rate = append(r.rate, float64(t.completed)/s.ran.Seconds())
	return nil
}
