package store

import (
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A fault of ours is not blamed on the file, and leaves it as it was.
func TestOwnPanicIsNoDamage(t *testing.T) {
	for name, fail := range map[string]func(*Tx){
		"a panic":        func(*Tx) { panic("of ours") },
		"a nil pointer":  func(*Tx) { _ = *(*int)(nil) },
		"beyond an end":  func(tx *Tx) { _ = tx.scratch[:0:0][tx.Count()] },
		"a nil map":      func(*Tx) { var none map[string]int; maps.Copy(none, map[string]int{"a": 1}) },
		"in the library": func(tx *Tx) { _ = strings.Repeat("x", -tx.Count()) },
	} {
		t.Run(name, func(t *testing.T) {
			s := openTest(t, filepath.Join(t.TempDir(), "na.db"))
			mustUpdate(t, s, put(flagOf("kept.be", noon)))
			failing := func(tx *Tx) error {
				if err := tx.DeleteFlag("kept.be"); err != nil {
					return err
				}
				tx.state.flags = 1
				fail(tx)
				return nil
			}
			reading := func(tx *Tx) error { fail(tx); return nil }
			for what, err := range map[string]error{"update": s.Update(failing), "try": s.Try(failing), "view": s.View(reading)} {
				if !errors.Is(err, ErrInternal) || errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "guard_test.go") {
					t.Errorf("%s: %v, want %v with the stack", what, err, ErrInternal)
				}
			}
			mustUpdate(t, s, put(flagOf("later.be", noon)))
			if got := names(t, s); !slices.Equal(got, []string{"kept.be", "later.be"}) {
				t.Errorf("flags = %q, want kept.be and later.be", got)
			}
		})
	}
}
