//go:build !linux

package wire

const supported = false

// lane stands for what only Linux has.
type lane struct{}

func (g *group) resize(int) error { return ErrUnsupported }

func (g *group) close() {}
