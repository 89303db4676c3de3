package noticeaction

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/mail"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/orders"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

// sendGrace is how long a message or an order under way may take when the desk closes.
const sendGrace = 5 * time.Second

var (
	errNoMail   = errors.New("expected a mail_from line, by which mails leave")
	errNoOrders = errors.New("expected an orders line, by which orders leave")
)

// delivery has the mails and orders of a desk leave, by the lines in force. It goes on across reloads.
type delivery struct {
	mail   atomic.Pointer[outlet]        // nil: no line
	orders atomic.Pointer[orders.Sender] // nil: no line

	stop, cut context.CancelFunc // no further one leaves; what is under way is given up
	running   sync.WaitGroup
}

// use has what leaves from now on leave by the lines of cfg.
func (y *delivery) use(cfg *config) error {
	var now *outlet
	if cfg.hasCases() {
		sender, err := mail.Open(cfg.cases.post)
		if err != nil {
			return err
		}
		now = &outlet{sender: sender}
	}
	y.orders.Store(cfg.files.orders)
	if before := y.mail.Swap(now); before != nil {
		y.running.Go(before.close) // a reload does not wait for a slow mail server
	}
	return nil
}

// start begins to deliver, once the first lines are in force.
func (y *delivery) start(work *casework.Desk) {
	if y.stop != nil {
		return
	}
	var loops, sends context.Context
	loops, y.stop = context.WithCancel(context.Background())
	sends, y.cut = context.WithCancel(context.Background())
	y.running.Go(func() {
		work.Deliver(loops, store.Mail, func(_ context.Context, l casework.Leaving) error { return y.sendMail(sends, l) })
	})
	y.running.Go(func() {
		work.Deliver(loops, store.Order, func(_ context.Context, l casework.Leaving) error { return y.sendOrder(sends, l) })
	})
}

func (y *delivery) sendMail(ctx context.Context, l casework.Leaving) error {
	for {
		o := y.mail.Load()
		if o == nil {
			return errNoMail
		}
		if open, err := o.send(ctx, l); open {
			return err
		}
	}
}

func (y *delivery) sendOrder(ctx context.Context, l casework.Leaving) error {
	s := y.orders.Load()
	if s == nil {
		return errNoOrders
	}
	return s.Send(ctx, l)
}

// end lets what is under way come to its end, and stops.
func (y *delivery) end() {
	if y.stop != nil {
		y.stop()
		defer time.AfterFunc(sendGrace, y.cut).Stop()
		defer y.cut()
	}
	y.running.Wait()
	if last := y.mail.Swap(nil); last != nil {
		last.close()
	}
}

// outlet is where mails leave.
type outlet struct {
	mu     sync.Mutex // held while one leaves
	sender mail.Sender
	closed bool
}

// send reports whether the outlet was still open, and if so what became of the mail.
func (o *outlet) send(ctx context.Context, l casework.Leaving) (open bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return false, nil
	}
	return true, o.sender.Send(ctx, l)
}

// close waits for the mail that is leaving.
func (o *outlet) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	if err := o.sender.Close(); err != nil {
		log.Warningf("Closing the way out of mails: %v", err)
	}
}
