package casework

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/coredns-na/coredns-na/internal/soak"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/redirect"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

const (
	killWriters = 8
	killNames   = 20 // of each writer
)

// TestKill kills a process with concurrent writers at a random moment: every change it acknowledged
// must be there, at most one more of each writer, and nothing by half.
func TestKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "na.db")
	changes := 0
	for range soak.Rounds(t, 10) {
		done := runUntilKilled(t, path)
		changes += len(done)
		checkKilled(t, path, done)
		if t.Failed() {
			return
		}
	}
	if changes == 0 {
		t.Error("no round got as far as a change")
	}
}

// writeUntilKilled is the process to kill: each writer flags and unflags names of its own and prints
// each change once it is acknowledged. It starts from scratch with every round.
func writeUntilKilled(path string) {
	fail := func(err error) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	s, err := store.Open(path)
	if err != nil {
		fail(err)
	}
	d, err := Open(Config{Store: s, Set: redirect.NewSet(), Policy: testPolicy()})
	if err != nil {
		fail(err)
	}
	ctx := context.Background()
	for w := range killWriters {
		go func() {
			for n := 0; ; n++ {
				name := fmt.Sprintf("w%dn%d.be", w, n%killNames)
				if n/killNames%2 == 1 {
					if _, err := d.Unflag(ctx, clerk, name, "test", Match{}); err != nil {
						fail(err)
					}
					fmt.Printf("%d - %s\n", w, name)
					continue
				}
				r := request(name)
				r.Reference = fmt.Sprint(n)
				if _, err := d.Flag(ctx, clerk, r); err != nil {
					fail(err)
				}
				fmt.Printf("%d + %s\n", w, name)
			}
		}()
	}
	select {}
}

// runUntilKilled returns the lines that the killed process printed.
func runUntilKilled(t *testing.T, path string) (done []string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), killEnv+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	last := rand.IntN(2000) // lines; the kill itself falls anywhere in the commits that go on meanwhile
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		done = append(done, lines.Text())
		if len(done) == last+1 {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != -1 {
		t.Fatalf("the process ended by itself: %v", err)
	}
	return done
}

// checkKilled opens what the killed process left and holds it against what it acknowledged.
func checkKilled(t *testing.T, path string, done []string) {
	t.Helper()
	acknowledged := make(map[string][]string) // by writer, in its order
	for _, line := range done {
		writer, change, _ := strings.Cut(line, " ")
		acknowledged[writer] = append(acknowledged[writer], change)
	}
	s, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	set := redirect.NewSet()
	d, err := Open(Config{Store: s, Set: set, Policy: testPolicy()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	defer d.Close()
	journal, flagged := replay(t, s)
	for w := range killWriters {
		writer := strconv.Itoa(w)
		want, got := acknowledged[writer], journal[writer]
		if len(got) < len(want) || len(got) > len(want)+1 {
			t.Errorf("writer %s: %d changes acknowledged, %d in the journal", writer, len(want), len(got))
			continue
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("writer %s: change %d is %q, acknowledged was %q", writer, i, got[i], want[i])
			}
		}
	}
	if n := set.Table().Len(); n != len(flagged) {
		t.Errorf("table of %d, journal says %d", n, len(flagged))
	}
	for name, f := range flagged {
		if _, ok := set.Table().Lookup(name); !ok {
			t.Errorf("%s is flagged in the journal and not in the table", name)
		}
		if got, err := d.Lookup(name); err != nil || got != f {
			t.Errorf("flag = %+v, %v; the journal says %+v", got, err, f)
		}
	}
}

// replay reads the journal from its start, checks its chain, numbers and digest, and returns the changes of
// each writer and the flags that it leaves.
func replay(t testing.TB, s *store.Store) (changes map[string][]string, flagged map[string]store.Flag) {
	t.Helper()
	changes, flagged = make(map[string][]string), make(map[string]store.Flag)
	err := s.View(func(tx *store.Tx) error {
		prev, generation, n := strings.Repeat("0", 64), uint64(0), uint64(0)
		for seq, line := range tx.Journal(0) {
			e, err := store.DecodeEntry(line)
			if err != nil {
				return err
			}
			n++
			if seq != n || e.Seq != n || e.Prev != prev || e.Generation < generation {
				t.Errorf("journal line %d: key %d, seq %d, generation %d after %d, prev %s, want %s", n, seq, e.Seq, e.Generation, generation, e.Prev, prev)
			}
			if was, ok := flagged[e.Name]; ok != (e.Before != nil) || ok && was != *e.Before {
				t.Errorf("journal line %d: before = %+v, was %+v", n, e.Before, was)
			}
			sum := sha256.Sum256(line)
			prev, generation = hex.EncodeToString(sum[:]), e.Generation
			writer, _, _ := strings.Cut(strings.TrimPrefix(e.Name, "w"), "n")
			if e.After == nil {
				delete(flagged, e.Name)
				changes[writer] = append(changes[writer], "- "+e.Name)
			} else {
				flagged[e.Name] = *e.After
				changes[writer] = append(changes[writer], "+ "+e.Name)
			}
		}
		var digest redirect.Digest
		for _, f := range flagged {
			digest.Add(f.Entry())
		}
		if tx.JournalLength() != n || tx.JournalHead() != prev || tx.Generation() != generation {
			t.Errorf("journal of %d, head %s, generation %d; want %d, %s, %d", tx.JournalLength(), tx.JournalHead(), tx.Generation(), n, prev, generation)
		}
		if tx.Count() != len(flagged) || tx.Digest() != digest {
			t.Errorf("%d flags of digest %s, the journal says %d of %s", tx.Count(), tx.Digest(), len(flagged), digest)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return changes, flagged
}
