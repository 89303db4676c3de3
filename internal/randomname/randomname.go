// Package randomname makes names to measure and test with.
package randomname

import "math/rand/v2"

// Names returns n different names in be, of labels of 4 to 18 letters, the same for the same seed. The zones that
// zonegen generates do not hold them. It may be called concurrently.
func Names(n int, seed uint64) []string {
	r := rand.New(rand.NewPCG(seed, 0))
	seen := make(map[string]bool, n)
	names := make([]string, 0, n)
	for len(names) < n {
		if name := string(Label(r, 4+r.IntN(15))) + ".be"; !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

// Label returns a label of so many letters, 1 to 63.
func Label(r *rand.Rand, length int) []byte {
	label := make([]byte, length)
	for i := range label {
		label[i] = 'a' + byte(r.IntN(26))
	}
	return label
}
