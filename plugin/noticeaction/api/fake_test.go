package api

import (
	"context"
	"encoding/json"
	"io"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

// fakeDesk does what its functions say, for the failures that a real desk
// cannot be brought to. A method without a function answers with nothing.
type fakeDesk struct {
	flag   func(context.Context, casework.Order, casework.FlagRequest) (casework.Result, error)
	load   func(body io.Reader) (casework.ImportReport, error)
	lookup func(name string) (store.Flag, error)
	export func(ctx context.Context, begin func(uint64, int) error, each func(lines []byte) error) error
	backup func(ctx context.Context, begin func(int64) error, w io.Writer) error
}

func (d fakeDesk) Flag(ctx context.Context, o casework.Order, r casework.FlagRequest) (casework.Result, error) {
	return d.flag(ctx, o, r)
}

func (d fakeDesk) Unflag(context.Context, casework.Order, string, string, casework.Match) (casework.Result, error) {
	return casework.Result{}, nil
}

func (d fakeDesk) Import(_ context.Context, _ casework.Order, _ string, body io.Reader) (casework.ImportReport, error) {
	return d.load(body)
}

func (d fakeDesk) Lookup(name string) (store.Flag, error) { return d.lookup(name) }

func (d fakeDesk) Reach(string) (store.Reach, error) { return store.Reach{}, nil }

func (d fakeDesk) List(casework.ListQuery) ([]store.Flag, string, error) { return nil, "", nil }

func (d fakeDesk) Export(ctx context.Context, _ casework.ListQuery, begin func(uint64, int) error, each func(lines []byte) error) error {
	return d.export(ctx, begin, each)
}

func (d fakeDesk) Preview(string) (casework.Preview, error) { return casework.Preview{}, nil }

func (d fakeDesk) Audit(casework.AuditQuery) ([]json.RawMessage, uint64, error) { return nil, 0, nil }

func (d fakeDesk) Status() (casework.Status, error) { return casework.Status{}, nil }

func (d fakeDesk) Backup(ctx context.Context, begin func(int64) error, w io.Writer) error {
	return d.backup(ctx, begin, w)
}
