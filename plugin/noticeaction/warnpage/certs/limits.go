package certs

import "time"

// window allows a number of events in any span of a length.
type window struct {
	events int
	per    time.Duration
}

// What Let's Encrypt allows (https://letsencrypt.org/docs/rate-limits/), and no CA in wide use less. A window that
// slides is stricter than the CA's own count, which is refilled bit by bit.
var (
	accountOrders    = window{300, 3 * time.Hour}
	nameCertificates = window{50, 7 * 24 * time.Hour} // for each registrable name
	hostCertificates = window{5, 7 * 24 * time.Hour}  // for each exact set of hosts, which is one host here
	hostFailures     = window{5, time.Hour}
)

// remembered is the longest of the windows.
const remembered = 7 * 24 * time.Hour

// from returns the first time, now or later, at which one more event keeps to the window. taken are the times of the
// events before, oldest first.
func (w window) from(taken []time.Time, now time.Time) time.Time {
	if len(taken) < w.events {
		return now
	}
	if free := taken[len(taken)-w.events].Add(w.per); free.After(now) {
		return free
	}
	return now
}

// limits count what was asked of the CA. They are pure: time comes in as an argument, and is not expected to go back;
// events that lie in the future, after a clock was set back, count like others.
type limits struct {
	orders   []time.Time
	byName   map[string][]time.Time // certificates
	byHost   map[string][]time.Time // certificates
	failures map[string][]time.Time // validations, by host
}

func newLimits() *limits {
	return &limits{byName: make(map[string][]time.Time), byHost: make(map[string][]time.Time), failures: make(map[string][]time.Time)}
}

// account returns when the account may make an order if no more than ceiling of them are to count in one window.
func (l *limits) account(ceiling int, now time.Time) time.Time {
	return window{min(ceiling, accountOrders.events), accountOrders.per}.from(l.orders, now)
}

// host returns when a host below name may have a certificate.
func (l *limits) host(name, host string, now time.Time) time.Time {
	at := nameCertificates.from(l.byName[name], now)
	for _, t := range []time.Time{hostCertificates.from(l.byHost[host], now), hostFailures.from(l.failures[host], now)} {
		if t.After(at) {
			at = t
		}
	}
	return at
}

func (l *limits) ordered(now time.Time) { l.orders = append(l.orders, now) }

func (l *limits) issued(name, host string, now time.Time) {
	l.byName[name] = append(l.byName[name], now)
	l.byHost[host] = append(l.byHost[host], now)
}

func (l *limits) failed(host string, now time.Time) {
	l.failures[host] = append(l.failures[host], now)
}
