package procedure

import "testing"

func TestWhereTheTextLeavesRoom(t *testing.T) {
	tests := []struct {
		name  string
		lines []line // after the approval on Wednesday 13 May 2026
		want  string
	}{
		{"a claim relayed late: the authority's time runs from the relay", []line{
			{"2026-05-20 09:00", Event{Kind: Claim}},
			{"2026-05-26 09:00", Event{Kind: Relay}},
		}, `
2026-05-20 claim -> review_claim; relay by 2026-05-22; review_claim by 2026-06-12
  flag to the end of 2026-06-13
2026-05-23 expire relay -> review_claim; relay by 2026-05-22 overdue; review_claim by 2026-06-12
  alarm relay of 2026-05-22 (late)
2026-05-26 relay -> review_claim; review_claim by 2026-06-15
  flag to the end of 2026-06-16
  mail relay to authority of event 3
`},
		{"a claim never relayed: silence reinstates all the same", []line{
			{"2026-05-20 09:00", Event{Kind: Claim}},
			{"2026-06-13 00:00", Event{}},
		}, `
2026-05-20 claim -> review_claim; relay by 2026-05-22; review_claim by 2026-06-12
  flag to the end of 2026-06-13
2026-05-23 expire relay -> review_claim; relay by 2026-05-22 overdue; review_claim by 2026-06-12
  alarm relay of 2026-05-22 (late)
2026-06-13 expire review_claim -> reinstated, silent
  unflag, silent
  order reinstate, silent
  mail reinstated to holder and authority, silent
  mail reinstated to registrar, silent
`},
		{"a claim after the window: the earlier clock wins", []line{
			{"2026-06-02 09:00", Event{Kind: Claim}},
			{"2026-06-02 10:00", Event{Kind: Relay}},
			{"2026-06-12 00:00", Event{}},
		}, `
2026-05-28 expire holder_window -> review_reminder; review_reminder by 2026-06-11
  mail reminder to authority (late)
2026-06-02 claim -> review_reminder; relay by 2026-06-04; review_reminder by 2026-06-11; review_authority by 2026-06-18
2026-06-02 relay -> review_reminder; review_reminder by 2026-06-11; review_authority by 2026-06-16
  mail relay to authority of event 4
2026-06-12 expire review_reminder -> reinstated, silent
  unflag, silent
  order reinstate, silent
  mail reinstated to holder and authority, silent
  mail reinstated to registrar, silent
`},
		{"a claim in the window that is recorded after the reminder", []line{
			{"2026-05-28 00:00", Event{}},
			{"2026-05-28 09:00", Event{Kind: Claim, At: brussels(t, "2026-05-27 23:30")}},
			{"2026-05-28 09:05", Event{Kind: Relay}},
		}, `
2026-05-28 expire holder_window -> review_reminder; review_reminder by 2026-06-11
  mail reminder to authority
2026-05-27 claim -> review_reminder; relay by 2026-05-29; review_reminder by 2026-06-11; review_claim by 2026-06-18
2026-05-28 relay -> review_reminder; review_reminder by 2026-06-11; review_claim by 2026-06-17
  mail relay to authority of event 4
`},
		{"a decision that does not know of a claim leaves its clock", []line{
			{"2026-05-20 09:00", Event{Kind: Claim}},
			{"2026-05-20 10:00", Event{Kind: Remove}},
			{"2026-05-20 11:00", Event{Kind: Relay}},
			{"2026-05-29 11:00", Event{Kind: Remove}},
		}, `
2026-05-20 claim -> review_claim; relay by 2026-05-22; review_claim by 2026-06-12
  flag to the end of 2026-06-13
2026-05-20 remove -> review_claim; relay by 2026-05-22; review_claim by 2026-06-12
  mail removal_decided to holder and authority
  mail removal_decided to registrar
2026-05-20 relay -> review_claim; review_claim by 2026-06-10
  flag to the end of 2026-06-11
  mail relay to authority of event 3
2026-05-29 remove -> removal_run; removal_run by 2026-11-27
  flag to the end of 2026-11-28
  mail removal_decided to holder and authority
  mail removal_decided to registrar
`},
		{"a claim refused after the 6 months: the names go at the end of the day", []line{
			{"2026-05-20 12:00", Event{Kind: Remove}},
			{"2026-11-26 12:00", Event{Kind: ClaimAtAuthority}},
			{"2026-12-07 12:00", Event{Kind: Remove}},
			{"2026-12-08 00:00", Event{}},
		}, `
2026-05-20 remove -> removal_run; removal_run by 2026-11-27
  flag to the end of 2026-11-28
  mail removal_decided to holder and authority
  mail removal_decided to registrar
2026-11-26 claim_at_authority -> review_authority; review_authority by 2026-12-10
  flag to the end of 2026-12-11
2026-12-07 remove -> removal_run; removal_run by 2026-12-07
  flag to the end of 2026-12-08
  mail removal_decided to holder and authority
  mail removal_decided to registrar
2026-12-08 expire removal_run -> quarantine; quarantine by 2027-01-18
  order temporary_account, cancelled
  order cancel, cancelled
  order quarantine, cancelled
  mail cancelled to holder and authority, cancelled
  mail cancelled to registrar, cancelled
`},
		{"a claim that reached the authority earlier counts from then", []line{
			{"2026-05-22 09:00", Event{Kind: ClaimAtAuthority, Reached: brussels(t, "2026-05-19 18:00")}},
		}, `
2026-05-22 claim_at_authority -> review_authority; review_authority by 2026-06-02
  flag to the end of 2026-06-03
`},
		{"a claim that the authority has kept too long ends the redirect today", []line{
			{"2026-06-05 09:00", Event{Kind: ClaimAtAuthority, Reached: brussels(t, "2026-05-19 18:00")}},
		}, `
2026-05-28 expire holder_window -> review_reminder; review_reminder by 2026-06-11
  mail reminder to authority (late)
2026-06-05 claim_at_authority -> review_authority; review_authority by 2026-06-05; review_reminder by 2026-06-11
  flag to the end of 2026-06-06
`},
		{"a decision recorded after a claim that is younger leaves the claim's clock", []line{
			{"2026-05-21 09:00", Event{Kind: ClaimAtAuthority}},
			{"2026-05-22 09:00", Event{Kind: Remove, At: brussels(t, "2026-05-20 16:00")}},
		}, `
2026-05-21 claim_at_authority -> review_authority; review_authority by 2026-06-04
  flag to the end of 2026-06-05
2026-05-20 remove -> review_authority; review_authority by 2026-06-04
  mail removal_decided to holder and authority
  mail removal_decided to registrar
`},
		{"removed within an extended window: 6 months from its end", []line{
			{"2026-05-20 09:00", Event{Kind: Extend, Days: 10}},
			{"2026-06-01 12:00", Event{Kind: Remove}},
		}, `
2026-05-20 extend -> holder_window; holder_window by 2026-06-08
  flag to the end of 2026-06-24
  mail extension to holder and authority
2026-06-01 remove -> removal_run; removal_run by 2026-12-08
  flag to the end of 2026-12-09
  mail removal_decided to holder and authority
  mail removal_decided to registrar
`},
		{"further time after the reminder does not stop a claim's clock", []line{
			{"2026-06-02 09:00", Event{Kind: ClaimAtAuthority}},
			{"2026-06-03 09:00", Event{Kind: Extend, Days: 30}},
		}, `
2026-05-28 expire holder_window -> review_reminder; review_reminder by 2026-06-11
  mail reminder to authority (late)
2026-06-02 claim_at_authority -> review_reminder; review_reminder by 2026-06-11; review_authority by 2026-06-16
2026-06-03 extend -> review_authority; review_authority by 2026-06-16
  flag to the end of 2026-06-17
  mail extension to holder and authority
`},
		{"any other word of the holder is relayed", []line{
			{"2026-05-15 09:00", Event{Kind: Word}},
			{"2026-05-18 09:00", Event{Kind: Relay}},
		}, `
2026-05-15 word -> holder_window; relay by 2026-05-19; holder_window by 2026-05-27
2026-05-18 relay -> holder_window; holder_window by 2026-05-27
  mail relay to authority of event 3
`},
		{"a cancellation that is not confirmed releases nothing", []line{
			{"2026-05-20 12:00", Event{Kind: Remove}},
			{"2026-11-28 00:00", Event{}},
			{"2027-01-09 00:00", Event{}},
			{"2027-01-11 09:00", Event{Kind: ConfirmOrder, Order: OrderCancel, At: brussels(t, "2026-11-30 09:00")}},
			{"2027-01-12 00:00", Event{}},
		}, `
2026-05-20 remove -> removal_run; removal_run by 2026-11-27
  flag to the end of 2026-11-28
  mail removal_decided to holder and authority
  mail removal_decided to registrar
2026-11-28 expire removal_run -> quarantine; quarantine by 2027-01-07
  order temporary_account, cancelled
  order cancel, cancelled
  order quarantine, cancelled
  mail cancelled to holder and authority, cancelled
  mail cancelled to registrar, cancelled
2027-01-08 expire quarantine -> quarantine; quarantine by 2027-01-08
  alarm quarantine of 2027-01-07 (late)
2027-01-09 expire quarantine -> quarantine; quarantine by 2027-01-11
  alarm quarantine of 2027-01-08
2026-11-30 confirm_order -> quarantine; quarantine by 2027-01-11
  unflag, cancelled
2027-01-12 expire quarantine -> released, cancelled
  unflag, cancelled
  order release, cancelled
`},
		{"given back out of quarantine", []line{
			{"2026-05-20 12:00", Event{Kind: Remove}},
			{"2026-11-28 00:00", Event{}},
			{"2026-11-30 09:00", Event{Kind: Stop}},
		}, `
2026-05-20 remove -> removal_run; removal_run by 2026-11-27
  flag to the end of 2026-11-28
  mail removal_decided to holder and authority
  mail removal_decided to registrar
2026-11-28 expire removal_run -> quarantine; quarantine by 2027-01-07
  order temporary_account, cancelled
  order cancel, cancelled
  order quarantine, cancelled
  mail cancelled to holder and authority, cancelled
  mail cancelled to registrar, cancelled
2026-11-30 stop -> reinstated, stopped
  unflag, stopped
  order reinstate, stopped
  mail reinstated to holder and authority, stopped
  mail reinstated to registrar, stopped
`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			checkPath(t, Rules{}, opened(t, Rules{}, oneName), tt.lines, tt.want)
		})
	}
}
