package procedure

import "testing"

func TestPathsOfArticle4(t *testing.T) {
	until := func(s string) Event { return Event{Kind: Extend, Until: date(t, s)} }
	tests := []struct {
		name  string
		lines []line // after the approval on Wednesday 13 May 2026
		want  string
	}{
		{"complied in time", []line{{"2026-05-20 09:00", Event{Kind: Reinstate}}}, `
2026-05-20 reinstate -> reinstated, complied
  unflag, complied
  order reinstate, complied
  mail reinstated to holder and authority, complied
  mail reinstated to registrar, complied
`},
		{"claim, authority silent", []line{
			{"2026-05-20 09:00", Event{Kind: Claim}},
			{"2026-05-20 17:00", Event{Kind: Relay}},
			{"2026-07-01 00:00", Event{}},
		}, `
2026-05-20 claim -> review_claim; relay by 2026-05-22; review_claim by 2026-06-12
  flag to the end of 2026-06-13
2026-05-20 relay -> review_claim; review_claim by 2026-06-10
  flag to the end of 2026-06-11
  mail relay to authority of event 3
2026-06-11 expire review_claim -> reinstated, silent
  unflag, silent (late)
  order reinstate, silent (late)
  mail reinstated to holder and authority, silent (late)
  mail reinstated to registrar, silent (late)
`},
		{"no word, authority silent", []line{{"2026-07-01 00:00", Event{}}}, `
2026-05-28 expire holder_window -> review_reminder; review_reminder by 2026-06-11
  mail reminder to authority (late)
2026-06-12 expire review_reminder -> reinstated, silent
  unflag, silent (late)
  order reinstate, silent (late)
  mail reinstated to holder and authority, silent (late)
  mail reinstated to registrar, silent (late)
`},
		{"no word, removed", []line{
			{"2026-06-01 00:00", Event{}},
			{"2026-06-10 12:00", Event{Kind: Remove}},
			{"2026-12-11 00:01", Event{}},
			{"2026-12-14 10:00", Event{Kind: ConfirmOrder, Order: OrderCancel}},
			{"2027-01-26 00:00", Event{}},
		}, `
2026-05-28 expire holder_window -> review_reminder; review_reminder by 2026-06-11
  mail reminder to authority (late)
2026-06-10 remove -> removal_run; removal_run by 2026-12-10
  flag to the end of 2026-12-11
  mail removal_decided to holder and authority
  mail removal_decided to registrar
2026-12-11 expire removal_run -> quarantine; quarantine by 2027-01-20
  order temporary_account, cancelled
  order cancel, cancelled
  order quarantine, cancelled
  mail cancelled to holder and authority, cancelled
  mail cancelled to registrar, cancelled
2026-12-14 confirm_order -> quarantine; quarantine by 2027-01-25
  unflag, cancelled
2027-01-26 expire quarantine -> released, cancelled
  unflag, cancelled
  order release, cancelled
`},
		{"stopped by the authority", []line{{"2026-05-14 09:00", Event{Kind: Stop}}}, `
2026-05-14 stop -> reinstated, stopped
  unflag, stopped
  order reinstate, stopped
  mail reinstated to holder and authority, stopped
  mail reinstated to registrar, stopped
`},
		{"suspended", []line{{"2026-05-14 09:00", Event{Kind: Suspend}}}, `
2026-05-14 suspend -> reinstated, suspended
  unflag, suspended
  order reinstate, suspended
  mail reinstated to holder and authority, suspended
  mail reinstated to registrar, suspended
`},
		{"extended", []line{
			{"2026-05-20 09:00", Event{Kind: Extend, Days: 10}},
			{"2026-06-09 00:00", Event{}},
			{"2026-06-15 09:00", until("2026-07-20")},
			{"2026-07-23 00:01", Event{}},
		}, `
2026-05-20 extend -> holder_window; holder_window by 2026-06-08
  flag to the end of 2026-06-24
  mail extension to holder and authority
2026-06-09 expire holder_window -> review_reminder; review_reminder by 2026-06-23
  mail reminder to authority
2026-06-15 extend -> holder_window; holder_window by 2026-07-20
  flag to the end of 2026-08-05
  mail extension to holder and authority
2026-07-21 expire holder_window -> review_reminder; review_reminder by 2026-08-04
  mail reminder to authority (late)
`},
		{"claim during the 6 months, refused", []line{
			{"2026-05-20 12:00", Event{Kind: Remove}},
			{"2026-09-01 12:00", Event{Kind: ClaimAtAuthority}},
			{"2026-09-10 12:00", Event{Kind: Remove}},
		}, `
2026-05-20 remove -> removal_run; removal_run by 2026-11-27
  flag to the end of 2026-11-28
  mail removal_decided to holder and authority
  mail removal_decided to registrar
2026-09-01 claim_at_authority -> review_authority; review_authority by 2026-09-15
  flag to the end of 2026-09-16
2026-09-10 remove -> removal_run; removal_run by 2026-11-27
  flag to the end of 2026-11-28
  mail removal_decided to holder and authority
  mail removal_decided to registrar
`},
		{"claim during the 6 months, authority silent", []line{
			{"2026-05-20 12:00", Event{Kind: Remove}},
			{"2026-11-27 12:00", Event{Kind: Claim}},
			{"2026-12-25 12:00", Event{}},
		}, `
2026-05-20 remove -> removal_run; removal_run by 2026-11-27
  flag to the end of 2026-11-28
  mail removal_decided to holder and authority
  mail removal_decided to registrar
2026-11-27 claim -> review_authority; relay by 2026-12-01; review_authority by 2026-12-15
  flag to the end of 2026-12-16
2026-12-02 expire relay -> review_authority; relay by 2026-12-01 overdue; review_authority by 2026-12-15
  alarm relay of 2026-12-01 (late)
2026-12-16 expire review_authority -> reinstated, silent
  unflag, silent (late)
  order reinstate, silent (late)
  mail reinstated to holder and authority, silent (late)
  mail reinstated to registrar, silent (late)
`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			checkPath(t, Rules{}, opened(t, Rules{}, oneName), tt.lines, tt.want)
		})
	}
}
