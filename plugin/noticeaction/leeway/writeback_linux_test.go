//go:build linux && !android

package leeway

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

func newFile(t *testing.T, size int64) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestWriteBackGoesThroughTheFile(t *testing.T) {
	const size = 2*piece + 1
	tests := []struct {
		name   string
		grows  int64 // to this size after the third piece
		fails  int   // the piece with which the disk fails; 0: none
		pieces []int64
	}{
		{"again and again", size, 0, []int64{0, piece, 2 * piece, 0, piece, 2 * piece, 0}},
		{"as it grows", 4 * piece, 0, []int64{0, piece, 2 * piece, 0, piece, 2 * piece, 3 * piece}},
		{"until an error", size, 2, []int64{0, piece}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f, ended := newFile(t, size), make(chan struct{})
			var pieces []int64
			writeBack(f, func(_ *os.File, offset, n int64) error {
				pieces = append(pieces, offset)
				if n != piece {
					t.Errorf("got %d bytes, expected %d", n, piece)
				}
				switch len(pieces) {
				case test.fails:
					return errors.New("disk")
				case 3:
					return f.Truncate(test.grows)
				case len(test.pieces):
					close(ended)
				}
				return nil
			}, ended)
			if !slices.Equal(pieces, test.pieces) {
				t.Errorf("got pieces at %v, expected %v", pieces, test.pieces)
			}
		})
	}
}

func TestWriteBackDoesTheWork(t *testing.T) {
	f := newFile(t, 0)
	for _, path := range []string{f.Name(), f.Name() + "-missing", filepath.Dir(f.Name())} {
		var work sync.WaitGroup
		for range 4 {
			work.Go(func() {
				done := false
				WriteBack(path, func() { done = true })
				if !done {
					t.Errorf("%s: expected that the work was done when WriteBack returns", path)
				}
			})
		}
		work.Wait()
	}
}

func TestWriteBackOfAWorkThatPanics(t *testing.T) {
	defer func() {
		if recover() != "broken" {
			t.Error("expected the work's own panic")
		}
	}()
	WriteBack(newFile(t, piece).Name(), func() { panic("broken") })
}

func TestSyncPiece(t *testing.T) {
	f := newFile(t, 0)
	if _, err := f.Write(make([]byte, 3*piece)); err != nil {
		t.Fatal(err)
	}
	for offset := int64(0); offset <= 4*piece; offset += piece { // the last is beyond the end
		if err := syncPiece(f, offset, piece); err != nil {
			t.Errorf("at %d: %v", offset, err)
		}
	}
}
