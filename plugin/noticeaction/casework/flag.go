package casework

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

// Actions of the journal.
const (
	actionFlag    = "flag"
	actionReplace = "replace"
	actionUnflag  = "unflag"
	actionImport  = "import"
	actionLift    = "lift"
)

const (
	maxAuthorities = 4096           // that a desk knows at once
	expiresSoon    = 24 * time.Hour // such a not_after is worth a warning
)

// Flag flags a name, or replaces its flag as a whole but for Since, which stays, as does what is recorded
// of where the name can be reached. The same request again changes nothing. The refusal is an *Error of any Kind but NotFound.
func (d *Desk) Flag(ctx context.Context, o Order, r FlagRequest) (Result, error) {
	p := d.policy.Load()
	c := p.checker(o.Force)
	f, err := d.judge(c, o, r)
	if err != nil {
		return Result{}, err
	}
	warnings, refusal := c.glance(f.Name, true)
	var found *store.Reach
	var unknown []Warning
	if refusal == nil {
		found, unknown = d.lookUp(ctx, p, f.Name)
	}
	var result Result
	err = d.do(ctx, &operation{alone: o.DryRun, dry: o.DryRun, run: func(b *batch) (err error) {
		if result, err = b.flag(o, f, r.Match, refusal, found); err == nil {
			result.Warnings = slices.Concat(result.Warnings, warnings, unknown)
		}
		return err
	}})
	if err != nil {
		return Result{}, err
	}
	return result, nil
}

// judge checks all of a request that does not depend on what is flagged now.
func (d *Desk) judge(c *checker, o Order, r FlagRequest) (store.Flag, error) {
	if err := checkOrder(o); err != nil {
		return store.Flag{}, err
	}
	name, err := canonical(r.Name)
	if err != nil {
		return store.Flag{}, err
	}
	if err := c.check(name); err != nil {
		return store.Flag{}, err
	}
	f := store.Flag{Name: name, Authority: r.Authority, Reference: r.Reference, Note: r.Note, NotAfter: wholeSecond(r.NotAfter)}
	return f, checkFlag(f, d.now())
}

func checkOrder(o Order) error {
	if err := checkText("actor", o.Actor, 1, maxActor, false); err != nil {
		return err
	}
	for _, f := range o.Force {
		if !slices.Contains(Forces(), f) {
			return &Error{Kind: Invalid, Field: "force", Value: Clip(string(f)), Detail: fmt.Sprintf("expected one of %q", Forces())}
		}
	}
	return nil
}

func checkFlag(f store.Flag, now time.Time) error {
	if err := CheckAuthority(f.Authority); err != nil {
		return err
	}
	if err := checkText("reference", f.Reference, 1, maxReference, false); err != nil {
		return err
	}
	if err := checkText("note", f.Note, 0, maxNote, true); err != nil {
		return err
	}
	return checkNotAfter(f.NotAfter, now)
}

// flag judges a flag against what is there now and puts it. The objection of the name's surroundings
// and what was found out about it count for a name that is not flagged yet.
func (b *batch) flag(o Order, f store.Flag, m Match, objection error, found *store.Reach) (Result, error) {
	old, was, err := b.tx.Flag(f.Name)
	if err != nil {
		return Result{}, err
	}
	if err := m.check(old, was); err != nil {
		return Result{}, err
	}
	if err := notHeld(old); err != nil {
		return Result{}, err
	}
	warnings := warn(f, b.now)
	if was && same(old, f) {
		return Result{Flag: old, Generation: b.tx.Generation(), Warnings: warnings}, nil
	}
	if !was && objection != nil {
		return Result{}, objection
	}
	if err := b.admit(f.Authority); err != nil {
		return Result{}, err
	}
	action, put := actionReplace, b.tx.PutFlag
	if !was {
		action, put, f.Since = actionFlag, b.tx.AddFlag, b.now
		if err := b.checkBrake(o, 1); err != nil {
			return Result{}, err
		}
	}
	generation := b.tx.NextGeneration()
	var before *store.Flag
	if was {
		before = &old
	}
	err = b.put(put, b.entry(o, action, generation), before, &f, found)
	return Result{Flag: f, Created: !was, Changed: true, Generation: generation, Warnings: warnings}, err
}

// entry returns the start of a line of the journal.
func (b *batch) entry(o Order, action string, generation uint64) store.Entry {
	return store.Entry{Time: b.now, Generation: generation, Actor: o.Actor, Action: action, Forced: o.forced()}
}

// put has a flag that was judged written, and completes its line of the journal. It takes over the Since
// of the one before, if there was one, and else keeps what was found out about the name.
func (b *batch) put(write func(store.Flag) error, e store.Entry, before, f *store.Flag, found *store.Reach) (err error) {
	f.Changed = e.Generation
	if before != nil {
		f.Since, found = before.Since, nil
	}
	if err := write(*f); err != nil {
		return err
	}
	if e.Reach, err = b.keepReach(f.Name, found); err != nil {
		return err
	}
	b.changes = append(b.changes, redirect.Change{Entry: f.Entry()})
	e.Name, e.Before, e.After = f.Name, before, f
	return b.tx.Append(e)
}

// Unflag lifts a flag by hand, for a reason of 1 to 2000 characters. The refusal is an *Error of kind
// Invalid, NotFound, Precondition, Conflict when a case holds the flag, or Unavailable. Names that
// the policy would no longer let be flagged can be unflagged.
func (d *Desk) Unflag(ctx context.Context, o Order, name, reason string, m Match) (Result, error) {
	if err := checkOrder(o); err != nil {
		return Result{}, err
	}
	name, err := canonical(name)
	if err != nil {
		return Result{}, err
	}
	if err := checkText("reason", reason, 1, maxNote, true); err != nil {
		return Result{}, err
	}
	var result Result
	err = d.do(ctx, &operation{alone: o.DryRun, dry: o.DryRun, run: func(b *batch) (err error) {
		result, err = b.unflag(o, name, reason, m)
		return err
	}})
	if err != nil {
		return Result{}, err
	}
	return result, nil
}

func (b *batch) unflag(o Order, name, reason string, m Match) (Result, error) {
	old, was, err := b.tx.Flag(name)
	if err != nil {
		return Result{}, err
	}
	if !was {
		return Result{}, notFlagged(name)
	}
	if err := m.check(old, was); err != nil {
		return Result{}, err
	}
	if err := notHeld(old); err != nil {
		return Result{}, err
	}
	generation := b.tx.NextGeneration()
	return Result{Flag: old, Changed: true, Generation: generation}, b.drop(o, generation, old, reason)
}

// drop lifts a flag that stands.
func (b *batch) drop(o Order, generation uint64, old store.Flag, reason string) error {
	if err := b.tx.DeleteFlag(old.Name); err != nil {
		return err
	}
	b.changes = append(b.changes, redirect.Change{Entry: redirect.Entry{Name: old.Name}, Remove: true})
	b.reached[old.Name] = nil
	return b.tx.Append(store.Entry{
		Time: b.now, Generation: generation, Actor: o.Actor, Action: actionUnflag,
		Name: old.Name, Reason: reason, Forced: o.forced(), Before: &old,
	})
}

// checkBrake counts n new names, or refuses them.
func (b *batch) checkBrake(o Order, n int) error {
	if forced(o.Force, ForceBrake) || n == 0 {
		return nil
	}
	limit := b.policy.Brake
	at, ok := b.brake.allows(limit, n)
	if ok {
		b.brake.add(b.now, n)
		return nil
	}
	when := fmt.Sprintf("%d are not allowed at once", n)
	if !at.IsZero() {
		when = "the next is allowed at " + at.Format(time.RFC3339)
	}
	return &Error{Kind: Braked, RetryAt: at, Detail: fmt.Sprintf(
		"expected at most %d names newly flagged in %s; %s; force with %q", limit.Count, limit.Per, when, ForceBrake)}
}

// admit takes note of an authority. The table can tell only so many apart, and a flag that is durable
// must find its place there.
func (b *batch) admit(authority string) error {
	if _, ok := b.authorities[authority]; ok {
		return nil
	}
	if _, ok := b.newcomers[authority]; ok {
		return nil
	}
	if len(b.authorities)+len(b.newcomers) == maxAuthorities {
		return &Error{Kind: Invalid, Field: "authority", Value: authority, Detail: fmt.Sprintf("expected one of the %d authorities known; there can be no more", maxAuthorities)}
	}
	b.newcomers[strings.Clone(authority)] = struct{}{}
	return nil
}

func (m Match) check(old store.Flag, was bool) error {
	switch {
	case m.Absent && was:
		return &Error{Kind: Precondition, Detail: fmt.Sprintf("expected the name not to be flagged; it is, in generation %d", old.Changed)}
	case m.Generation != nil && !was:
		return &Error{Kind: Precondition, Detail: fmt.Sprintf("expected generation %d of the flag; the name is not flagged", *m.Generation)}
	case m.Generation != nil && *m.Generation != old.Changed:
		return &Error{Kind: Precondition, Detail: fmt.Sprintf("expected generation %d of the flag; it is at %d", *m.Generation, old.Changed)}
	}
	return nil
}

func notHeld(f store.Flag) error {
	if f.Case == "" {
		return nil
	}
	return &Error{Kind: Conflict, Field: "name", Value: f.Name, Detail: "expected a flag that no case holds; change it through case " + f.Case}
}

func notFlagged(name string) error {
	return &Error{Kind: NotFound, Field: "name", Value: name, Detail: "expected a name that is flagged"}
}

// same reports whether a flag already says what is asked.
func same(old, f store.Flag) bool {
	return old.Authority == f.Authority && old.Reference == f.Reference && old.Note == f.Note && old.NotAfter.Equal(f.NotAfter)
}

func warn(f store.Flag, now time.Time) []Warning {
	if f.NotAfter.IsZero() || f.NotAfter.Sub(now) >= expiresSoon {
		return nil
	}
	return []Warning{{Code: "expires-soon", Detail: "the flag lifts by itself at " + f.NotAfter.Format(time.RFC3339)}}
}

func (o Order) forced() []string {
	var all []string
	for _, f := range o.Force {
		all = append(all, string(f))
	}
	return all
}
