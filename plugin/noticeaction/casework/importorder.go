package casework

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

const blockSize = 1024

// add notes a line that may become a flag.
func (in *importer) add(line int, f store.Flag) {
	last := len(in.blocks) - 1
	if last < 0 || len(in.blocks[last]) == blockSize {
		in.heap.Grow(blockSize * heapPerRead)
		in.blocks = append(in.blocks, make([]item, 0, blockSize))
		last++
	}
	in.blocks[last] = append(in.blocks[last], item{line: line, name: f.Name, terms: in.alike.terms(f), around: nothing})
}

// place says where in the order of names an item belongs. The beginning of the name decides nearly always,
// and what is compared lies together in memory.
type place struct {
	begin uint64 // the first eight octets of the name
	item  *item
}

func (p place) compare(q place) int {
	if p.begin != q.begin {
		return cmp.Compare(p.begin, q.begin)
	}
	return cmp.Or(cmp.Compare(p.item.name, q.item.name), cmp.Compare(p.item.line, q.item.line))
}

// sort brings the items into name order, which the store likes, also in memory, and refuses duplicates.
func (in *importer) sort() {
	order := make([]place, 0, len(in.blocks)*blockSize)
	for _, block := range in.blocks {
		for i := range block {
			var begin [8]byte
			copy(begin[:], block[i].name)
			order = append(order, place{binary.BigEndian.Uint64(begin[:]), &block[i]})
		}
	}
	slices.SortFunc(order, place.compare)
	in.items = make([]item, len(order))
	var names texts
	for i, p := range order {
		in.items[i] = *p.item
		in.items[i].name = names.copy(p.item.name)
	}
	in.blocks = nil
	first := 0
	for i := 1; i < len(in.items); i++ {
		if in.items[i].name != in.items[first].name {
			first = i
			continue
		}
		in.refuse(in.items[i].line, in.items[i].name, fmt.Sprintf("expected each name once; it is in line %d already", in.items[first].line))
	}
}
