package wire

import (
	"errors"
	"fmt"
	"sync"
)

// ours is the place of the first socket of ours in the kernel's group:
// CoreDNS's own, which an address has one of, is there first and stays first.
const ours = 1

// moments is how often the last socket is looked at for what the kernel has
// given it since it was no longer told what to do.
const moments = 5

// resize opens or closes sockets until there are count, and steers datagrams
// to them. Called with groups held.
func (g *group) resize(count int) error {
	for len(g.lanes) < count {
		s, err := listen(host(g.address))
		if err != nil {
			return errors.Join(err, g.steer())
		}
		l := newLane(g, s)
		g.lanes = append(g.lanes, l)
		go l.run()
	}
	extra := g.lanes[count:]
	g.lanes = g.lanes[:count]
	err := g.steer()
	closeAll(extra)
	for _, l := range extra {
		l.conn.Close()
	}
	return err
}

func (g *group) steer() error {
	if len(g.lanes) == 0 {
		return nil
	}
	if err := g.lanes[0].steer(ours, uint32(len(g.lanes))); err != nil {
		return fmt.Errorf("steering datagrams: %w", err)
	}
	return nil
}

// close leaves the address to CoreDNS's own socket.
func (g *group) close() {
	if len(g.lanes) == 0 {
		return
	}
	if err := g.lanes[0].steerAway(); err != nil {
		g.serving.log(fmt.Sprintf("Steering datagrams at %s away: %v", g.address, err))
	}
	closeAll(g.lanes)
	g.serving.finish()
	for _, l := range g.lanes[1:] {
		l.conn.Close()
	}
	last := g.lanes[0]
	if err := last.letGo(); err != nil {
		g.serving.log(fmt.Sprintf("Ending the steering of datagrams at %s: %v", g.address, err))
	}
	for range moments {
		if !last.empty() {
			break
		}
		g.serving.finish()
	}
	last.conn.Close()
}

// closeAll ends lanes and leaves their sockets open for the queries that are
// still in the chain.
func closeAll(lanes []*lane) {
	var ended sync.WaitGroup
	for _, l := range lanes {
		ended.Go(l.close)
	}
	ended.Wait()
}
