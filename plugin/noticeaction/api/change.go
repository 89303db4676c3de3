package api

import (
	"context"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
)

// Trial is what every change takes. It is exported for huma, which reads
// embedded structs only then.
type Trial struct {
	DryRun bool `query:"dry_run" doc:"Do everything but keep nothing; the reply shows what would be"`
}

// order says who asks for a change and how.
func (t Trial) order(ctx context.Context) casework.Order {
	id := callOf(ctx).Identity
	return casework.Order{Actor: id.Actor, Authority: id.Authority, DryRun: t.DryRun}
}

// note says in the log what was changed.
func (t Trial) note(ctx context.Context, what string) {
	if !t.DryRun {
		callOf(ctx).changed = what
	}
}

// Keyed is what a call takes that is safe to repeat, exported for the same
// reason.
type Keyed struct {
	Key string `header:"Idempotency-Key" maxLength:"200" pattern:"^[\\x21-\\x7e]*$" patternDescription:"printable ASCII without spaces" doc:"Makes a repetition safe: within 24 hours the same key with the same body gives the same reply and does nothing again; with another body it is refused (409)" example:"2026-05-12-list-7"`
}

// Change is what a change takes that safeguards watch over, exported for the
// same reason.
type Change struct {
	Trial
	Force []force `query:"force" nullable:"false" doc:"Safeguards to override, separated by commas. The journal keeps them. \"brake\" asks for the role admin."`
}

// force is one of casework's, as huma checks it.
type force string

// Schema lists what there is.
func (force) Schema(huma.Registry) *huma.Schema { return oneOf(casework.Forces()) }

// oneOf describes a text that is one of the values.
func oneOf[T ~string](values []T) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString}
	for _, v := range values {
		s.Enum = append(s.Enum, string(v))
	}
	return s
}

// order says who asks for a change and how, unless the role may not force it.
func (c Change) order(ctx context.Context) (casework.Order, error) {
	id := callOf(ctx).Identity
	o := c.Trial.order(ctx)
	for _, given := range c.Force {
		f := casework.Force(given)
		if right := forceRight(f); !id.may(right) {
			return o, lacking(id, right)
		}
		o.Force = append(o.Force, f)
	}
	return o, nil
}

// commit notes a change for the log.
func (c Change) commit(ctx context.Context, changed bool, generation uint64) {
	if changed {
		c.note(ctx, "generation "+strconv.FormatUint(generation, 10))
	}
}
