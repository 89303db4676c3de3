//go:build !linux

package leeway

func aside() (back func()) { return func() {} }
