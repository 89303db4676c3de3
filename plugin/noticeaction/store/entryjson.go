package store

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
)

// appendEntry appends an entry as encoding/json would encode it, which takes several times as long: an import
// writes a line for each name. A test holds the two together. The hex of Prev is given apart from it.
func appendEntry(b []byte, e *Entry, prev []byte) []byte {
	b = strconv.AppendUint(append(b, `{"seq":`...), e.Seq, 10)
	b = appendTime(append(b, `,"time":`...), e.Time)
	b = strconv.AppendUint(append(b, `,"generation":`...), e.Generation, 10)
	b = appendText(append(b, `,"actor":`...), e.Actor)
	b = appendText(append(b, `,"action":`...), e.Action)
	b = appendText(append(b, `,"name":`...), e.Name)
	b = appendGiven(b, `,"reason":`, e.Reason)
	for i, f := range e.Forced {
		before := byte(',')
		if i == 0 {
			b, before = append(b, `,"forced":`...), '['
		}
		b = appendText(append(b, before), f)
	}
	if len(e.Forced) > 0 {
		b = append(b, ']')
	}
	b = appendFlagJSON(b, `,"before":`, e.Before)
	b = appendFlagJSON(b, `,"after":`, e.After)
	if e.Reach {
		b = append(b, `,"reach":true`...)
	}
	b = appendGiven(b, `,"case":`, e.Case)
	if e.Event != 0 {
		b = strconv.AppendInt(append(b, `,"event":`...), int64(e.Event), 10)
	}
	b = appendGiven(b, `,"kind":`, e.Kind)
	b = appendGiven(b, `,"state":`, e.State)
	if e.Late {
		b = append(b, `,"late":true`...)
	}
	b = appendGiven(b, `,"authority":`, e.Authority)
	if e.Version != 0 {
		b = strconv.AppendUint(append(b, `,"version":`...), e.Version, 10)
	}
	b = appendGiven(b, `,"record":`, e.Record)
	return append(append(append(b, `,"prev":"`...), prev...), `"}`...)
}

func appendFlagJSON(b []byte, key string, f *Flag) []byte {
	if f == nil {
		return b
	}
	return f.text().appendJSON(append(b, key...))
}

// flagText is a flag as it is written down, its texts strings or within a record.
type flagText[T string | []byte] struct {
	name, authority, reference, held, note T

	since, notAfter time.Time
	changed         uint64

	times *times // may be nil
}

func (f *Flag) text() *flagText[string] {
	return &flagText[string]{
		name: f.Name, authority: f.Authority, reference: f.Reference, held: f.Case, note: f.Note,
		since: f.Since, notAfter: f.NotAfter, changed: f.Changed,
	}
}

func (f *flagText[T]) appendJSON(b []byte) []byte { return f.appendRest(appendName(b, f.name)) }

// appendName appends how the JSON of a flag begins, and appendRest the rest.
func appendName[T string | []byte](b []byte, name T) []byte {
	return appendText(append(b, `{"name":`...), name)
}

func (f *flagText[T]) appendRest(b []byte) []byte {
	b = appendText(append(b, `,"authority":`...), f.authority)
	b = appendText(append(b, `,"reference":`...), f.reference)
	b = appendGiven(b, `,"case":`, f.held)
	b = appendGiven(b, `,"note":`, f.note)
	b = f.times.append(append(b, `,"since":`...), f.since)
	if !f.notAfter.IsZero() {
		b = f.times.append(append(b, `,"not_after":`...), f.notAfter)
	}
	return append(strconv.AppendUint(append(b, `,"changed":`...), f.changed, 10), '}')
}

// appendGiven appends a key and its text, if there is one.
func appendGiven[T string | []byte](b []byte, key string, s T) []byte {
	if len(s) == 0 {
		return b
	}
	return appendText(append(b, key...), s)
}

// plain are the bytes that stand for themselves in a text. The encoder escapes <, > and &, and so would whoever
// embeds the line in a document of his own: escaped here, it passes through that byte for byte.
var plain = func() (is [256]bool) {
	for c := byte(' '); c < 0x7f; c++ {
		is[c] = !bytes.ContainsRune([]byte(`"\<>&`), rune(c))
	}
	return is
}()

func appendText[T string | []byte](b []byte, s T) []byte {
	for i := range len(s) {
		if !plain[s[i]] {
			escaped, _ := json.Marshal(string(s)) // a string cannot fail
			return append(b, escaped...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

func appendTime(b []byte, t time.Time) []byte { return (*times)(nil).append(b, t) }

// times knows the text of the time last written, in whole seconds: those of many flags are the same or lie in one day.
type times struct {
	at   int64
	text []byte
}

const daySeconds = 24 * 60 * 60

// append appends a time in UTC.
func (last *times) append(b []byte, t time.Time) []byte {
	if last == nil {
		return append(t.AppendFormat(append(b, '"'), time.RFC3339Nano), '"')
	}
	if at := t.Unix(); at != last.at || last.text == nil {
		last.turn(t, at)
	}
	return append(b, last.text...)
}

func (last *times) turn(t time.Time, at int64) {
	if at < daySeconds || at/daySeconds != last.at/daySeconds {
		last.text = append(t.AppendFormat(append(last.text[:0], '"'), time.RFC3339), '"')
	} else {
		clock := last.text[len(last.text)-len(`15:04:05Z"`):]
		s := at % daySeconds
		twoDigits(clock, s/3600)
		twoDigits(clock[3:], s/60%60)
		twoDigits(clock[6:], s%60)
	}
	last.at = at
}

func twoDigits(b []byte, n int64) { b[0], b[1] = byte('0'+n/10), byte('0'+n%10) }
