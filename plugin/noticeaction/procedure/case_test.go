package procedure

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestBeforeTheApproval(t *testing.T) {
	tests := []struct {
		name  string
		lines []line
		want  string
	}{
		{"approved on the next working day", []line{
			{"2026-05-12 10:00", opening(oneName)},
			{"2026-05-13 11:00", Event{Kind: Approve}},
		}, `
2026-05-12 open -> received; approval by 2026-05-13
2026-05-13 approve -> holder_window; holder_window by 2026-05-27
  flag to the end of 2026-06-12
  mail holder_notice to holder and authority
  mail registrar_notice to registrar
`},
		{"approved too late", []line{
			{"2026-05-12 10:00", opening(oneName)},
			{"2026-05-15 11:00", Event{Kind: Approve}},
		}, `
2026-05-12 open -> received; approval by 2026-05-13
2026-05-14 expire approval -> received; approval by 2026-05-13 overdue
  alarm approval of 2026-05-13 (late)
2026-05-15 approve -> holder_window; holder_window by 2026-05-29
  flag to the end of 2026-06-16
  mail holder_notice to holder and authority
  mail registrar_notice to registrar
`},
		{"received at the end of the week before Whit Monday", []line{
			{"2026-05-22 18:00", opening(oneName)},
		}, `
2026-05-22 open -> received; approval by 2026-05-26
`},
		{"two registrars, who read of their names only", []line{
			{"2026-05-12 10:00", opening("a.be", "b.be", "c.be")},
			{"2026-05-12 11:00", Event{Kind: Approve}},
			{"2026-05-13 11:00", Event{Kind: Stop, Names: []string{"b.be"}}},
			{"2026-05-13 12:00", Event{Kind: Reinstate}},
		}, `
2026-05-12 open -> received; approval by 2026-05-13
2026-05-12 approve -> holder_window; holder_window by 2026-05-26
  flag to the end of 2026-06-11: a.be b.be c.be
  mail holder_notice to holder and authority: a.be b.be c.be
  mail registrar_notice to registrar: a.be c.be
  mail registrar_notice to registrar: b.be
2026-05-13 stop -> holder_window; holder_window by 2026-05-26
  unflag, stopped: b.be
  order reinstate, stopped: b.be
  mail reinstated to holder and authority, stopped: b.be
  mail reinstated to registrar, stopped: b.be
2026-05-13 reinstate -> reinstated, complied
  unflag, complied: a.be c.be
  order reinstate, complied: a.be c.be
  mail reinstated to holder and authority, complied: a.be c.be
  mail reinstated to registrar, complied: a.be c.be
`},
		{"stopped before anybody was told", []line{
			{"2026-05-12 10:00", opening("a.be", "b.be")},
			{"2026-05-12 11:00", Event{Kind: Stop, Names: []string{"b.be"}}},
			{"2026-05-12 12:00", Event{Kind: Stop}},
		}, `
2026-05-12 open -> received; approval by 2026-05-13
2026-05-12 stop -> received; approval by 2026-05-13
2026-05-12 stop -> withdrawn, stopped
`},
		{"discarded", []line{
			{"2026-05-12 10:00", opening(oneName)},
			{"2026-05-12 11:00", Event{Kind: Discard, Text: "sent twice"}},
		}, `
2026-05-12 open -> received; approval by 2026-05-13
2026-05-12 discard -> withdrawn, discarded
`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { checkPath(t, Rules{}, Case{}, tt.lines, tt.want) })
	}
}

func TestTheLongestQuarantineCounts(t *testing.T) {
	r := Rules{Quarantine: map[string]int{"brussels": 60, "be": 0}}
	for names, want := range map[string]string{
		"a.be":            "2027-01-07",
		"a.vlaanderen":    "2027-01-07",
		"a.brussels a.be": "2027-01-27",
	} {
		c := opened(t, r, strings.Fields(names)...)
		c = last(r.at(t, c, "2026-05-20 12:00", Event{Kind: Remove}), c)
		steps, err := r.Advance(c, brussels(t, "2026-11-28 00:00"))
		if err != nil {
			t.Fatal(err)
		}
		d, _ := Next(last(steps, c))
		if d.Kind != ReleaseDeadline || d.Due != date(t, want) {
			t.Errorf("%s: got %+v, want the quarantine until %s", names, d, want)
		}
	}
}

// What a person says of a notice goes before what was read of it, item by item.
func TestOneNoticeOverAnother(t *testing.T) {
	whole := opening(oneName).Notice
	if got := (Notice{}).Or(*whole); !reflect.DeepEqual(got, *whole) {
		t.Errorf("nothing over a notice: got %+v, want %+v", got, *whole)
	}
	if got := whole.Or(Notice{Inspector: Contact{"Other", "other@authority.example"}, Names: []string{"other.be"}, Reference: "other"}); !reflect.DeepEqual(got, *whole) {
		t.Errorf("a notice over another: got %+v, want %+v", got, *whole)
	}
	got := Notice{Inspector: Contact{Email: "other@authority.example"}, Names: []string{"other.be"}}.Or(*whole)
	want := *whole
	want.Inspector.Email, want.Names = "other@authority.example", []string{"other.be"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("two items over a notice: got %+v, want %+v", got, want)
	}
}

// The notice is refused with the list of what is missing (4(b)).
func TestMissingItemsOfANotice(t *testing.T) {
	tests := []struct {
		item string
		drop func(*Notice)
	}{
		{"name of the inspector", func(n *Notice) { n.Inspector.Name = "" }},
		{"e-mail address of the inspector", func(n *Notice) { n.Inspector.Email = "" }},
		{"office of the inspector", func(n *Notice) { n.Office = "" }},
		{"domain name", func(n *Notice) { n.Names = nil }},
		{"infringed provisions", func(n *Notice) { n.Provisions = nil }},
		{"reference of the file", func(n *Notice) { n.Reference = "" }},
		{"date of signature", func(n *Notice) { n.Signed = 0 }},
		{"signature", func(n *Notice) { n.Signature = "" }},
		{"confirmation of competence", func(n *Notice) { n.Competent = false }},
		{"confirmation of the finding", func(n *Notice) { n.Found = false }},
	}
	if got := notice(oneName).Missing(); got != nil {
		t.Errorf("a complete notice misses %q", got)
	}
	all := Notice{Authority: "apd-gba"}.Missing()
	for i, tt := range tests {
		t.Run(tt.item, func(t *testing.T) {
			e := opening(oneName)
			e.Parties, e.At = nil, brussels(t, "2026-05-12 10:00")
			tt.drop(e.Notice)
			_, _, err := Rules{}.Apply(Case{}, e, e.At)
			if err == nil || err.Error() != "missing: "+tt.item {
				t.Errorf("got %v, want that %s is missing", err, tt.item)
			}
			if len(all) != len(tests) || all[i] != tt.item {
				t.Errorf("an empty notice misses %q, want all in order", all)
			}
		})
	}
}

func TestHolderMail(t *testing.T) {
	c := opened(t, Rules{}, "a.be", "b.be")
	m := c.HolderMail()
	if m.To != c.Parties.Holder || m.Language != "nl" || m.Inspector != c.Notice.Inspector || m.Office != "Inspector General" ||
		m.Reference != "DOS-2026-01234" || m.Authority != "apd-gba" || !slices.Equal(m.Provisions, c.Notice.Provisions) || m.Prosecutor {
		t.Errorf("the mail to the holder says other things than the notice: %+v", m)
	}
	if !m.Sent.Equal(brussels(t, "2026-05-13 11:00")) || m.LastDay != date(t, "2026-05-27") {
		t.Errorf("the holder's time is from %v to %v", m.Sent, m.LastDay)
	}
	if len(m.Sites) != 2 || m.Sites[0].Name != "a.be" || m.Sites[1].Addresses[0] != "192.0.2.1" || m.Sites[1].Registrar != (Contact{}) {
		t.Errorf("the sites are %+v", m.Sites)
	}
}

func TestNoContactIsPrinted(t *testing.T) {
	c := opened(t, Rules{}, oneName)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		printed := fmt.Sprintf(verb, c) + fmt.Sprintf(verb, c.Notice.Inspector)
		for _, secret := range []string{"holder@", "Older", "inspector@", "Spector", "abuse@"} {
			if strings.Contains(printed, secret) {
				t.Errorf("%s prints %q", verb, secret)
			}
		}
	}
}

func TestDecode(t *testing.T) {
	opened := encode(t, opened(t, Rules{}, oneName))
	tests := []struct{ name, json, want string }{
		{"a case", opened, ""},
		{"unknown state", strings.Replace(opened, `"holder_window","opener"`, `"limbo","opener"`, 1), "expected a state of the procedure"},
		{"unknown deadline", strings.Replace(opened, `{"kind":"holder_window"`, `{"kind":"limbo"`, 1), "expected a deadline of the procedure"},
		{"unknown field", `{"colour":"red"}`, "unknown field"},
		{"more behind it", opened + opened, "nothing behind it"},
		{"cut off", opened[:len(opened)-1], "unexpected EOF"},
		{"too long", `"` + strings.Repeat("x", 4<<20) + `"`, "expected at most 4194304 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := DecodeCase([]byte(tt.json))
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	if _, err := DecodeEvent([]byte(`{"kind":"stop","until":"soon"}`)); err == nil || !strings.Contains(err.Error(), "expected a date as 2026-05-12") {
		t.Errorf("an event with a bad date: got %v", err)
	}
}

// An event from outside is refused or applied, whatever it says, and time then ends every redirect.
func FuzzEvent(f *testing.F) {
	for _, e := range []Event{
		opening(oneName), {Kind: Approve}, {Kind: Claim, Text: "done"}, {Kind: ClaimAtAuthority}, {Kind: Relay, Word: 3},
		{Kind: Extend, Days: 10}, {Kind: Stop, Names: []string{oneName}}, {Kind: Remove},
		{Kind: ConfirmOrder, Order: OrderCancel}, {Kind: Expire, Deadline: &Deadline{Kind: WindowDeadline}},
	} {
		e = by(e)
		e.At = brussels(f, "2026-05-14 09:00")
		f.Add([]byte(encode(f, e)))
	}
	var r Rules
	now := brussels(f, "2026-05-20 09:00")
	received := last(r.at(f, Case{}, "2026-05-12 10:00", opening(oneName)), Case{})
	window := opened(f, r, oneName)
	removal := last(r.at(f, window, "2026-05-14 12:00", Event{Kind: Remove}), window)
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := DecodeEvent(b)
		if err != nil {
			return
		}
		for _, c := range []Case{{}, received, window, removal} {
			steps, err := r.Run(c, e, now)
			if err != nil {
				continue
			}
			next := last(steps, c)
			if _, err := DecodeCase([]byte(encode(t, next))); err != nil {
				t.Fatal(err)
			}
			until := now.Add(2 * 366 * 24 * time.Hour)
			if steps, err = r.Advance(next, until); err != nil || last(steps, next).State.Redirected() {
				t.Fatalf("still %s after two years: %v", last(steps, next).State, err)
			}
		}
	})
}
