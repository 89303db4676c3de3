package intake

import "errors"

// The decoder of CMS calls itself for every level, and for objects of indefinite length reads on to the end for
// each of them, so that both are bounded before it sees them.
const (
	maxLevels  = 24
	maxObjects = 4096
)

var errBER = errors.New("expected CMS in BER of at most 24 levels and 4096 objects")

// walkBER refuses BER (X.690) that is malformed, or deeper or of more objects than a signature has.
func walkBER(b []byte) error {
	left := maxObjects
	_, err := skipObject(b, 0, &left)
	return err
}

// skipObject returns what follows the object that b begins with.
func skipObject(b []byte, level int, left *int) ([]byte, error) {
	if *left--; level > maxLevels || *left < 0 || len(b) < 2 {
		return nil, errBER
	}
	constructed := b[0]&0x20 != 0
	length, rest, ok := lengthOf(skipTag(b))
	if !ok || length > len(rest) || length < 0 && !constructed {
		return nil, errBER
	}
	if length >= 0 {
		if !constructed {
			return rest[length:], nil
		}
		for inner := rest[:length]; len(inner) > 0; {
			var err error
			if inner, err = skipObject(inner, level+1, left); err != nil {
				return nil, err
			}
		}
		return rest[length:], nil
	}
	for first := true; ; first = false {
		if len(rest) < 2 {
			return nil, errBER
		}
		if rest[0] == 0 && rest[1] == 0 {
			if first {
				return nil, errBER
			}
			return rest[2:], nil
		}
		var err error
		if rest, err = skipObject(rest, level+1, left); err != nil {
			return nil, err
		}
	}
}

// skipTag returns what follows the tag, which may have more than one byte.
func skipTag(b []byte) []byte {
	long := b[0]&0x1f == 0x1f
	b = b[1:]
	for long && len(b) > 0 {
		long = b[0] >= 0x80
		b = b[1:]
	}
	return b
}

// lengthOf reads a length; an indefinite one is -1.
func lengthOf(b []byte) (length int, rest []byte, ok bool) {
	if len(b) == 0 {
		return 0, nil, false
	}
	first, rest := b[0], b[1:]
	if first < 0x80 {
		return int(first), rest, true
	}
	if first == 0x80 {
		return -1, rest, true
	}
	n := int(first & 0x7f)
	if n > 4 || n > len(rest) || rest[0] == 0 {
		return 0, nil, false
	}
	for _, c := range rest[:n] {
		length = length<<8 | int(c)
	}
	return length, rest[n:], true
}
