//go:build !linux

package leeway

import (
	"errors"
	"os"
)

func writePiece(*os.File, int64, int64) error { return errors.ErrUnsupported }
