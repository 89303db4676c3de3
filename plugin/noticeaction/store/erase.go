package store

import (
	"fmt"
	"slices"
	"time"
)

// EraseCase takes the personal data out of a case that has ended (Art. 6 of the protocol), out of its
// events, of what left because of it and of its notices, and deletes the mails and the messages. Ids, names,
// times and outcomes stay. A mail that has not left by then never will, and counts as failed.
//
// bbolt gives the pages free without writing over them: their bytes stay in the file, and in backups
// made of it, until later commits use the pages again. A database that was copied record by record
// (bbolt compact) has none of them.
func (tx *Tx) EraseCase(id string) error {
	c, ok, err := tx.Case(id)
	if err != nil {
		return err
	}
	if !ok || !c.State.Ended() {
		return fmt.Errorf("erasing case %s: expected a case that has ended", id)
	}
	if err := tx.putCase(c.Erased()); err != nil {
		return err
	}
	for _, erase := range []func(id string) error{tx.eraseEvents, tx.eraseOutgoing, tx.eraseNotices} {
		if err := erase(id); err != nil {
			return err
		}
	}
	return tx.unset(tx.bucket(endedBucket), "index of case "+id, endedKey(c))
}

func (tx *Tx) eraseEvents(id string) error {
	events, err := tx.CaseEvents(id)
	if err != nil {
		return err
	}
	for _, e := range events {
		e.Event, e.Nonce, e.Erased = e.Event.Erased(), "", true
		if _, err := tx.putCaseEvent(id, e); err != nil {
			return err
		}
	}
	return nil
}

func (tx *Tx) eraseOutgoing(id string) error {
	var all []Outgoing
	for o, err := range tx.Outbox(OutgoingQuery{Case: id}) {
		if err != nil {
			return err
		}
		all = append(all, o)
	}
	for _, o := range all {
		o.Error = ""
		if o.Kind == Mail {
			o.Recipients, o.Subject, o.About = nil, "", nil
			if slices.Contains([]Status{Queued, Sending}, o.Status) {
				o.Status, o.Next = Failed, time.Time{}
			}
			if err := tx.unset(tx.bucket(payloadsBucket), fmt.Sprintf("payload %d", o.ID), seqKey(o.ID)); err != nil {
				return err
			}
		}
		if err := tx.PutOutgoing(o); err != nil {
			return err
		}
	}
	return nil
}

func (tx *Tx) eraseNotices(id string) error {
	var ids []string
	prefix := idPrefix(id)
	for k := range under(tx.bucket(noticesOfBucket), prefix) {
		ids = append(ids, string(k[len(prefix):]))
	}
	for _, id := range ids {
		if err := tx.EraseNotice(id); err != nil {
			return err
		}
	}
	return nil
}

// EraseNotice takes the personal data out of a notice and deletes its message. What [Tx.EraseCase] says of
// freed pages holds here too.
func (tx *Tx) EraseNotice(id string) error {
	n, ok, err := tx.Notice(id)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("erasing notice %s: expected a notice that there is", id)
	}
	n = Notice{
		ID: n.ID, Received: n.Received, Status: n.Status, SHA256: n.SHA256,
		Case: n.Case, Decided: n.Decided, Erased: true,
	}
	if err := tx.PutNotice(n); err != nil {
		return err
	}
	return tx.unset(tx.bucket(evidenceBucket), "evidence of notice "+id, []byte(id))
}
