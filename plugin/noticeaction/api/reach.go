package api

import (
	"context"
	"net/netip"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
)

type reachOutput struct{ Body reachReply }

type reachReply struct {
	At          time.Time       `json:"at" doc:"When this was so" example:"2026-05-12T09:30:00Z"`
	Tried       time.Time       `json:"tried" doc:"When it was last looked up; later than at if nothing new could be seen then" example:"2026-05-13T09:30:00Z"`
	Hosts       []reachHost     `json:"hosts" nullable:"false" doc:"The name and www. below it, those that had addresses"`
	NameServers []string        `json:"name_servers" nullable:"false" doc:"The name's name servers" example:"ns1.example.net"`
	Mail        []reachExchange `json:"mail" nullable:"false" doc:"Its MX records, the most preferred first; empty if it took no mail"`
}

type reachHost struct {
	Host      string       `json:"host" doc:"In A-labels, without final dot" example:"www.example.be"`
	Addresses []netip.Addr `json:"addresses" nullable:"false" doc:"IPv4 first"`
}

type reachExchange struct {
	Preference uint16       `json:"preference" doc:"The lowest first" example:"10"`
	Host       string       `json:"host" doc:"In A-labels, without final dot" example:"mail.example.be"`
	Addresses  []netip.Addr `json:"addresses" nullable:"false" doc:"IPv4 first; empty if they could not be learned"`
}

func showReach(r store.Reach) reachReply {
	reply := reachReply{
		At: r.Record.At, Tried: r.Tried,
		Hosts: []reachHost{}, NameServers: orEmpty(r.Record.Servers), Mail: []reachExchange{},
	}
	for _, h := range r.Record.Hosts {
		reply.Hosts = append(reply.Hosts, reachHost{Host: h.Name, Addresses: h.Addresses})
	}
	for _, x := range r.Record.Mail {
		reply.Mail = append(reply.Mail, reachExchange{Preference: x.Preference, Host: x.Host, Addresses: append([]netip.Addr{}, x.Addresses...)})
	}
	return reply
}

func (h *Handler) reach(ctx context.Context, in *NamePath) (*reachOutput, error) {
	if _, err := h.lookup(ctx, in.Name); err != nil {
		return nil, err
	}
	r, err := h.config.Desk.Reach(in.Name)
	if err != nil {
		return nil, refusal(ctx, err)
	}
	return &reachOutput{Body: showReach(r)}, nil
}
