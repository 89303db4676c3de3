package procedure

import (
	"testing"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/workday"
)

// A contact that was not right is put right after the approval of Wednesday 13 May 2026: the holder has until the
// 27th.
func TestCorrections(t *testing.T) {
	newHolder := &Parties{Holder: Contact{"H. Older", "right@site.example"}}
	transfer := &Parties{Sites: []Site{{Name: oneName, Registrar: registrarB}}}
	tests := []struct {
		name  string
		lines []line
		want  string
	}{
		{"an address that changed: nothing follows", []line{{"2026-05-20 09:00", Event{Kind: Correct, Parties: newHolder}}}, `
2026-05-20 correct -> holder_window; holder_window by 2026-05-27
`},
		{"an address that was wrong: the holder has 14 days from the mail that arrives, the reminder is not put off", []line{
			{"2026-05-20 09:00", Event{Kind: Correct, Parties: newHolder, Resend: true}},
			{"2026-06-03 09:00", Event{Kind: Claim}},
		}, `
2026-05-20 correct -> holder_window; holder_window by 2026-05-27
  mail holder_notice to holder and authority
2026-05-28 expire holder_window -> review_reminder; review_reminder by 2026-06-11
  mail reminder to authority (late)
2026-06-03 claim -> review_reminder; relay by 2026-06-05; review_reminder by 2026-06-11; review_claim by 2026-06-25
`},
		{"a mail that was lost, to the same address", []line{
			{"2026-05-20 09:00", Event{Kind: Correct, Resend: true}},
		}, `
2026-05-20 correct -> holder_window; holder_window by 2026-05-27
  mail holder_notice to holder and authority
`},
		{"however often it is sent, silence restores when it would have", []line{
			{"2026-05-27 23:59", Event{Kind: Correct, Resend: true}},
			{"2026-05-28 00:00", Event{}},
			{"2026-06-09 23:59", Event{Kind: Correct, Resend: true}},
			{"2026-06-11 23:59", Event{Kind: Correct, Resend: true}},
			{"2026-06-12 00:00", Event{}},
		}, `
2026-05-27 correct -> holder_window; holder_window by 2026-05-27
  mail holder_notice to holder and authority
2026-05-28 expire holder_window -> review_reminder; review_reminder by 2026-06-11
  mail reminder to authority
2026-06-09 correct -> review_reminder; review_reminder by 2026-06-11
  mail holder_notice to holder and authority
2026-06-11 correct -> review_reminder; review_reminder by 2026-06-11
  mail holder_notice to holder and authority
2026-06-12 expire review_reminder -> reinstated, silent
  unflag, silent
  order reinstate, silent
  mail reinstated to holder and authority, silent
  mail reinstated to registrar, silent
`},
		{"the authority may wait until the holder's new time is over", []line{
			{"2026-05-20 09:00", Event{Kind: Correct, Resend: true}},
			{"2026-05-28 09:00", Event{Kind: Extend, Until: workday.On(2026, time.June, 3)}},
		}, `
2026-05-20 correct -> holder_window; holder_window by 2026-05-27
  mail holder_notice to holder and authority
2026-05-28 expire holder_window -> review_reminder; review_reminder by 2026-06-11
  mail reminder to authority (late)
2026-05-28 extend -> holder_window; holder_window by 2026-06-03
  flag to the end of 2026-06-19
  mail extension to holder and authority
`},
		{"further time that is longer stays", []line{
			{"2026-05-14 09:00", Event{Kind: Extend, Days: 30}},
			{"2026-05-20 09:00", Event{Kind: Correct, Resend: true}},
		}, `
2026-05-14 extend -> holder_window; holder_window by 2026-06-26
  flag to the end of 2026-07-14
  mail extension to holder and authority
2026-05-20 correct -> holder_window; holder_window by 2026-06-26
  mail holder_notice to holder and authority
`},
		{"after the reminder: the authority's time is not put off", []line{
			{"2026-06-01 09:00", Event{Kind: Correct, Parties: newHolder, Resend: true}},
			{"2026-06-12 00:00", Event{}},
		}, `
2026-05-28 expire holder_window -> review_reminder; review_reminder by 2026-06-11
  mail reminder to authority (late)
2026-06-01 correct -> review_reminder; review_reminder by 2026-06-11
  mail holder_notice to holder and authority
2026-06-12 expire review_reminder -> reinstated, silent
  unflag, silent
  order reinstate, silent
  mail reinstated to holder and authority, silent
  mail reinstated to registrar, silent
`},
		{"after the decision to remove: the 6 months follow the new 14 days", []line{
			{"2026-06-10 12:00", Event{Kind: Remove}},
			{"2026-07-01 09:00", Event{Kind: Correct, Parties: newHolder, Resend: true}},
		}, `
2026-05-28 expire holder_window -> review_reminder; review_reminder by 2026-06-11
  mail reminder to authority (late)
2026-06-10 remove -> removal_run; removal_run by 2026-12-10
  flag to the end of 2026-12-11
  mail removal_decided to holder and authority
  mail removal_decided to registrar
2026-07-01 correct -> removal_run; removal_run by 2027-01-15
  flag to the end of 2027-01-16
  mail holder_notice to holder and authority
`},
		{"after the decision to remove: once", []line{
			{"2026-05-20 09:00", Event{Kind: Correct, Resend: true}},
			{"2026-05-21 12:00", Event{Kind: Remove}},
			{"2026-07-01 09:00", Event{Kind: Correct, Resend: true}},
			{"2026-08-03 09:00", Event{Kind: Correct, Resend: true}},
		}, `
2026-05-20 correct -> holder_window; holder_window by 2026-05-27
  mail holder_notice to holder and authority
2026-05-21 remove -> removal_run; removal_run by 2026-12-03
  flag to the end of 2026-12-04
  mail removal_decided to holder and authority
  mail removal_decided to registrar
2026-07-01 correct -> removal_run; removal_run by 2027-01-15
  flag to the end of 2027-01-16
  mail holder_notice to holder and authority
2026-08-03 correct -> removal_run; removal_run by 2027-01-15
  mail holder_notice to holder and authority
`},
		{"another registrar is told", []line{{"2026-05-20 09:00", Event{Kind: Correct, Parties: transfer}}}, `
2026-05-20 correct -> holder_window; holder_window by 2026-05-27
  mail registrar_notice to registrar
`},
		{"another registrar of a name that is back is not", []line{
			{"2026-05-20 09:00", Event{Kind: Reinstate}},
			{"2026-05-21 09:00", Event{Kind: Correct, Parties: transfer}},
		}, `
2026-05-20 reinstate -> reinstated, complied
  unflag, complied
  order reinstate, complied
  mail reinstated to holder and authority, complied
  mail reinstated to registrar, complied
2026-05-21 correct -> reinstated, complied
`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { checkPath(t, Rules{}, opened(t, Rules{}, oneName), tt.lines, tt.want) })
	}
}

func TestWhatACorrectionLeaves(t *testing.T) {
	c := opened(t, Rules{}, "a.be", "b.be")
	before := c.Parties
	c = last(Rules{}.at(t, c, "2026-05-20 09:00", Event{Kind: Correct, Parties: &Parties{
		Language: "fr", Sites: []Site{{Name: "a.be", Registrar: registrarB}},
	}}), c)
	after := c.Parties
	if after.Language != "fr" || after.Holder != before.Holder || after.Site("a.be").Registrar != registrarB ||
		after.Site("b.be").Registrar != before.Site("b.be").Registrar || len(after.Site("a.be").Addresses) != 1 {
		t.Errorf("got %+v", after)
	}
	if before.Site("a.be").Registrar != registrarA {
		t.Error("the case that was given is another now")
	}
	if sent := c.HolderMail().Sent; !sent.Equal(c.Started) {
		t.Errorf("the holder was written to on %v, want %v", sent, c.Started)
	}
	c = last(Rules{}.at(t, c, "2026-05-21 09:00", Event{Kind: Correct, Resend: true}), c)
	if sent := c.HolderMail().Sent; !sent.Equal(brussels(t, "2026-05-21 09:00")) {
		t.Errorf("the holder was written to anew on %v", sent)
	}
}
