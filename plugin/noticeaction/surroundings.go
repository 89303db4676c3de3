package noticeaction

import (
	"context"
	"strings"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
)

// surroundings tells the desk what the zone behind holds at and around a
// name. It is asked now, so it is right after a reload or transfer of the
// zone; who hosts whom is as of the last whole read. Safe for concurrent use.
func (n *NoticeAction) surroundings(name string) casework.Surroundings {
	zone, _, ok := n.zones.registrable(name + ".")
	if !ok {
		return casework.Surroundings{}
	}
	d := n.view.delegation(context.Background(), name+".")
	<-n.view.begun // at the start it takes a moment to read a large zone
	hosting := n.view.hosting[zone].Load()
	h := hosting.of(name + ".")
	return casework.Surroundings{
		Known:         d.known,
		Delegated:     len(d.servers) > 0,
		Servers:       withoutDots(d.servers),
		DelegationTTL: seconds(d.ttl),
		DS:            d.ds,
		DSTTL:         seconds(d.dsTTL),
		Unsigned:      n.answers.profiles[zone] == profileInsecure,
		HostsKnown:    hosting != nil,
		HostsOf:       h.count,
		Hosts:         withoutDots(h.hosts),
		Examples:      withoutDots(h.examples),
		AnswerTTL:     seconds(n.answers.ttl),
	}
}

func seconds(ttl uint32) time.Duration { return time.Duration(ttl) * time.Second }

func withoutDots(names []string) []string {
	var out []string
	for _, name := range names {
		out = append(out, strings.TrimSuffix(name, "."))
	}
	return out
}
