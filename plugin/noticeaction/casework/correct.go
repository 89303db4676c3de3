package casework

import (
	"errors"
	"slices"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

// After a correction of contacts, what has not reached them goes to the addresses of now, unless what the
// correction itself sends takes its place.

// checkCorrection refuses to put personal data into a case that was erased, and warns of a holder who is not told.
func (w *caseWork) checkCorrection(v CaseView) error {
	if len(v.Events) > 0 && v.Events[0].Erased {
		return errErased
	}
	p := w.event.Parties
	if p != nil && p.Holder.Email != "" && p.Holder.Email != v.Case.Parties.Holder.Email && !w.event.Resend && v.Case.State.Redirected() {
		w.warnings = append(w.warnings, Warning{Code: "holder-not-told", Detail: "the mail to the holder does not leave anew for the new address; if the holder was not reached, ask for that (resend)"})
	}
	return nil
}

// readdressAll looks at the mails of the case that have not arrived, before what the correction sends is kept.
func (b *batch) readdressAll(p *casePlan) error {
	var all []store.Outgoing
	for out, err := range b.tx.Outbox(store.OutgoingQuery{Case: p.c.ID, Kind: store.Mail}) {
		if err != nil {
			return err
		}
		if slices.Contains([]store.Status{store.Queued, store.Failed, store.Bounced}, out.Status) {
			all = append(all, out)
		}
	}
	for i := range all {
		out := &all[i]
		var err error
		switch {
		case slices.ContainsFunc(p.leaving, func(l Leaving) bool { return takesPlace(l, *out) }):
			err = b.supersede(out)
		case out.Status == store.Queued:
			err = b.readdress(p.c, out)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// catchUp brings a mail that is tried again up to the corrections that were made while it was on its way; false
// when it is not to leave any more.
func (b *batch) catchUp(c procedure.Case, out *store.Outgoing) (bool, error) {
	if out.Kind != store.Mail || out.Attempts == 0 {
		return true, nil
	}
	told := out.Mail == procedure.HolderNotice || out.Mail == procedure.RegistrarNotice // of which the later says all
	for later, err := range b.tx.Outbox(store.OutgoingQuery{After: out.ID, Case: c.ID, Kind: store.Mail}) {
		if err != nil {
			return false, err
		}
		if told && later.Status != store.Failed && takesPlace(Leaving{Outgoing: later}, *out) {
			return false, b.supersede(out)
		}
	}
	if err := b.readdress(c, out); errors.Is(err, store.ErrDamaged) {
		return false, err
	} else if err != nil { // to nobody rather than to the wrong one
		out.Error = clipTo(err.Error(), maxNote)
		return false, b.fail(*out, what(*out)+" could not be addressed anew")
	}
	return true, nil
}

// takesPlace tells whether a new mail says all that another says that has not arrived.
func takesPlace(l Leaving, out store.Outgoing) bool {
	missing := func(name string) bool { return !slices.Contains(l.Names, name) }
	return l.Kind == store.Mail && l.Mail == out.Mail && l.To == out.To && !slices.ContainsFunc(out.Names, missing)
}

// supersede has a mail leave no more, and nobody see to it.
func (b *batch) supersede(out *store.Outgoing) error {
	b.touched = true
	if out.Status != store.Bounced { // it did leave
		out.Status, out.Next, out.Error, out.About = store.Withdrawn, zeroTime, "", nil
	}
	if err := b.closeAbout(*out); err != nil {
		return err
	}
	return b.tx.PutOutgoing(*out)
}

// readdress has a mail that is written go to the addresses of now. One to registrars stays as it is when its
// names have several by now.
func (b *batch) readdress(c procedure.Case, out *store.Outgoing) error {
	message := b.tx.Payload(out.ID)
	if b.policy.Procedure.Readdress == nil || out.Kind != store.Mail || len(message) == 0 {
		return nil
	}
	if out.To == procedure.ToRegistrar && slices.ContainsFunc(out.Names, func(name string) bool {
		return c.Parties.Site(name).Registrar.Email != c.Parties.Site(out.Names[0]).Registrar.Email
	}) {
		return nil
	}
	events, err := b.tx.CaseEvents(c.ID)
	if err != nil {
		return err
	}
	effect, _, ok := askedBy(events, *out)
	if !ok {
		return nil
	}
	composed, err := b.policy.Procedure.Readdress(Letter{Case: c, Effect: effect}, message)
	if err != nil {
		return err
	}
	if slices.Equal(composed.Recipients, out.Recipients) {
		return nil
	}
	b.touched = true
	out.Recipients = composed.Recipients
	if err := b.tx.PutPayload(out.ID, composed.Message); err != nil {
		return err
	}
	return b.tx.PutOutgoing(*out)
}

// askedBy returns the effect that asked for a mail, and its place among those of its event; false once that is
// erased.
func askedBy(events []store.CaseEvent, out store.Outgoing) (procedure.Effect, int, bool) {
	for _, event := range events {
		for i, e := range event.Effects {
			asked := event.Number == out.Event && e.Kind == procedure.Mail && e.Mail == out.Mail && e.To == out.To && slices.Equal(e.Names, out.Names)
			if asked && !event.Erased {
				return e, i, true
			}
		}
	}
	return procedure.Effect{}, 0, false
}
