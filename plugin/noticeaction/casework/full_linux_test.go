package casework

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// TestFullDisk fills a real, small file system: the write that fails is reported, nothing of it is
// published, and the next one works once there is room. It runs itself again where it may mount one.
func TestFullDisk(t *testing.T) {
	if dir := os.Getenv(fullEnv); dir != "" {
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
			t.Fatal("mounting a small file system: ", err)
		}
		fillDisk(t, dir)
		return
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-test.run=^TestFullDisk$", "-test.v")
	cmd.Env = append(os.Environ(), fullEnv+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func fillDisk(t *testing.T, dir string) {
	d := &desk{t: t, path: filepath.Join(dir, "na.db")}
	d.setTime(noon)
	d.open(testPolicy())
	defer func() { d.close() }()
	d.flag("before.be")

	filler := filepath.Join(dir, "filler")
	f, err := os.Create(filler)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}

	acknowledged := []string{"before.be"}
	refused := ""
	for n := 0; refused == "" && n < 1000; n++ { // pages that are free already take a few more
		name := fmt.Sprintf("full%d.be", n)
		r := request(name)
		r.Note = fmt.Sprintf("%01000d", n)
		if _, err := d.Flag(context.Background(), clerk, r); err == nil {
			acknowledged = append(acknowledged, name)
			continue
		} else if e := refusalOf(t, err, Unavailable); !errors.Is(e, syscall.ENOSPC) {
			t.Fatalf("error = %v, want the cause %v in it", err, syscall.ENOSPC)
		}
		refused = name
	}
	if refused == "" {
		t.Fatal("the disk did not fill")
	}
	if len(d.errs) == 0 {
		t.Error("no error was reported")
	}
	check := func(names []string) {
		t.Helper()
		d.wantRedirected(names...)
		if n := d.generation(); n != uint64(len(names)) {
			t.Errorf("generation = %d, want %d", n, len(names))
		}
		for _, name := range names {
			if _, err := d.Lookup(name); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	check(acknowledged)
	_, err = d.Lookup(refused)
	wantKind(t, err, NotFound)

	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	d.flag("after.be")
	acknowledged = append(acknowledged, "after.be")
	check(acknowledged)
	d.reopen()
	check(acknowledged)
	replay(t, d.store)
}
