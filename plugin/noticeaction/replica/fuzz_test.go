package replica

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

// FuzzRecord: what is taken for a record is written back the same.
func FuzzRecord(f *testing.F) {
	for _, r := range []Record{
		{Name: "example.be", Authority: "apd-gba"},
		{Name: "xn--caf-dma.be", Authority: "fps-economy", NotAfter: 1 << 33, Changed: 1 << 40, Mail: []byte(`[{"Preference":10}]`)},
	} {
		f.Add(r.Name, testSigner(1).value(DefaultPrefix, r))
	}
	f.Fuzz(func(t *testing.T, name string, value []byte) {
		r, err := decodeValue(name, value)
		if err != nil {
			if !errors.Is(err, ErrRecord) {
				t.Fatalf("error %v is not ErrRecord", err)
			}
			return
		}
		body, _, _ := unseal(value)
		if got := appendBody(nil, r); !bytes.Equal(got, body) {
			t.Fatalf("%x is written back as %x", body, got)
		}
		set := new(records).with([]change{{Record: r}})
		if got, ok := set.get(name); !ok || !got.equal(r) {
			t.Fatalf("got %v %v from a set, want %v", got, ok, r)
		}
	})
}

// FuzzHead: what is taken for a head is written back the same.
func FuzzHead(f *testing.F) {
	s := testSigner(1)
	f.Add(s.head(DefaultPrefix, Head{}))
	f.Add(s.head(DefaultPrefix, Head{Sequence: 1 << 41, Generation: 300, Count: 5, Signed: time.UnixMilli(1 << 41), Journal: 7, Removed: 128, Override: 1 << 40}))
	f.Fuzz(func(t *testing.T, value []byte) {
		h, err := decodeHead(value)
		if err != nil {
			if !errors.Is(err, ErrHead) {
				t.Fatalf("error %v is not ErrHead", err)
			}
			return
		}
		body, _, _ := unseal(value)
		if got := appendHead(nil, h); !bytes.Equal(got, body) {
			t.Fatalf("%x is written back as %x", body, got)
		}
	})
}

// FuzzSnapshot: what is taken for a snapshot is written back the same, but for the order that it may have had.
func FuzzSnapshot(f *testing.F) {
	for _, set := range []*records{setOf(), setOf("example.be"), setOf(numbered(0, 20)...)} {
		var b bytes.Buffer
		if err := encodeSnapshot(&b, testSigner(1).head(DefaultPrefix, Head{Count: uint64(set.count), Root: set.root()}), set); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		head, set, err := decodeSnapshot(bytes.NewReader(content))
		if err != nil {
			if !errors.Is(err, ErrSnapshot) {
				t.Fatalf("error %v is not ErrSnapshot", err)
			}
			return
		}
		var b bytes.Buffer
		if err := encodeSnapshot(&b, head, set); err != nil {
			t.Fatal(err)
		}
		_, again, err := decodeSnapshot(&b)
		if err != nil || again.root() != set.root() || again.count != set.count {
			t.Fatalf("it is not written back the same: %v", err)
		}
	})
}

// FuzzReport: no report brings the fleet's view down, poses as another node, or has anything to say to a terminal.
func FuzzReport(f *testing.F) {
	good, err := json.Marshal(Report{Node: "ns1", Generation: 7, Reported: time.Unix(1, 0)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("ns1", good)
	f.Add("ns2", good)
	f.Add("ns1", []byte("{}"))
	f.Add("ns1", []byte(`{"node":"ns1","version":"\u001b[2Jv1"}`))
	f.Add("ns1", []byte(`{"node":"ns1","refusal":"none\nns2 9 current"}`))
	f.Fuzz(func(t *testing.T, node string, value []byte) {
		r, err := decodeReport(node, value)
		if err != nil {
			return
		}
		if r.Node != node {
			t.Fatalf("a report of %q under %q", r.Node, node)
		}
		if shown := r.Node + r.Version + r.Digest + r.Refusal; strings.ContainsFunc(shown, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Fatalf("it would be shown as %q", shown)
		}
	})
}
