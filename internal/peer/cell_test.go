package peer

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// outcome is an answer in the words of the table.
type outcome struct{ rcode, answer, authority string }

func (o outcome) String() string { return o.rcode + " | " + o.answer + " | " + o.authority }

func outcomeOf(m *dns.Msg) outcome {
	rcode := dns.RcodeToString[m.Rcode]
	if m.AuthenticatedData {
		rcode += "+ad"
	}
	qname := m.Question[0].Name
	return outcome{rcode, section(m.Answer, qname, true), section(m.Ns, qname, false)}
}

// section writes records as the table does: with their data in the answer
// section, with their owners in the authority section.
func section(rrs []dns.RR, qname string, answer bool) string {
	var words []string
	for _, rr := range rrs {
		h := rr.Header()
		if h.Rrtype == dns.TypeRRSIG {
			continue
		}
		word := dns.Type(h.Rrtype).String()
		if hasSignature(rr, rrs) {
			word += "+"
		}
		if !answer || !strings.EqualFold(h.Name, qname) {
			word = strings.ToLower(h.Name) + " " + word
		}
		if answer {
			word += rdata(rr)
		}
		words = append(words, word)
	}
	return join(words)
}

// rdata is the record's data after a blank, as far as a table can know it.
func rdata(rr dns.RR) string {
	switch rr := rr.(type) {
	case *dns.DS, *dns.NSEC:
		return ""
	case *dns.SOA:
		return " " + rr.Ns
	}
	return " " + strings.TrimPrefix(rr.String(), rr.Header().String())
}

// hasSignature reports whether rrs hold a signature over the set of rr.
func hasSignature(rr dns.RR, rrs []dns.RR) bool {
	return slices.ContainsFunc(rrs, func(o dns.RR) bool {
		sig, ok := o.(*dns.RRSIG)
		return ok && sig.TypeCovered == rr.Header().Rrtype && strings.EqualFold(sig.Hdr.Name, rr.Header().Name)
	})
}

func join(words []string) string {
	if len(words) == 0 {
		return "-"
	}
	slices.Sort(words)
	return strings.Join(slices.Compact(words), ", ")
}

// cell is one question in one set-up.
type cell struct {
	be     Signing
	asked  string
	child  string // "example" or "signed"
	owner  string // "name", or what stands below it
	rrtype uint16
	name   string // the flagged name, with the final dot
	qname  string
}

// row is a line of the table.
type row struct {
	number  int
	fits    [5][]string
	outcome outcome
	used    bool
}

func (r *row) covers(c cell) bool {
	for i, word := range []string{string(c.be), c.asked, c.child, c.owner, dns.Type(c.rrtype).String()} {
		if !slices.ContainsFunc(r.fits[i], func(pattern string) bool {
			fits, _ := path.Match(pattern, word)
			return fits
		}) {
			return false
		}
	}
	return true
}

// table is testdata/matrix.txt.
type table []*row

func readTable(tb testing.TB) table {
	tb.Helper()
	text, err := os.ReadFile("testdata/matrix.txt")
	if err != nil {
		tb.Fatal(err)
	}
	var t table
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		parts := strings.Split(line, " | ")
		words := strings.Fields(parts[0])
		if len(parts) != 3 || len(words) != 6 {
			tb.Fatalf("testdata/matrix.txt:%d: expected five words, an rcode and two sections, got %q", number, line)
		}
		r := &row{number: number, outcome: outcome{words[5], parts[1], parts[2]}}
		for i := range r.fits {
			r.fits[i] = strings.Split(words[i], ",")
		}
		t = append(t, r)
	}
	return t
}

// expect returns the row that counts for c and what it expects.
func (t table) expect(tb testing.TB, c cell) (*row, outcome) {
	tb.Helper()
	for _, r := range t {
		if r.covers(c) {
			r.used = true
			names := strings.NewReplacer("{name}", c.name, "{qname}", c.qname)
			o := r.outcome
			o.answer = join(strings.Split(o.answer, ", "))
			o.authority = join(strings.Split(names.Replace(o.authority), ", "))
			return r, o
		}
	}
	tb.Fatalf("testdata/matrix.txt: no row for %+v", c)
	return nil, outcome{}
}

// hold compares m with the row for c.
func (t table) hold(tb testing.TB, c cell, m *dns.Msg) {
	tb.Helper()
	r, want := t.expect(tb, c)
	if got := outcomeOf(m); got != want {
		tb.Errorf("%s %s at %s, line %d:\n got %s\nwant %s", c.qname, dns.Type(c.rrtype), c.asked, r.number, got, want)
	}
	c.lifetimes(tb, m)
	if want := flagsOf(c.asked); flags(m) != want {
		tb.Errorf("%s %s at %s: flags %q, want %q", c.qname, dns.Type(c.rrtype), c.asked, flags(m), want)
	}
}

// lifetimes holds the answer's TTLs against the directive's. The zone's own
// records, a DS or a proof about it, live as the zone says.
func (c cell) lifetimes(tb testing.TB, m *dns.Msg) {
	tb.Helper()
	const most = 300 // seconds, the directive's default
	for _, rr := range m.Answer {
		h := rr.Header()
		if h.Ttl > most && h.Rrtype != dns.TypeDS && h.Rrtype != dns.TypeNSEC && h.Rrtype != dns.TypeRRSIG {
			tb.Errorf("%s %s at %s: lives %d seconds, want %d at most: %s", c.qname, dns.Type(c.rrtype), c.asked, h.Ttl, most, rr)
		}
	}
}

// flags are the header's, but for AD, which the rcode column has.
func flags(m *dns.Msg) string {
	return fmt.Sprintf("qr=%t aa=%t tc=%t rd=%t ra=%t cd=%t", m.Response, m.Authoritative, m.Truncated, m.RecursionDesired, m.RecursionAvailable, m.CheckingDisabled)
}

func flagsOf(asked string) string {
	const format = "qr=true aa=%t tc=false rd=true ra=%t cd=false"
	return fmt.Sprintf(format, asked == itself, asked != itself)
}
