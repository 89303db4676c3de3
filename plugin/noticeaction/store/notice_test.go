package store

import (
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// mailedNotice is a notice with all that it can hold.
func mailedNotice(id, sum string) Notice {
	return Notice{
		ID: id, Received: noon, Via: "smtp", Status: Draft, SHA256: sum, Size: 5,
		From: "I. Spector <inspector@authority.example>", Subject: "a.be", MessageID: "x@authority.example",
		DKIM: []string{"authority.example: pass"}, SMIME: "valid: I. Spector", Draft: *noticeOf("a.be"),
		Missing: []string{"signature"},
	}
}

func TestNoticesSurviveClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "na.db")
	s := openTest(t, path)
	want := mailedNotice("N2026-00001", "00aa")
	mustUpdate(t, s, func(tx *Tx) error {
		if err := tx.PutNotice(want); err != nil {
			return err
		}
		message := []byte("hello")
		defer clear(message) // the caller may use it again
		return tx.PutEvidence(want.ID, message)
	})
	s.Close()
	s = openTest(t, path)
	err := s.View(func(tx *Tx) error {
		if got, ok, err := tx.Notice(want.ID); err != nil || !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("notice = %+v, %v, %v; want %+v", got, ok, err, want)
		}
		if got, ok, err := tx.NoticeBySum("00aa"); err != nil || !ok || got.ID != want.ID {
			t.Errorf("notice of the message = %+v, %v, %v; want %s", got, ok, err, want.ID)
		}
		if got := tx.Evidence(want.ID); string(got) != "hello" {
			t.Errorf("evidence = %q, want hello", got)
		}
		for _, none := range []string{"", "00ab"} {
			_, byID, err := tx.Notice(none)
			_, bySum, sumErr := tx.NoticeBySum(none)
			if byID || bySum || err != nil || sumErr != nil || tx.Evidence(none) != nil {
				t.Errorf("%q: %v, %v, %v, %v; want nothing", none, byID, err, bySum, sumErr)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestNoticeQueries(t *testing.T) {
	s := testStore(t)
	mustUpdate(t, s, func(tx *Tx) error {
		for i, status := range []NoticeStatus{Draft, Unreadable, Draft, Bounce} {
			id := []string{"N2026-00001", "N2026-00002", "N2026-00003", "N2027-00001"}[i]
			if err := tx.PutNotice(Notice{ID: id, Status: status, SHA256: id}); err != nil {
				return err
			}
		}
		return tx.PutNotice(Notice{ID: "N2026-00003", Status: Discarded, SHA256: "another"})
	})
	for _, tt := range []struct {
		name string
		q    NoticeQuery
		want []string
	}{
		{"all", NoticeQuery{}, []string{"N2026-00001", "N2026-00002", "N2026-00003", "N2027-00001"}},
		{"after one", NoticeQuery{After: "N2026-00002"}, []string{"N2026-00003", "N2027-00001"}},
		{"status", NoticeQuery{Status: Draft}, []string{"N2026-00001"}},
		{"status, after one", NoticeQuery{Status: Discarded, After: "N2026-00003"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := s.View(func(tx *Tx) error {
				all, err := collect(tx.Notices(tt.q))
				var ids []string
				for _, n := range all {
					ids = append(ids, n.ID)
				}
				if !slices.Equal(ids, tt.want) {
					t.Errorf("notices = %q, want %q", ids, tt.want)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
	err := s.View(func(tx *Tx) error {
		if _, ok, err := tx.NoticeBySum("N2026-00003"); ok || err != nil {
			t.Errorf("by the sum it had: %v, %v; want none", ok, err)
		}
		_, ok, err := tx.NoticeBySum("another")
		if !ok {
			t.Error("by the sum it has: none")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestPutNoticeRefuses(t *testing.T) {
	s := testStore(t)
	mustUpdate(t, s, func(tx *Tx) error { return tx.PutNotice(mailedNotice("N2026-00001", "00aa")) })
	for _, tt := range []struct {
		name   string
		notice Notice
		want   string
	}{
		{"no id", Notice{}, "1..100 bytes"},
		{"a zero byte in the case", Notice{ID: "N2026-00002", Case: "\x00"}, "without a zero byte"},
		{"the message of another", Notice{ID: "N2026-00002", SHA256: "00aa"}, "it is that of N2026-00001"},
		{"more than can be read", Notice{ID: "N2026-00002", Problem: strings.Repeat("x", maxRecord)}, "at most 4194304 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := s.Try(func(tx *Tx) error { return tx.PutNotice(tt.notice) })
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v, want %q", err, tt.want)
			}
		})
	}
}
