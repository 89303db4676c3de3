package api

import (
	"context"
	"encoding/json"
	"time"

	"github.com/coredns-na/coredns-na/internal/version"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
)

type previewOutput struct{ Body previewReply }

type previewReply struct {
	Name     string    `json:"name" doc:"The name in A-labels" example:"example.be"`
	Unicode  string    `json:"unicode" doc:"The name in U-labels" example:"example.be"`
	Allowed  bool      `json:"allowed" doc:"Whether the name may be flagged"`
	Refusal  string    `json:"refusal,omitempty" doc:"Why it may not"`
	Flagged  bool      `json:"flagged" doc:"Whether it is flagged now"`
	Flag     *flag     `json:"flag,omitempty" doc:"The flag, if it is"`
	Warnings []warning `json:"warnings" nullable:"false" doc:"What flagging it would warn of"`

	Zone *surroundings `json:"zone,omitempty" doc:"What the zone holds at and around the name; absent when the server has no view of it, or refuses the name whatever the zone holds"`
}

type surroundings struct {
	Known         bool     `json:"known" doc:"Whether the zone answered; if not, the rest says nothing"`
	Delegated     bool     `json:"delegated" doc:"Whether the zone delegates the name"`
	NameServers   []string `json:"name_servers" nullable:"false" doc:"The delegation's name servers" example:"ns1.example.net"`
	DS            bool     `json:"ds" doc:"Whether the name has a DS record"`
	Signed        bool     `json:"signed" doc:"Whether redirects in this zone are signed; if not, a DS record makes them bogus for validators"`
	HostsKnown    bool     `json:"hosts_known" doc:"Whether the zone could be read as a whole; if not, the next three say nothing"`
	HostsOf       int      `json:"hosts_of" doc:"How many other names have a name server at or below this one" example:"0"`
	Hosts         []string `json:"hosts" nullable:"false" doc:"Some of those servers"`
	HostsExamples []string `json:"hosts_examples" nullable:"false" doc:"Some of those names"`

	RedirectSeconds int64 `json:"redirect_seconds" doc:"How long a resolver may keep what it has learned of the name from the zone, in seconds: after that it asks again and meets a redirect. Records that it has from the holder's servers live by their own TTLs" example:"86400"`
	UndoSeconds     int64 `json:"undo_seconds" doc:"How long until every resolver has forgotten a redirect that ended, in seconds" example:"300"`
}

func showSurroundings(s *casework.Surroundings) *surroundings {
	if s == nil {
		return nil
	}
	return &surroundings{
		Known: s.Known, Delegated: s.Delegated, NameServers: orEmpty(s.Servers), DS: s.DS, Signed: !s.Unsigned,
		HostsKnown: s.HostsKnown, HostsOf: s.HostsOf, Hosts: orEmpty(s.Hosts), HostsExamples: orEmpty(s.Examples),
		RedirectSeconds: int64(s.RedirectWithin().Seconds()), UndoSeconds: int64(s.UndoWithin().Seconds()),
	}
}

func orEmpty(names []string) []string {
	if names == nil {
		return []string{}
	}
	return names
}

func (h *Handler) preview(ctx context.Context, in *NamePath) (*previewOutput, error) {
	p, err := h.config.Desk.Preview(in.Name)
	if err != nil {
		return nil, refusal(ctx, err)
	}
	out := &previewOutput{Body: previewReply{
		Name: p.Name, Unicode: p.Unicode, Allowed: p.Allowed, Refusal: p.Refusal,
		Flagged: p.Flagged, Warnings: warnings(p.Warnings), Zone: showSurroundings(p.Surroundings),
	}}
	if p.Flag != nil {
		view := show(*p.Flag)
		out.Body.Flag = &view
	}
	return out, nil
}

type statusOutput struct{ Body statusReply }

type statusReply struct {
	Version       string         `json:"version" doc:"The program's version" example:"v1.2.3"`
	Commit        string         `json:"commit,omitempty" doc:"The commit it was built from" example:"0123456789ab"`
	Generation    uint64         `json:"generation" doc:"The number of the last committed change" example:"42"`
	Digest        string         `json:"digest" doc:"Of the set of redirects, in hex; equal sets have equal digests"`
	Flags         int            `json:"flags" doc:"Names flagged now" example:"3"`
	Zones         map[string]int `json:"zones" doc:"Names flagged by zone"`
	TableBytes    int            `json:"table_bytes" doc:"Memory that the table holds, in bytes"`
	DatabaseBytes int64          `json:"database_bytes" doc:"Size of the database file, in bytes"`
	Schema        int            `json:"schema" doc:"Version of the database schema" example:"1"`
	LastCommit    time.Time      `json:"last_commit,omitzero" doc:"When the last change was committed; absent: never" example:"2026-05-12T09:30:00Z"`
	JournalLength uint64         `json:"journal_length" doc:"Lines in the journal" example:"42"`
	JournalHead   string         `json:"journal_head" doc:"SHA-256 of the journal's last line, in hex; 64 zeros if there is none"`
	UDPBatch      []Batch        `json:"udp_batch" nullable:"false" doc:"The addresses whose DNS over UDP is read in batches"`
}

// Batch is an address whose DNS over UDP is read in batches.
type Batch struct {
	Address  string `json:"address" doc:"The address as the metrics name it" example:"dns://192.0.2.53:53"`
	Sockets  int    `json:"sockets" doc:"Sockets that read in batches; 0: they could not be opened" example:"4"`
	InPacket bool   `json:"in_packet" doc:"Whether queries for flagged names are answered inside the packet"`
	Chain    string `json:"chain,omitempty" doc:"If not, why all take the plugin chain" example:"acl: it has to see each query"`
}

func (h *Handler) status(ctx context.Context, _ *struct{}) (*statusOutput, error) {
	s, err := h.config.Desk.Status()
	if err != nil {
		return nil, refusal(ctx, err)
	}
	if s.Zones == nil {
		s.Zones = map[string]int{}
	}
	return &statusOutput{Body: statusReply{
		Version: version.String(), Commit: version.Commit(), Generation: s.Generation, Digest: s.Digest,
		Flags: s.Flags, Zones: s.Zones, TableBytes: s.TableBytes, DatabaseBytes: s.DatabaseBytes, Schema: s.Schema,
		LastCommit: s.LastCommit, JournalLength: s.JournalLength, JournalHead: s.JournalHead,
		UDPBatch: h.config.Batches(),
	}}, nil
}

type auditInput struct {
	After uint64 `query:"after" doc:"Only lines after this sequence number: the previous page's \"next\"" example:"0"`
	Name  string `query:"name" doc:"Only lines about this name" example:"example.be"`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"Most lines on the page"`
}

type auditOutput struct{ Body auditReply }

type auditReply struct {
	Entries []json.RawMessage `json:"entries" nullable:"false" doc:"Lines of the journal, oldest first, byte for byte as they are stored. \"prev\" of each is the SHA-256 of the whole line before it, in hex, and 64 zeros in the first."`
	Next    uint64            `json:"next,omitempty" doc:"\"after\" of the next page; absent on the last" example:"100"`
}

func (h *Handler) audit(ctx context.Context, in *auditInput) (*auditOutput, error) {
	lines, next, err := h.config.Desk.Audit(casework.AuditQuery{After: in.After, Name: in.Name, Limit: in.Limit})
	if err != nil {
		return nil, refusal(ctx, err)
	}
	if lines == nil {
		lines = []json.RawMessage{}
	}
	return &auditOutput{Body: auditReply{Entries: lines, Next: next}}, nil
}
