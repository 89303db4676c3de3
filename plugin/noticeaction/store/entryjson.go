package store

import (
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"
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
	return f.AppendJSON(append(b, key...))
}

// AppendJSON appends the flag to b as encoding/json would encode it, several times as fast: an export writes
// all there are.
func (f *Flag) AppendJSON(b []byte) []byte {
	b = appendText(append(b, `{"name":`...), f.Name)
	b = appendText(append(b, `,"authority":`...), f.Authority)
	b = appendText(append(b, `,"reference":`...), f.Reference)
	b = appendGiven(b, `,"case":`, f.Case)
	b = appendGiven(b, `,"note":`, f.Note)
	b = appendTime(append(b, `,"since":`...), f.Since)
	if !f.NotAfter.IsZero() {
		b = appendTime(append(b, `,"not_after":`...), f.NotAfter)
	}
	return append(strconv.AppendUint(append(b, `,"changed":`...), f.Changed, 10), '}')
}

// appendGiven appends a key and its text, if there is one.
func appendGiven(b []byte, key, s string) []byte {
	if s == "" {
		return b
	}
	return appendText(append(b, key...), s)
}

// appendText appends a string. The encoder escapes <, > and &, and so would whoever embeds the line in a
// document of his own: escaped here, it passes through that byte for byte.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' || c == 0x7f {
			escaped, _ := json.Marshal(s) // a string cannot fail
			return append(b, escaped...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

func appendTime(b []byte, t time.Time) []byte {
	return append(t.AppendFormat(append(b, '"'), time.RFC3339Nano), '"')
}
