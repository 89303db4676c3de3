// Package mail writes the mails of the procedure and delivers them, one at a time. [Composer] turns a letter
// of the desk into the bytes of a message, without a clock and without chance: the same letter gives the same
// bytes. A [Sender] hands those bytes on as they are, to a mail server or into a folder.
//
// Who is written to, and in what language:
//
//   - The holder: in the holder's own, nl, fr, de or en. The authority reads along (Cc), so that it knows when
//     the holder's time starts and ends (Art. 4(c) para. 3); its copy is the same mail.
//   - A registrar: in all four, in one mail, English first. It is told what happens to its own names, and
//     nothing of the infringement, the holder or other registrars.
//   - The authority: in Dutch and French, in one mail, at the inspector's address and those of the directory.
//
// Articles are those of the protocol, as in package procedure. The words are in templates/, a file for each mail
// and language; their first line is the title in the subject.
//
// The package decides nothing, keeps nothing but the files that it is asked for, and tries nothing twice:
// when to try again is for the desk. It puts nothing that came from outside where it could become a header, a
// recipient or the mail's own words.
package mail

import (
	"context"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
)

// Sender delivers one message, as it was committed, byte for byte. Any number of goroutines may use it.
type Sender interface {
	// Send returns nil once the other side has taken the message for all its recipients. An error that has
	// the method Permanent() bool, and says true there, will not go away by trying again.
	Send(ctx context.Context, l casework.Leaving) error

	// Close frees what the Sender holds. No Send may follow.
	Close() error
}

// deliveryError is an error of Send that has said so for good.
type deliveryError struct{ error }

func (e *deliveryError) Unwrap() error   { return e.error }
func (e *deliveryError) Permanent() bool { return true }

func permanent(err error) error { return &deliveryError{err} }

// shortError is an error whose text is one line that can be kept: what the other side says may be anything.
type shortError struct{ error }

func (e *shortError) Unwrap() error { return e.error }
func (e *shortError) Error() string { return line(e.error.Error()) }

func clipped(err error) error { return &shortError{err} }
