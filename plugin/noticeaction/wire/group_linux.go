package wire

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// ours is the place of the first socket of ours in the kernel's group:
// CoreDNS's own, which an address has one of, is there first and stays first.
const ours = 1

// resize opens or closes sockets until there are count, and steers datagrams
// to them. Called with groups held.
func (g *group) resize(count int) error {
	if len(g.lanes) < count {
		g.leaving.Wait() // the kernel counts them too, and nobody reads them
	}
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
		g.leaving.Go(func() {
			finish(&l.calls)
			g.tell("Closing a socket", l.seal())
			l.conn.Close()
		})
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
	g.tell("Steering datagrams away", g.lanes[0].steerAway())
	closeAll(g.lanes)
	finish(&g.serving.calls)
	for _, l := range g.lanes {
		g.tell("Closing a socket", l.seal())
	}
	address := g.lanes[0].conn.LocalAddr()
	for _, l := range g.lanes {
		l.conn.Close()
	}
	g.tell("Ending the steering of datagrams", letGo(address))
	g.leaving.Wait()
}

// tell logs what goes wrong in the end; CoreDNS's own socket serves.
func (g *group) tell(doing string, err error) {
	if err != nil {
		g.serving.log(fmt.Sprintf("%s at %s: %v", doing, g.address, err))
	}
}

// closeAll ends lanes and leaves their sockets open for the queries that are
// still in the chain.
func closeAll(lanes []*lane) {
	by := time.Now().Add(handOff)
	var ended sync.WaitGroup
	for _, l := range lanes {
		ended.Go(func() { l.close(by) })
	}
	ended.Wait()
}
