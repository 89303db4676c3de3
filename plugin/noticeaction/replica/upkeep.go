package replica

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"
)

// maxWait is how long the clock sleeps at most: it may have been set meanwhile.
const maxWait = time.Minute

// clock takes each flag out of the table at its end, whatever becomes of etcd, and puts it back if this machine's
// clock is set back to before.
func (f *Follower) clock(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var asked chan struct{}
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-f.again:
		case asked = <-f.tick:
		}
		timer.Reset(f.lift())
		if asked != nil {
			close(asked)
		}
	}
}

// Tick has the follower do what is due by now, and returns when it is done or ctx ends.
func (f *Follower) Tick(ctx context.Context) error {
	asked := make(chan struct{})
	select {
	case f.tick <- asked:
		<-asked
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// lift takes what has ended out of the table, and returns how long until more may.
func (f *Follower) lift() time.Duration {
	f.mu.Lock()
	now := f.cfg.Now()
	changes := f.ended(now.Unix())
	var err error
	if len(changes) > 0 {
		err = f.apply(f.status.Head.Generation, changes)
	}
	if err == nil {
		f.lifted = now.Unix()
	}
	wait := f.wait(now)
	f.mu.Unlock()
	if err != nil {
		f.cfg.Log(fmt.Sprintf("lifting flags that have ended: %v", err))
		return time.Second
	}
	if len(changes) > 0 {
		f.cfg.Log(fmt.Sprintf("%d flags have ended, or the clock was set back to before they do", len(changes)))
		f.cfg.OnChange()
	}
	return wait
}

// ended returns what the table has to change for the flags that end between lifted and a time, which may be
// the earlier one. Called with mu held.
func (f *Follower) ended(now int64) (changes []redirect.Change) {
	if f.held == nil {
		return nil
	}
	from, to := min(f.lifted, now), max(f.lifted, now)
	for _, b := range f.held.buckets {
		if end := b.firstAfter(from); end == 0 || end > to {
			continue
		}
		for r := range b.all() {
			if from < r.NotAfter && r.NotAfter <= to {
				if !r.due(now) {
					f.cfg.OnMail(r.Name, r.Mail)
				}
				changes = append(changes, redirect.Change{Entry: r.Entry(), Remove: r.due(now)})
			}
		}
	}
	return changes
}

// wait returns how long until the next flag ends. Called with mu held.
func (f *Follower) wait(now time.Time) time.Duration {
	wait := maxWait
	if f.held == nil {
		return wait
	}
	for _, b := range f.held.buckets {
		if end := b.firstAfter(max(f.lifted, now.Unix())); end != 0 {
			wait = min(wait, max(time.Unix(end, 0).Sub(now), 0))
		}
	}
	return wait
}

// Node is the name under which the follower reports.
func (f *Follower) Node() string { return f.cfg.Node }

// reports writes what the follower has under its node name, on each change and regularly.
func (f *Follower) reports(ctx context.Context) {
	regularly := time.NewTicker(reportEvery)
	defer regularly.Stop()
	var b backoff
	wake(f.report)
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.report:
		case <-regularly.C:
		}
		if err := f.writeReport(ctx); err != nil {
			select {
			case <-ctx.Done():
				return
			case <-time.After(b.next()):
				wake(f.report)
			}
			continue
		}
		b.reset()
	}
}

func (f *Follower) writeReport(ctx context.Context) error {
	st := f.Status()
	value, err := json.Marshal(Report{
		Node: f.cfg.Node, Version: f.cfg.Version,
		Sequence: st.Head.Sequence, Generation: st.Head.Generation, Digest: st.Head.Digest.String(), Flags: int(st.Head.Count),
		Applied: utc(st.Applied), Confirmed: utc(st.Confirmed), Reported: utc(f.cfg.Now()), Refusal: string(st.Refusal),
	})
	if err != nil {
		return fmt.Errorf("encoding report: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if _, err := f.client.Put(ctx, keyspace{f.cfg.Prefix}.nodes()+f.cfg.Node, string(value)); err != nil {
		return fmt.Errorf("writing etcd: %w", err)
	}
	return nil
}

func utc(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC().Truncate(time.Millisecond)
}

// snapshots keeps what is held on disk. A large set that changes all the time takes at most a tenth of the clock.
func (f *Follower) snapshots(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.store:
		}
		begin := time.Now()
		if err := f.keep(); err != nil {
			f.cfg.Log(err.Error())
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(9 * time.Since(begin)):
		}
	}
}

// keep writes what is held, unless that is kept already.
func (f *Follower) keep() error {
	f.mu.Lock()
	held, value, head, kept := f.held, f.value, f.status.Head, f.kept
	f.mu.Unlock()
	if held == nil || head.Sequence == kept.Sequence {
		return nil
	}
	if err := writeSnapshot(f.cfg.Snapshot, value, held); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.kept, f.status.Snapshot = head, f.cfg.Now()
	return nil
}
