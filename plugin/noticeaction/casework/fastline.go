package casework

import (
	"bytes"
	"time"
	"unicode/utf8"
)

// fastLine takes a line of an import apart if it has the form that exports and most programs give it: one
// object of known keys in lower case, each once, with strings that need no unescaping. Of any other line it
// says so, and decode judges it. A large import spends its time here.
func fastLine(text []byte, kept *texts) (l line, ok bool) {
	rest, ok := bytes.CutPrefix(text, []byte{'{'})
	if !ok || !utf8.Valid(text) {
		return line{}, false
	}
	var seen [len(lineKeys)]bool
	for {
		key, after, ok := PlainString(rest)
		if !ok || len(after) == 0 || after[0] != ':' {
			return line{}, false
		}
		k := keyNumber(key)
		if k < 0 || seen[k] {
			return line{}, false
		}
		seen[k] = true
		if rest, ok = l.set(k, after[1:], kept); !ok || len(rest) == 0 {
			return line{}, false
		}
		if rest[0] == '}' {
			return l, len(rest) == 1
		}
		if rest[0] != ',' {
			return line{}, false
		}
		rest = rest[1:]
	}
}

var lineKeys = [...]string{"name", "authority", "reference", "not_after", "note", "since", "unicode", "zone", "case", "changed"}

func keyNumber(key []byte) int {
	for i, k := range lineKeys {
		if string(key) == k {
			return i
		}
	}
	return -1
}

// set takes the value of a key off the front of text.
func (l *line) set(key int, text []byte, kept *texts) (rest []byte, ok bool) {
	if lineKeys[key] == "changed" {
		l.Changed, rest, ok = plainNumber(text)
		return rest, ok
	}
	value, rest, ok := PlainString(text)
	if !ok {
		return nil, false
	}
	switch lineKeys[key] {
	case "name":
		l.Name = kept.add(value)
	case "authority":
		l.Authority = kept.once(value)
	case "reference":
		l.Reference = kept.once(value)
	case "note":
		l.Note = string(value)
	case "unicode":
		l.Unicode = string(value)
	case "zone":
		l.Zone = string(value)
	case "case":
		l.Case = string(value)
	case "not_after":
		l.NotAfter = new(time.Time)
		return rest, l.NotAfter.UnmarshalText(value) == nil
	case "since":
		return rest, l.Since.UnmarshalText(value) == nil
	}
	return rest, true
}

// PlainString takes a string without escapes off the front of JSON, which must be UTF-8.
func PlainString(text []byte) (s, rest []byte, ok bool) {
	if len(text) == 0 || text[0] != '"' {
		return nil, nil, false
	}
	for i, c := range text[1:] {
		switch {
		case c == '"':
			return text[1 : i+1], text[i+2:], true
		case c == '\\' || c < ' ':
			return nil, nil, false
		}
	}
	return nil, nil, false
}

// plainNumber takes a whole number of at most 18 digits off the front of JSON.
func plainNumber(text []byte) (n uint64, rest []byte, ok bool) {
	i := 0
	for i < len(text) && i < 18 && '0' <= text[i] && text[i] <= '9' {
		n = 10*n + uint64(text[i]-'0')
		i++
	}
	return n, text[i:], i > 0 && (i == 1 || text[0] != '0')
}
