package mail

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
)

// folder keeps messages as files.
type folder struct {
	root *os.Root
	mu   sync.Mutex // one writes at a time, as what is not finished has a name of its own
}

// Folder returns a Sender that writes each message to a file of its own in dir, named by its Message-ID, for
// somebody else to send. Only the owner can read it. A file is there whole and durably, or not at all; a message
// that is there already is not written again. The folder is made if it does not exist; one that others may enter
// is refused.
func Folder(dir string) (Sender, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("mail_folder: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("mail_folder: %w", err)
	}
	info, err := root.Stat(".")
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		err = fmt.Errorf("expected a folder that only its owner may enter (0700), got %04o at %s", info.Mode().Perm(), dir)
	}
	if err != nil {
		root.Close()
		return nil, fmt.Errorf("mail_folder: %w", err)
	}
	return &folder{root: root}, nil
}

// Close implements [Sender].
func (f *folder) Close() error { return f.root.Close() }

// Send implements [Sender]. Another message under the same Message-ID is refused for good.
func (f *folder) Send(ctx context.Context, l casework.Leaving) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("writing mail: %w", err)
	}
	if l.MessageID == "" {
		return permanent(errors.New("writing mail: expected a Message-ID"))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	name := fileName(l.MessageID)
	there, err := f.root.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = f.write(name, l.Payload)
	case err == nil && !bytes.Equal(there, l.Payload):
		return permanent(fmt.Errorf("writing mail: %s is there with another message", name))
	}
	if err == nil {
		err = f.sync() // of a message that is there too: the machine may have stopped before
	}
	if err != nil {
		return fmt.Errorf("writing mail: %w", err)
	}
	return nil
}

// write writes a file that was not there. What a crash leaves is overwritten when the message comes again.
func (f *folder) write(name string, message []byte) error {
	unfinished := "." + name + ".tmp"
	file, err := f.root.OpenFile(unfinished, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(message)
	if err == nil {
		err = file.Sync()
	}
	err = errors.Join(err, file.Close())
	if err == nil {
		err = f.root.Rename(unfinished, name)
	}
	if err != nil {
		return errors.Join(err, f.root.Remove(unfinished))
	}
	return nil
}

// sync makes the names in the folder durable.
func (f *folder) sync() error {
	dir, err := f.root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// fileName returns a name of at most 204 bytes that no other Message-ID has, and that is not hidden.
func fileName(id string) string {
	var b strings.Builder
	for i := range len(id) {
		switch c := id[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '@', c == '.' && i > 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	if b.Len() > 200 {
		sum := sha256.Sum256([]byte(id))
		return "sha256=" + hex.EncodeToString(sum[:]) + ".eml"
	}
	return b.String() + ".eml"
}
