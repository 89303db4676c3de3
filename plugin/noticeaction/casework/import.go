package casework

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/leeway"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

const (
	maxLine       = 64 << 10 // bytes of a line
	maxErrors     = 100      // told in a report
	maxKey        = 200      // characters of an idempotency key
	receiptsStand = 24 * time.Hour

	heapPerLine = 2400 // bytes that a line allocates until the commit
	heapPerRead = 300  // of these while it is read
)

// Import flags many names, all or none of them: one JSON object a line (NDJSON) with the keys name,
// authority, reference and if need be not_after and note. Blank lines do not count.
//
// An export can be imported. Of its further keys, since is kept for names that are not flagged yet, so
// that a restored set still says since when each name was redirected; unicode, zone, case and changed
// must have their type and are not used: cases are not restored by an import. A line with changed, so of
// an export, whose not_after has passed is left out and counted as lapsed; what is flagged now under
// that name stays. In any other line such a time is refused.
//
// With an idempotency key, the same body from the same actor within 24 hours gets the same report,
// marked as Replayed, and is not imported again; another body gets a Conflict. On any refusal, an *Error, nothing was changed;
// when it is because of lines, the report says which. A body that cannot be read is Invalid with
// the reader's error as cause. The body is read and held before the writer is bothered.
func (d *Desk) Import(ctx context.Context, o Order, key string, body io.Reader) (ImportReport, error) {
	if err := checkOrder(o); err != nil {
		return ImportReport{}, err
	}
	if err := checkText("idempotency_key", key, 0, maxKey, false); err != nil {
		return ImportReport{}, err
	}
	p := d.policy.Load()
	in := &importer{order: o, key: key, now: d.now(), checker: p.checker(o.Force)}
	defer in.forget()
	var report ImportReport
	var err error
	leeway.For(func() { report, err = d.carryOut(ctx, p, in, body) })
	return report, err
}

// carryOut takes an import from its body to its report.
func (d *Desk) carryOut(ctx context.Context, p *Policy, in *importer, body io.Reader) (ImportReport, error) {
	if err := in.read(ctx, body); err != nil {
		return ImportReport{}, err
	}
	in.heap.Grow(len(in.blocks) * blockSize * (heapPerLine - heapPerRead))
	in.lookAround()
	in.sort()
	d.lookUpAll(ctx, p, in)
	if err := d.do(ctx, &operation{alone: true, dry: in.order.DryRun, run: in.run}); err != nil {
		return in.failed(), err
	}
	return in.report, nil
}

// forget gives up what the import held in memory.
func (in *importer) forget() {
	in.blocks, in.items = nil, nil
	in.heap.Release()
}

// importer is one import under way.
type importer struct {
	order   Order
	key     string
	now     time.Time
	checker *checker

	heap   leeway.Heap
	blocks [][]item // as they were read, each of blockSize but for the last
	items  []item   // the same by name
	alike  alike
	body   [32]byte // SHA-256
	report ImportReport
	later  int // lines refused only because their zone is not known yet
}

// lookAround judges the surroundings of every item before the writer is bothered.
func (in *importer) lookAround() {
	if len(in.report.Errors) > 0 {
		return
	}
	last := nothing // mostly one and the same
	for _, block := range in.blocks {
		for i := range block {
			it := &block[i]
			warnings, objection := in.checker.glance(it.name, false)
			if objection != nil || last.objection != nil || !slices.Equal(warnings, last.warnings) {
				last = &around{objection: objection, warnings: warnings}
			}
			it.around = last
		}
	}
}

// warn notes what one should know of an item that is imported.
func (in *importer) warn(it *item) {
	for _, w := range it.around.warnings {
		if len(in.report.Warnings) == maxErrors {
			in.report.MoreWarnings++
			continue
		}
		in.report.Warnings = append(in.report.Warnings, ImportError{Line: it.line, Name: it.name, Detail: w.Detail})
	}
}

// refuse notes why a line cannot be imported.
func (in *importer) refuse(line int, name, detail string) {
	if len(in.report.Errors) == maxErrors {
		in.report.MoreErrors++
		return
	}
	in.report.Errors = append(in.report.Errors, ImportError{Line: line, Name: Clip(name), Detail: detail})
}

// run is the import's turn in the writer.
func (in *importer) run(b *batch) error {
	if done, err := in.done(b); done || err != nil {
		return err
	}
	if err := in.check(b); err != nil {
		return err
	}
	in.report.Generation = b.tx.Generation()
	if err := in.put(b); err != nil {
		return err
	}
	return in.remember(b)
}

// failed is the report of an import of which nothing came.
func (in *importer) failed() ImportReport {
	slices.SortFunc(in.report.Errors, func(a, b ImportError) int { return cmp.Compare(a.Line, b.Line) })
	return ImportReport{Lines: in.report.Lines, Errors: in.report.Errors, MoreErrors: in.report.MoreErrors}
}

// done finds out whether this import was carried out before, and takes over its report.
func (in *importer) done(b *batch) (bool, error) {
	if in.key == "" || in.order.DryRun {
		return false, nil
	}
	r, ok, err := b.tx.Receipt(in.receiptKey())
	if err != nil || !ok || !r.Time.After(b.now.Add(-receiptsStand)) {
		return false, err
	}
	if r.Body != in.body {
		in.report.Errors, in.report.MoreErrors = nil, 0
		return false, &Error{Kind: Conflict, Field: "idempotency_key", Value: in.key, Detail: "expected the same body as before under the same key; take another key for another import"}
	}
	in.report = ImportReport{}
	if err := json.Unmarshal(r.Done, &in.report); err != nil {
		return false, fmt.Errorf("%w: receipt: %w", store.ErrDamaged, err)
	}
	in.report.Replayed, in.report.First = true, r.Time
	return true, nil
}

// remember keeps the report under the key, in the same commit.
func (in *importer) remember(b *batch) error {
	if in.key == "" {
		return nil
	}
	done, err := json.Marshal(in.report)
	if err != nil {
		return fmt.Errorf("encoding import report: %w", err)
	}
	if err := b.tx.PruneReceipts(b.now.Add(-receiptsStand)); err != nil {
		return err
	}
	return b.tx.PutReceipt(in.receiptKey(), store.Receipt{Time: b.now, Body: in.body, Done: done})
}

func (in *importer) receiptKey() string { return in.order.Actor + "\x00" + in.key }

// check judges every item against what is there now, before any is written.
func (in *importer) check(b *batch) error {
	if len(in.report.Errors) > 0 {
		return in.refused()
	}
	var olds alike
	for i := range in.items {
		it := &in.items[i]
		old, was, err := b.tx.Flag(it.name)
		if err != nil {
			return err
		}
		if held := notHeld(old); held != nil {
			in.refuse(it.line, it.name, held.Error())
		}
		if err := b.admit(it.terms.Authority); err != nil {
			in.refuse(it.line, it.name, err.Error())
		}
		switch objection := it.around.objection; {
		case !was && objection != nil:
			in.refuse(it.line, it.name, objection.Error())
			if isKind(objection, Unavailable) {
				in.later++
			}
		case !was:
			in.report.Created++
			in.warn(it)
		case same(old, *it.terms):
			it.same = true
			in.report.Unchanged++
		default:
			it.old = olds.terms(old)
			in.report.Replaced++
		}
	}
	if len(in.report.Errors) > 0 {
		return in.refused()
	}
	return b.checkBrake(in.order, in.report.Created)
}

func (in *importer) refused() error {
	n := len(in.report.Errors) + in.report.MoreErrors
	if n == in.later {
		return &Error{Kind: Unavailable, Field: "body", Detail: fmt.Sprintf("%s; this stands against %d lines, and nothing was imported", zoneUnknown, n)}
	}
	return &Error{Kind: Invalid, Field: "body", Detail: fmt.Sprintf("expected only lines that can be imported; %d cannot, and nothing was imported", n)}
}

// put writes the items, all in one generation.
func (in *importer) put(b *batch) error {
	if in.report.Created+in.report.Replaced == 0 {
		return nil
	}
	in.report.Generation = b.tx.NextGeneration()
	b.tx.Bulk()
	b.changes = slices.Grow(b.changes, in.report.Created+in.report.Replaced)
	entry := b.entry(in.order, actionImport, in.report.Generation)
	var now, old store.Flag // here, so that they are allocated once
	for i := range in.items {
		it := &in.items[i]
		if it.same {
			continue
		}
		now = it.flag(it.terms)
		if now.Since.IsZero() {
			now.Since = b.now
		}
		write, before := b.tx.AddFlag, (*store.Flag)(nil)
		if it.old != nil {
			old = it.flag(it.old)
			write, before = b.tx.PutFlag, &old
		}
		if err := b.put(write, entry, before, &now, it.around.found); err != nil {
			return err
		}
	}
	return nil
}
