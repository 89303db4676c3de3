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
type ratio struct {
	mid, low, high float64
	from, to       float64 // where the median of ever more rounds would lie, surely
}

// exactly is a ratio of which there is one sample.
func exactly(x float64) ratio { return ratio{x, x, x, x, x} }

func (s samples) over(peer samples) ratio {
	var each samples
	for i := range min(len(s), len(peer)) {
		each = append(each, s[i]/peer[i])
	}
	from, to := each.surely()
	return ratio{each.median(), each.quantile(0.25), each.quantile(0.75), from, to}
}

// surely returns two samples between which the median of what was sampled lies
// with a likelihood of 95 %, whatever its distribution: each sample is above
// it or below as a coin falls. Of few samples it is all between the least and the most.
func (s samples) surely() (from, to float64) {
	n := len(s)
	least, likelihood := 0, math.Pow(0.5, float64(n)) // of exactly that many below
	for below := likelihood; below <= 0.025 && least < (n-1)/2; below += likelihood {
		least++
		likelihood *= float64(n-least+1) / float64(least)
	}
	sorted := slices.Sorted(slices.Values(s))
	least = max(least-1, 0)
	return sorted[least], sorted[n-1-least]
}
