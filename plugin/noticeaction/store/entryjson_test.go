package store

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestEntryJSON wants of any entry the line that encoding/json makes of it.
func TestEntryJSON(t *testing.T) {
	text := rapid.OneOf(rapid.Just(""), rapid.String(), rapid.SampledFrom([]string{"example.be", "a<b>&c", "\"\\", "\u2028", "\x7f", "\xff"}))
	at := rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.Bool().Draw(t, "zero") {
			return time.Time{}
		}
		return time.Unix(rapid.Int64Range(-62135596800, 253402300799).Draw(t, "unix"), 0).UTC()
	})
	flag := rapid.Custom(func(t *rapid.T) *Flag {
		if rapid.Bool().Draw(t, "none") {
			return nil
		}
		return &Flag{
			Name: text.Draw(t, "name"), Authority: text.Draw(t, "authority"), Reference: text.Draw(t, "reference"), Case: text.Draw(t, "case"),
			Note: text.Draw(t, "note"), Since: at.Draw(t, "since"), NotAfter: at.Draw(t, "not_after"), Changed: rapid.Uint64().Draw(t, "changed"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		e := Entry{
			Seq: rapid.Uint64().Draw(t, "seq"), Time: at.Draw(t, "time"), Generation: rapid.Uint64().Draw(t, "generation"),
			Actor: text.Draw(t, "actor"), Action: text.Draw(t, "action"), Name: text.Draw(t, "name"), Reason: text.Draw(t, "reason"),
			Forced: rapid.SliceOfN(text, 0, 3).Draw(t, "forced"), Before: flag.Draw(t, "before"), After: flag.Draw(t, "after"),
			Reach: rapid.Bool().Draw(t, "reach"), Case: text.Draw(t, "case"), Event: rapid.Int().Draw(t, "event"), Kind: text.Draw(t, "kind"),
			State: text.Draw(t, "state"), Late: rapid.Bool().Draw(t, "late"), Authority: text.Draw(t, "of"), Version: rapid.Uint64().Draw(t, "version"), Record: text.Draw(t, "record"), Prev: rapid.StringMatching("[0-9a-f]{64}").Draw(t, "prev"),
		}
		var want bytes.Buffer
		if err := json.NewEncoder(&want).Encode(&e); err != nil {
			t.Fatal(err)
		}
		if got := appendEntry(nil, &e, []byte(e.Prev)); string(got)+"\n" != want.String() {
			t.Fatalf("got  %s\nwant %s", got, want.Bytes())
		}
	})
}

func BenchmarkEntryJSON(b *testing.B) {
	f := &Flag{Name: "example.be", Authority: "apd-gba", Reference: "DOS-2026-00412", Since: time.Unix(1778580000, 0).UTC(), Changed: 42}
	e := Entry{Seq: 1, Time: f.Since, Generation: 42, Actor: "uid:1000", Action: "import", Name: f.Name, After: f, Prev: string(bytes.Repeat([]byte{'0'}, 64))}
	b.Run("by hand", func(b *testing.B) {
		var line []byte
		for b.Loop() {
			line = appendEntry(line[:0], &e, []byte(e.Prev))
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		var line bytes.Buffer
		for b.Loop() {
			line.Reset()
			_ = json.NewEncoder(&line).Encode(&e)
		}
	})
}
