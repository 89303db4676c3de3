package main

import (
	"cmp"
	"math"
	"slices"
)

// samples are measurements of one thing, in the order they were taken.
type samples []float64

func (s samples) median() float64 { return s.quantile(0.5) }

// quantile is the smallest sample that no more than q of all are below.
func (s samples) quantile(q float64) float64 { return quantile(s, q) }

func quantile[T cmp.Ordered](s []T, q float64) T {
	sorted := slices.Sorted(slices.Values(s))
	return sorted[min(max(int(math.Ceil(q*float64(len(s))))-1, 0), len(s)-1)]
}

// ratio is how s compares with its peer: the median of the ratios round by
// round, since two neighbours in time share what else the machine does, and
// the quarter of them below and above.
type ratio struct{ mid, low, high float64 }

func (s samples) over(peer samples) ratio {
	var each samples
	for i := range min(len(s), len(peer)) {
		each = append(each, s[i]/peer[i])
	}
	return ratio{each.median(), each.quantile(0.25), each.quantile(0.75)}
}
