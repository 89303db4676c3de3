// Package replica brings the set of redirects from the desk to the other name servers, through etcd. A
// [Publisher] makes etcd hold what the desk has committed, each record and the set as a whole signed
// with Ed25519; a [Follower] makes the table of another machine from it, keeps a snapshot on disk, and
// reports what it has; a [Fleet] tells the desk who has what.
//
// Under the prefix lie
//
//	set/head         the head of the set, signed: its number, generation, size and hashes
//	set/names/NAME   a record for each flag, signed
//	nodes/NODE       what a follower has, written by that follower
//
// The publisher writes records in transactions of bounded size and then the head. A follower shows nothing of a
// change before the head that covers it, so that a change is seen whole, however large; and it believes a
// head only if what it holds has that head's hash. Whoever can write to etcd can stop changes from
// arriving, and cannot make any.
//
// The package refuses to decide: it knows neither the store nor the desk but through [Source], trusts nothing
// that is not signed, never publishes what is not committed, and leaves the table as it is whatever goes
// wrong, but for flags that end by their date. Nothing personal passes through it: a record has what
// answers are made from.
package replica

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"time"
)

var (
	// ErrRecord is returned when a record cannot be read.
	ErrRecord = errors.New("not a record of a flag")
	// ErrHead is returned when the head of a set cannot be read.
	ErrHead = errors.New("not the head of a set")
	// ErrSignature is returned when a record or a head is not signed by a key that is trusted.
	ErrSignature = errors.New("not signed by a key that is trusted")
	// ErrSnapshot is returned when a snapshot is damaged or is of another set.
	ErrSnapshot = errors.New("not a whole snapshot of this set")
	// ErrDiverged is returned when etcd holds a set that the desk's journal does not lead to, as after
	// an older backup was restored.
	ErrDiverged = errors.New("etcd holds a set that the desk's journal does not lead to")
)

// DefaultPrefix is where the keys lie unless told otherwise.
const DefaultPrefix = "/noticeaction/"

// CleanPrefix returns a prefix with a slash at both ends.
func CleanPrefix(s string) (string, error) {
	const most = 200
	if len(s) > most || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) || strings.Trim(s, "/") == "" {
		return "", fmt.Errorf("expected a path of 1 to %d printable ASCII characters, got %.210q", most, s)
	}
	return path.Clean("/"+s) + "/", nil
}

// keyspace is where the keys lie.
type keyspace struct{ prefix string }

func (k keyspace) set() string   { return k.prefix + "set/" }
func (k keyspace) head() string  { return k.prefix + "set/head" }
func (k keyspace) names() string { return k.prefix + "set/names/" }
func (k keyspace) nodes() string { return k.prefix + "nodes/" }

// Times that both sides live by.
const (
	headEvery     = time.Minute      // how often the head is signed again when nothing changes
	reportEvery   = 30 * time.Second // how often a follower reports when nothing changes
	progressEvery = 10 * time.Second // how often a follower asks whether the watch still lives
	silentFor     = 3 * progressEvery
	callTimeout   = 10 * time.Second // of one request to etcd
	minBackoff    = 200 * time.Millisecond
	maxBackoff    = 10 * time.Second
)
