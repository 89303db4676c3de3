package leeway

import (
	"os"

	"golang.org/x/sys/unix"
)

// writePiece returns when what is dirty of the piece now is on its way through the disk's queue.
func writePiece(f *os.File, offset, n int64) error {
	const wait = unix.SYNC_FILE_RANGE_WAIT_BEFORE | unix.SYNC_FILE_RANGE_WRITE | unix.SYNC_FILE_RANGE_WAIT_AFTER
	return unix.SyncFileRange(int(f.Fd()), offset, n, wait)
}
