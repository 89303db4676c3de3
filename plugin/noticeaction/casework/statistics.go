package casework

import (
	"fmt"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/workday"
)

// Statistics are the figures of the evaluation (Art. 7): what has become, by now, of the cases whose notice
// came in during a period. They are counts and durations, with no name, reference or person.
type Statistics struct {
	From, To  workday.Date // the first and the last day, in Belgium
	Authority string       // only its cases; empty: all

	Cases   int
	Running int // of them that are not over
	Names   int // domain names of the cases

	Authorities  map[string]int            // cases by id of the authority
	Offices      map[string]int            // by office of who found the infringement
	Provisions   map[string]int            // by provision that is infringed; a case counts once for each of its own
	Outcomes     map[procedure.Outcome]int // of those that are over, by how their last name left
	NameOutcomes map[procedure.Outcome]int // names by how they left

	Redirected int           // cases whose names were redirected
	Median     time.Duration // from the notice to the redirect: half of them took no longer
	P90        time.Duration // nine of ten took no longer
	Longest    time.Duration

	Claimed    int // cases in which the holder claimed, or asked the authority for something
	Claims     int
	Extensions int
	Removals   int // cases in which the authority decided to remove
	Missed     int // deadlines of the registry that passed
}

// statistics counts the cases that were received from one day to another, both included. Other cases may be
// among those given. It is pure; the error is that of cases, or an *Error of kind Invalid.
func statistics(cases iter.Seq2[procedure.Case, error], from, to workday.Date) (Statistics, error) {
	s := Statistics{
		From: from, To: to,
		Authorities: map[string]int{}, Offices: map[string]int{}, Provisions: map[string]int{},
		Outcomes: map[procedure.Outcome]int{}, NameOutcomes: map[procedure.Outcome]int{},
	}
	if to < from {
		return s, &Error{Kind: Invalid, Field: "to", Value: to.String(), Detail: fmt.Sprintf("expected a last day that is not before the first, %v", from)}
	}
	var took []time.Duration
	for c, err := range cases {
		if err != nil {
			return s, err
		}
		if day := workday.Of(c.Received); day < from || day > to {
			continue
		}
		s.count(c)
		if !c.Started.IsZero() {
			took = append(took, c.Started.Sub(c.Received))
		}
	}
	slices.Sort(took)
	s.Redirected = len(took)
	s.Median, s.P90, s.Longest = quantile(took, 0.5), quantile(took, 0.9), quantile(took, 1)
	return s, nil
}

func (s *Statistics) count(c procedure.Case) {
	s.Cases++
	s.Names += len(c.Names)
	s.Authorities[c.Notice.Authority]++
	s.Offices[c.Notice.Office]++
	for i, p := range c.Notice.Provisions {
		if !slices.Contains(c.Notice.Provisions[:i], p) {
			s.Provisions[p]++
		}
	}
	for _, n := range c.Names {
		if n.Outcome != "" {
			s.NameOutcomes[n.Outcome]++
		}
	}
	if c.State.Ended() {
		s.Outcomes[c.Outcome]++
	} else {
		s.Running++
	}
	if c.Claims > 0 {
		s.Claimed++
	}
	if c.Removed != 0 {
		s.Removals++
	}
	s.Claims += c.Claims
	s.Extensions += c.Extensions
	s.Missed += c.Missed
}

// quantile returns the smallest of the sorted durations that a share q of them, 0 < q <= 1, does not exceed;
// 0 when there are none.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[int(math.Ceil(q*float64(len(sorted))))-1]
}
