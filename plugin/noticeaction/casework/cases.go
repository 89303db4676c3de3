package casework

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

const maxSiteAddresses = 20

// OpenCase opens a case for a notice. In a dry run of a case that lacks nothing, the result also holds what
// an approval at this moment would do. The refusal is an *Error of kind Invalid, with Items when something is
// missing, Forbidden, Conflict when a name is in a case already or the key was used, or Unavailable. It is
// journaled.
func (d *Desk) OpenCase(ctx context.Context, o Order, r OpenRequest) (CaseResult, error) {
	w := &caseWork{order: o, kind: procedure.Open, key: r.Key}
	result, err := d.openCase(ctx, w, r)
	return result, d.noteRefusal(ctx, w, err)
}

func (d *Desk) openCase(ctx context.Context, w *caseWork, r OpenRequest) (CaseResult, error) {
	p := d.policy.Load()
	if err := w.begin(r); err != nil {
		return CaseResult{}, err
	}
	if p.Procedure.Compose == nil {
		return CaseResult{}, &Error{Kind: Unavailable, Detail: "expected a configuration that says from whom mails leave; without it no case can be opened"}
	}
	notice, err := canonicalNotice(w.order, r.Notice)
	if err != nil {
		return CaseResult{}, err
	}
	parties, err := canonicalParties(r.Parties)
	if err != nil {
		return CaseResult{}, err
	}
	d.findAddresses(ctx, p, notice.Names, parties)
	checker := p.checker(w.order.Force)
	for _, name := range notice.Names {
		if err := checker.check(name); err != nil {
			return CaseResult{}, err
		}
		w.foresee(checker, name)
	}
	w.event = procedure.Event{Kind: procedure.Open, At: r.At, Notice: &notice, Parties: parties, Text: r.Text, Evidence: r.Message}
	return d.runCase(ctx, w)
}

// RecordEvent records an event of a case, and with it the deadlines that ended before. The refusal is an
// *Error of kind Invalid, NotFound, Precondition, Forbidden, Conflict with the state of the case and the
// events it takes, Braked, or Unavailable. It is journaled.
func (d *Desk) RecordEvent(ctx context.Context, o Order, r EventRequest) (CaseResult, error) {
	w := &caseWork{order: o, kind: r.Event.Kind, id: r.Case, key: r.Key, match: r.Match, event: r.Event}
	result, err := d.recordEvent(ctx, w, r)
	return result, d.noteRefusal(ctx, w, err)
}

func (d *Desk) recordEvent(ctx context.Context, w *caseWork, r EventRequest) (CaseResult, error) {
	if err := w.begin(r); err != nil {
		return CaseResult{}, err
	}
	if slices.Contains([]procedure.Kind{procedure.Open, procedure.File, procedure.Expire}, r.Event.Kind) {
		return CaseResult{}, &Error{Kind: Invalid, Field: "kind", Value: string(r.Event.Kind), Detail: "expected an event of a case that is open, which a person records"}
	}
	view, err := d.Case(w.order, r.Case)
	if err != nil {
		return CaseResult{}, err
	}
	names := w.event.Names
	w.event.Names = nil
	for _, n := range names {
		name, err := canonical(n)
		if err != nil {
			return CaseResult{}, field(err, "names")
		}
		w.event.Names = append(w.event.Names, name)
	}
	if w.event.Parties, err = canonicalParties(r.Event.Parties); err != nil {
		return CaseResult{}, err
	}
	p := d.policy.Load()
	switch r.Event.Kind {
	case procedure.Describe:
		d.findAddresses(ctx, p, view.Case.Notice.Names, w.event.Parties)
	case procedure.Correct:
		if err := w.checkCorrection(view); err != nil {
			return CaseResult{}, err
		}
	case procedure.Approve:
		d.examine(ctx, p, w, view.Case.Live())
	}
	return d.runCase(ctx, w)
}

// examine finds out what stands against redirecting the names, and where they can be reached.
func (d *Desk) examine(ctx context.Context, p *Policy, w *caseWork, names []string) {
	checker := p.checker(w.order.Force)
	for _, name := range names {
		var seen examined
		var warnings []Warning
		if seen.objection = checker.check(name); seen.objection == nil {
			_, warnings, seen.objection = checker.around(name)
		}
		w.warnings = append(w.warnings, warnings...)
		if seen.objection == nil {
			seen.found, warnings = d.lookUp(ctx, p, name)
			w.warnings = append(w.warnings, warnings...)
		}
		w.seen[name] = seen
	}
}

// foresee warns of what would stand against redirecting a name that passed the check.
func (w *caseWork) foresee(c *checker, name string) {
	_, warnings, objection := c.around(name)
	w.warnings = append(w.warnings, warnings...)
	if objection != nil {
		w.warnings = append(w.warnings, Warning{Code: "objection", Detail: name + " could not be redirected now: " + objection.Error()})
	}
}

// runCase has the writer apply the event.
func (d *Desk) runCase(ctx context.Context, w *caseWork) (CaseResult, error) {
	dry := w.order.DryRun
	err := d.do(ctx, &operation{alone: true, dry: dry, run: func(b *batch) error { return b.runCase(w) }})
	if err != nil {
		return CaseResult{}, err
	}
	w.result.Warnings = w.warnings
	return w.result, nil
}

// caseWork is one event of a case on its way through the desk.
type caseWork struct {
	order Order
	id    string // of the case; empty: to be opened
	kind  procedure.Kind
	event procedure.Event
	match *int
	key   string
	body  [32]byte // SHA-256 of the request

	seen     map[string]examined // names that may be newly redirected
	warnings []Warning
	result   CaseResult
}

// examined is what was found out about a name before it is redirected.
type examined struct {
	objection error
	found     *store.Reach
}

// begin checks what does not depend on the case.
func (w *caseWork) begin(request any) error {
	w.seen = make(map[string]examined)
	if err := checkOrder(w.order); err != nil {
		return err
	}
	if err := checkText("idempotency_key", w.key, 0, maxKey, false); err != nil {
		return err
	}
	body, err := json.Marshal(request)
	if err != nil {
		return &Error{Kind: Invalid, Detail: "expected times of the years 0 to 9999", Err: err}
	}
	w.body = sha256.Sum256(body)
	return nil
}

// actor is on whose behalf an order is recorded in a case.
func (o Order) actor() procedure.Actor {
	if o.Authority != "" {
		return procedure.Actor{Kind: procedure.Authority, Name: o.Actor}
	}
	return procedure.Actor{Kind: procedure.Operator, Name: o.Actor}
}

// sees refuses an order of an authority about a case that is not its own.
func (o Order) sees(c procedure.Case) error {
	if o.Authority == "" || o.Authority == c.Notice.Authority {
		return nil
	}
	return &Error{Kind: Forbidden, Field: "case", Value: c.ID, Detail: "expected a case of the authority " + o.Authority}
}

// canonicalNotice returns the notice with its names as the store has them and its authority filled in.
func canonicalNotice(o Order, n procedure.Notice) (procedure.Notice, error) {
	if n.Authority == "" {
		n.Authority = o.Authority
	}
	if err := CheckAuthority(n.Authority); err != nil {
		return n, field(err, "notice.authority")
	}
	if o.Authority != "" && n.Authority != o.Authority {
		return n, &Error{Kind: Forbidden, Field: "notice.authority", Value: n.Authority, Detail: "expected the authority " + o.Authority}
	}
	if n.Reference != "" { // a flag has no room for a longer one
		if err := checkText("notice.reference", n.Reference, 1, maxReference, false); err != nil {
			return n, err
		}
	}
	names := n.Names
	n.Names = nil
	for _, given := range names {
		name, err := canonical(given)
		if err != nil {
			return n, field(err, "notice.names")
		}
		n.Names = append(n.Names, name)
	}
	return n, nil
}

// canonicalParties returns the parties with their names as the store has them, and their addresses checked.
func canonicalParties(p *procedure.Parties) (*procedure.Parties, error) {
	if p == nil {
		return nil, nil
	}
	own := *p
	own.Sites = slices.Clone(p.Sites)
	for i, s := range own.Sites {
		name, err := canonical(s.Name)
		if err != nil {
			return nil, field(err, "parties.sites")
		}
		own.Sites[i].Name = name
		for _, a := range s.Addresses {
			if _, err := netip.ParseAddr(a); err != nil {
				return nil, &Error{Kind: Invalid, Field: "parties.sites", Value: Clip(a), Detail: "expected IPv4 or IPv6 addresses at which " + name + " can still be reached"}
			}
		}
	}
	return &own, nil
}

// findAddresses adds where the sites of the names can be reached now, where nobody said it (Art. 4(c)).
func (d *Desk) findAddresses(ctx context.Context, p *Policy, names []string, parties *procedure.Parties) {
	if parties == nil || p.Look == nil {
		return
	}
	for i, s := range parties.Sites {
		if len(s.Addresses) > 0 || s.Offline || !slices.Contains(names, s.Name) || d.redirects(s.Name) {
			continue
		}
		record, err := p.Look(ctx, s.Name)
		if err != nil {
			continue
		}
		for _, h := range record.Hosts {
			for _, a := range h.Addresses {
				if text := a.String(); !slices.Contains(parties.Sites[i].Addresses, text) && len(parties.Sites[i].Addresses) < maxSiteAddresses {
					parties.Sites[i].Addresses = append(parties.Sites[i].Addresses, text)
				}
			}
		}
	}
}

// field names another field in a refusal.
func field(err error, name string) error {
	var refusal *Error
	if errors.As(err, &refusal) {
		own := *refusal
		own.Field = name
		return &own
	}
	return err
}

// fromProcedure says what a refusal of the procedure is to the caller.
func fromProcedure(err error) error {
	var state *procedure.StateError
	var bad *procedure.InvalidError
	var missing *procedure.MissingError
	var actor *procedure.ActorError
	switch {
	case errors.As(err, &state):
		return &Error{Kind: Conflict, Field: "kind", Value: string(state.Kind), Detail: err.Error(), State: state.State, Allowed: state.Allowed}
	case errors.As(err, &missing):
		return &Error{Kind: Invalid, Detail: err.Error(), Items: missing.Items}
	case errors.As(err, &bad):
		return &Error{Kind: Invalid, Field: bad.Field, Detail: bad.Detail}
	case errors.As(err, &actor), errors.Is(err, procedure.ErrFourEyes):
		return &Error{Kind: Forbidden, Field: "kind", Detail: err.Error()}
	}
	return fmt.Errorf("applying event: %w", err)
}
