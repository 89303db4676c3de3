package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// paging is the flags of a command that lists what comes in pages.
type paging struct {
	limit int
	after string
	all   bool
}

func (p *paging) register(cmd *cobra.Command, what string) {
	cmd.Flags().IntVar(&p.limit, "limit", 100, "most "+what+" on a page, 1 to 1000; of no effect with --all")
	cmd.Flags().StringVar(&p.after, "after", "", "only "+what+" after this one")
	cmd.Flags().BoolVar(&p.all, "all", false, "every page")
}

// cursor is "next" of a page as the server wrote it, an id or a number; nil on the last page.
type cursor json.RawMessage

func (c cursor) String() string { return strings.Trim(string(c), `"`) }

// fetch reads one page, or all, of what the answer has under key. Each item stays as the server wrote it.
func (p *paging) fetch(ctx context.Context, c *client, path, key string, query url.Values) (items []json.RawMessage, next cursor, err error) {
	limit := p.limit
	if p.all {
		limit = maxPage
	}
	query.Set("limit", strconv.Itoa(limit))
	if p.after != "" {
		query.Set("after", p.after)
	}
	items = []json.RawMessage{}
	for {
		var page map[string]json.RawMessage
		if _, err := c.get(ctx, path, query, &page); err != nil {
			return nil, nil, err
		}
		var part []json.RawMessage
		if err := parse(page[key], &part); err != nil {
			return nil, nil, err
		}
		items = append(items, part...)
		next = cursor(page["next"])
		if !p.all || next == nil {
			return items, next, nil
		}
		query.Set("after", next.String())
	}
}

// parseAll reads each of the items.
func parseAll[T any](items []json.RawMessage) ([]T, error) {
	all := make([]T, len(items))
	for i := range items {
		if err := parse(items[i], &all[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// more says on a table's side how to go on.
func (a *app) more(next cursor) {
	if next != nil && a.output == "table" {
		fmt.Fprintf(a.err, "nactl: there are more: --all, or --after %s\n", next)
	}
}

// set adds a parameter to the query unless its value is empty.
func set(q url.Values, name, value string) {
	if value != "" {
		q.Set(name, value)
	}
}

// pageOf is a page as JSON shows it.
func pageOf(key string, items []json.RawMessage, next cursor) map[string]any {
	page := map[string]any{key: items}
	if next != nil {
		page["next"] = json.RawMessage(next)
	}
	return page
}
