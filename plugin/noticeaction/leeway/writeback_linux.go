//go:build linux && !android

package leeway

import (
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	piece = 4 << 20              // bytes that are written back at a time
	pause = 2 * time.Millisecond // at least, between looking through a file and doing so again
)

// WriteBack does work, which writes much to the file at path and syncs it at its end, and meanwhile has the kernel write
// it back piece by piece. Otherwise the sync hands all to the disk at once, and when that is done the kernel marks ten thousands of
// pages as clean in one go: for milliseconds nothing else runs on that processor, whatever its priority. What lasts is for the
// work's own sync to say; where the file cannot be opened, or on another system than Linux, work is done all the same. It may be called
// concurrently.
func WriteBack(path string, work func()) {
	// Not the work's own descriptor: since Linux 4.13 an error of the disk is told once to each, and the work's sync has to hear it.
	f, err := os.Open(path)
	if err != nil {
		work()
		return
	}
	defer f.Close()
	ended := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() { writeBack(f, syncPiece, ended) })
	defer writer.Wait()
	defer close(ended)
	work()
}

// writeBack goes through a file again and again until the work has ended, or an error says that there is no use.
func writeBack(f *os.File, write func(f *os.File, offset, n int64) error, ended <-chan struct{}) {
	for {
		begun := time.Now()
		info, err := f.Stat()
		if err != nil {
			return
		}
		for offset := int64(0); offset < info.Size(); offset += piece {
			select {
			case <-ended:
				return
			default:
			}
			if write(f, offset, piece) != nil {
				return
			}
		}
		select {
		case <-ended:
			return
		case <-time.After(max(pause, time.Since(begun))): // a large file takes long to look through
		}
	}
}

// syncPiece returns when what is dirty of the piece now has been written. It is no sync: neither the disk's cache nor what
// the file system knows of the file is flushed.
func syncPiece(f *os.File, offset, n int64) error {
	const wait = unix.SYNC_FILE_RANGE_WAIT_BEFORE | unix.SYNC_FILE_RANGE_WRITE | unix.SYNC_FILE_RANGE_WAIT_AFTER
	return unix.SyncFileRange(int(f.Fd()), offset, n, wait)
}
