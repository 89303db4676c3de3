package intake

import (
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// How many messages are taken within floodPeriod. The rest is put off: the peer keeps it and sends it again.
const (
	maxOfSender = 100  // from one reverse-path; bounces, which have none, count for their peer alone
	maxOfPeer   = 1000 // from one peer, which may be the mail server in front of all senders
	maxCounted  = 10000
	floodPeriod = time.Hour
)

var errFlood = &smtp.SMTPError{Code: 450, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "too many messages within the hour; try again later"}

// flood counts messages by who leaves them. Its methods may be called concurrently.
type flood struct {
	mu    sync.Mutex
	since time.Time
	count map[string]int
}

// admit counts a message, unless it is one too many for one of those who leave it.
func (f *flood) admit(now time.Time, limits map[string]int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.count == nil || now.Sub(f.since) >= floodPeriod {
		f.since, f.count = now, make(map[string]int)
	}
	for who, most := range limits {
		if n, known := f.count[who]; n >= most || !known && len(f.count) >= maxCounted {
			return false
		}
	}
	for who := range limits {
		f.count[who]++
	}
	return true
}

// limitsOf says for whom a message counts, and how many each may leave.
func (s *Server) limitsOf(e Envelope) map[string]int {
	limits := map[string]int{"peer " + e.Remote: s.ofPeer}
	if e.From != "" {
		limits["sender "+strings.ToLower(e.From)] = s.ofSender
	}
	return limits
}
