package store

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestFlagRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seconds := rapid.Int64Range(-1<<40, 1<<40)
		f := Flag{
			Name:      rapid.String().Draw(t, "name"),
			Authority: rapid.String().Draw(t, "authority"),
			Reference: rapid.String().Draw(t, "reference"),
			Case:      rapid.String().Draw(t, "case"),
			Note:      rapid.String().Draw(t, "note"),
			Since:     fromUnix(seconds.Draw(t, "since")),
			NotAfter:  fromUnix(seconds.Draw(t, "not_after")),
			Changed:   rapid.Uint64().Draw(t, "changed"),
		}
		b := appendFlag(nil, f)
		if got, err := decodeFlag(f.Name, b); err != nil || got != f {
			t.Fatalf("decoded %+v, %v; want %+v", got, err, f)
		}
		if h, err := decodeHead(b); err != nil || string(h.authority) != f.Authority || h.notAfter != unix(f.NotAfter) {
			t.Fatalf("head = %+v, %v", h, err)
		}
		for n := range b {
			if _, err := decodeFlag(f.Name, b[:n]); err == nil {
				t.Fatalf("the first %d of %d bytes were taken for a flag", n, len(b))
			}
		}
		if _, err := decodeFlag(f.Name, append(b, 0)); err == nil {
			t.Fatal("a byte too many was not noticed")
		}
	})
}

func FuzzDecodeFlag(f *testing.F) {
	whole := appendFlag(nil, flagOf("example.be", noon))
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add([]byte{flagVersion, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Add([]byte{2})
	f.Add(appendFlag(nil, flagOf("example.be", time.Time{})))
	f.Add([]byte{flagVersion, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := decodeHead(b)
		if err == nil {
			alike := append(bytes.Clone(b[:h.size]), "and what else"...)
			if again, err := decodeHead(alike); err != nil || again.notAfter != h.notAfter || !bytes.Equal(again.authority, h.authority) || again.size != h.size {
				t.Fatalf("head %+v, %v of a record that begins alike; want %+v", again, err, h)
			}
		}
		got, err := decodeFlag("example.be", b)
		if err != nil {
			return
		}
		if n := len(got.Authority) + len(got.Reference) + len(got.Case) + len(got.Note); n > len(b) {
			t.Fatalf("%d bytes of text out of a record of %d", n, len(b))
		}
		again, err := decodeFlag("example.be", appendFlag(nil, got))
		if err != nil || again != got {
			t.Fatalf("decoded again: %+v, %v; want %+v", again, err, got)
		}
	})
}

func FuzzDecodeEntry(f *testing.F) {
	flag := flagOf("example.be", noon)
	line, err := json.Marshal(Entry{Seq: 1, Time: noon, Generation: 1, Actor: "uid:0", Action: "flag", Name: flag.Name, After: &flag})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(line)
	f.Add(line[:len(line)-1])
	f.Add(append(line, "{}"...))
	f.Add([]byte(`{"seq":-1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := DecodeEntry(b)
		if err != nil {
			return
		}
		line, err := json.Marshal(e)
		if err != nil {
			t.Fatalf("encoding what was decoded: %v", err)
		}
		again, err := DecodeEntry(line)
		if err != nil {
			t.Fatalf("decoding %s again: %v", line, err)
		}
		if second, err := json.Marshal(again); err != nil || !bytes.Equal(line, second) {
			t.Fatalf("encoded again: %s, %v; want %s", second, err, line)
		}
	})
}

func FuzzDecodeState(f *testing.F) {
	f.Add(encodeState(state{generation: 7, flags: 3, lines: 9, last: noon.Unix()}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decodeState(b)
		if err != nil {
			return
		}
		if !bytes.Equal(encodeState(s), b) {
			t.Fatalf("state %x does not round-trip", b)
		}
	})
}

func FuzzDecodeReceipt(f *testing.F) {
	f.Add(make([]byte, receiptHead))
	f.Add(make([]byte, receiptHead-1))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decodeReceipt(b)
		if err == nil && len(r.Done) != len(b)-receiptHead {
			t.Fatalf("%d bytes done out of %d", len(r.Done), len(b))
		}
	})
}

func TestTimesAreKeptInUTC(t *testing.T) {
	f := flagOf("example.be", noon.In(time.FixedZone("CEST", 7200)))
	got, err := decodeFlag(f.Name, appendFlag(nil, f))
	if err != nil || got.NotAfter != noon {
		t.Errorf("not_after = %v, %v; want %v", got.NotAfter, err, noon)
	}
}
