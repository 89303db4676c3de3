package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// nodesView is who answers by the flags of a server.
type nodesView struct {
	Publisher struct {
		Connected, Diverged bool
		Generation          uint64
		Digest              string
		Behind              time.Time
		Error               string
	}
	Nodes []struct {
		Node, Version, Digest, Refusal string
		Generation                     uint64
		Flags                          int
		Applied, Seen                  time.Time
		Age                            int64 `json:"age_seconds"`
		Late                           bool
	}
	Reached *struct {
		Generation uint64
		At         time.Time
		Nodes      int
	}
}

func (a *app) nodesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "nodes",
		Short: "Show the servers that answer by the same flags",
		Args:  cobra.NoArgs,
		RunE: do(func(ctx context.Context, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			var v nodesView
			body, err := c.get(ctx, "/v1/nodes", nil, &v)
			if err != nil {
				return err
			}
			return a.show(body, func(w io.Writer) { printNodes(w, v) })
		}),
	}
	cmd.AddCommand(&cobra.Command{
		Use:               "forget NODE",
		Short:             "Take a node that is gone for good out of the list",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: do(func(ctx context.Context, args []string) error {
			return a.order(ctx, request{method: http.MethodDelete, path: namePath("/v1/nodes/", args[0])}, args[0]+": forgotten")
		}),
	})
	return cmd
}

func printNodes(w io.Writer, v nodesView) {
	fmt.Fprintln(w, "NODE\tGENERATION\tFLAGS\tDIGEST\tREPORTED\tSTATE")
	fmt.Fprintf(w, "etcd\t%d\t\t%.12s\t\t%s\n", v.Publisher.Generation, v.Publisher.Digest, publisherState(v))
	for _, n := range v.Nodes {
		state := "current"
		switch {
		case n.Late:
			state = "late"
		case n.Refusal != "":
			state = "refuses: " + n.Refusal
		case n.Generation != v.Publisher.Generation || n.Digest != v.Publisher.Digest:
			state = "behind"
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%.12s\t%s ago\t%s\n", n.Node, n.Generation, n.Flags, n.Digest, time.Duration(n.Age)*time.Second, state)
	}
}

func publisherState(v nodesView) string {
	p := v.Publisher
	switch {
	case p.Diverged:
		return "diverged: nothing is published; see nactl replica override"
	case !p.Connected:
		return "out of reach: " + p.Error
	case !p.Behind.IsZero():
		return "behind since " + when(p.Behind)
	}
	return "current"
}

func (a *app) replicaCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "replica",
		Short: "Order what other servers do with the flags of this one",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "override",
		Short: "Have every node take the flags of this server as they are",
		Long: "Nodes refuse a set that is older than theirs, empty, or smaller by more than the journal\n" +
			"accounts for, and the server does not publish over a set that its journal does not lead to,\n" +
			"as after an older backup was restored. This has all of them take the flags of this server,\n" +
			"and names that are not flagged here are given back. The journal keeps who did.",
		Args: cobra.NoArgs,
		RunE: do(func(ctx context.Context, _ []string) error {
			return a.order(ctx, request{method: http.MethodPost, path: "/v1/replica/override"}, "ordered")
		}),
	})
	return cmd
}

// order makes a call that answers with nothing.
func (a *app) order(ctx context.Context, r request, done string) error {
	c, err := a.connect()
	if err != nil {
		return err
	}
	if _, _, err := c.call(ctx, r); err != nil {
		return err
	}
	return a.showValue(struct {
		Done bool `json:"done"`
	}{true}, func(w io.Writer) { fmt.Fprintln(w, done) })
}

// errNotEverywhere is returned when not all nodes had a change in time. The change stands.
var errNotEverywhere = errors.New("the change is committed, but not all nodes have it yet")

// waiting is the flags of a command that can wait until all nodes have what it changed.
type waiting struct {
	all  bool
	most time.Duration
}

func (w *waiting) register(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&w.all, "wait-all", false, "wait until all nodes answer by the change")
	cmd.Flags().DurationVar(&w.most, "wait-for", time.Minute, "longest that --wait-all waits")
}

// await waits until all nodes have a generation, and says when they had.
func (w *waiting) await(ctx context.Context, c *client, generation uint64, to io.Writer) error {
	if !w.all {
		return nil
	}
	query := url.Values{"generation": {strconv.FormatUint(generation, 10)}}
	for deadline := time.Now().Add(w.most); ; {
		once := min(time.Until(deadline), 5*time.Second, c.timeout/2)
		query.Set("wait", strconv.Itoa(max(int(once.Seconds()), 0)))
		var v nodesView
		if _, err := c.get(ctx, "/v1/nodes", query, &v); err != nil {
			return fmt.Errorf("%w: %w", errNotEverywhere, err)
		}
		if v.Reached != nil {
			fmt.Fprintf(to, "nactl: on all %d nodes by %s\n", v.Reached.Nodes, v.Reached.At.Format(time.RFC3339Nano))
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%w: %s", errNotEverywhere, without(v, generation))
		}
	}
}

// without says which nodes lack a generation.
func without(v nodesView, generation uint64) string {
	if len(v.Nodes) == 0 {
		return "no node has ever reported"
	}
	var names []string
	for _, n := range v.Nodes {
		if n.Generation < generation {
			names = append(names, n.Node)
		}
	}
	return "expected generation " + strconv.FormatUint(generation, 10) + " on " + strings.Join(names, ", ")
}
