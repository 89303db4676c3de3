package replica

import (
	"bytes"
	"iter"
)

// since yields what changed from an older set to this one.
func (s *records) since(old *records) iter.Seq[change] {
	return func(yield func(change) bool) {
		for i, b := range s.buckets {
			was := old.buckets[i]
			if b == was || b != nil && was != nil && b.hash == was.hash {
				continue
			}
			if !b.since(was, yield) {
				return
			}
		}
	}
}

func (b *bucket) since(old *bucket, yield func(change) bool) bool {
	var now, was []byte
	if b != nil {
		now = b.run
	}
	if old != nil {
		was = old.run
	}
	for len(now) > 0 || len(was) > 0 {
		var name, body, after, oldName, oldBody, oldAfter []byte
		order := 0
		if len(now) > 0 {
			name, body, after = split(now)
		} else {
			order = 1
		}
		if len(was) > 0 {
			oldName, oldBody, oldAfter = split(was)
		} else {
			order = -1
		}
		if order == 0 {
			order = bytes.Compare(name, oldName)
		}
		var c change
		changed := true
		switch {
		case order < 0:
			c, now = change{Record: mustDecode(name, body)}, after
		case order > 0:
			c, was = change{Record: Record{Name: string(oldName)}, remove: true}, oldAfter
		default:
			if changed = !bytes.Equal(body, oldBody); changed {
				c = change{Record: mustDecode(name, body)}
			}
			now, was = after, oldAfter
		}
		if changed && !yield(c) {
			return false
		}
	}
	return true
}
