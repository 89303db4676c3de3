package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/net/ipv4"
)

const floodBatch = 64

// overload: what is answered when several times as much is asked, and where
// the rest is lost.
func (l *lab) overload(rivals ...*rival) error {
	t := table{title: "Overload", note: "Referrals, asked at a rate whatever is answered. The kernel's drops are those of the server's sockets, as they count them.",
		head: []string{"server", "asked, × what it answers to dnsperf", "asked a second", "answered a second", "lost", "of that, in the kernel's queue"}}
	for _, r := range rivals {
		packets, err := readQueries(r.load.file)
		if err != nil {
			return err
		}
		answered := make(map[int]samples)
		var best samples
		for range l.long {
			peak := 0.0
			for _, times := range []int{1, 2, 4} {
				before, err := drops(r.server.port)
				if err != nil {
					return err
				}
				f, err := flood(r.server.port, packets, int(r.rate.median())*times, loadSeconds)
				if err != nil {
					return fmt.Errorf("flooding %s: %w", r.name, err)
				}
				after, err := drops(r.server.port)
				if err != nil {
					return err
				}
				rate := float64(f.answered) / f.took.Seconds()
				answered[times] = append(answered[times], rate)
				peak = max(peak, rate)
				if lost := f.asked - f.answered; len(answered[times]) == 1 {
					t.rows = append(t.rows, []string{r.name, fmt.Sprint(times), fmt.Sprintf("%.0f", float64(f.asked)/f.took.Seconds()), fmt.Sprintf("%.0f", rate),
						fmt.Sprint(lost), fmt.Sprint(after - before)})
				}
				l.say("  %-40s %d × asked %d, answered %.0f a second, the kernel dropped %d", r.name, times, f.asked, rate, after-before)
			}
			best = append(best, peak)
		}
		if r == rivals[0] {
			l.report.goalAtLeast("answered at 4 × overload, "+r.name, "its own peak", "answers a second", answered[4].over(best), 0.9)
		}
	}
	l.report.add(t)
	return nil
}

// readQueries packs dnsperf's lines.
func readQueries(path string) (packets [][]byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, _, _ := strings.Cut(lines.Text(), " ")
		packet, err := new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.TypeA).Pack()
		if err != nil {
			return nil, fmt.Errorf("packing a query for %s: %w", name, err)
		}
		packets = append(packets, packet)
	}
	return packets, nil
}

// flooded is what came of a flood.
type flooded struct {
	asked, answered int
	took            time.Duration
}

// flood asks at a rate, in bursts of a call, and counts what comes back.
func flood(port string, packets [][]byte, rate, seconds int) (f flooded, err error) {
	conn, err := net.Dial("udp", "127.0.0.1:"+port)
	if err != nil {
		return f, err
	}
	defer conn.Close()
	udp := conn.(*net.UDPConn)
	_ = udp.SetReadBuffer(4 << 20)
	pc := ipv4.NewPacketConn(udp)
	counted := make(chan int)
	go func() { counted <- countReplies(pc) }()
	out := make([]ipv4.Message, floodBatch)
	begin := time.Now()
	for end := begin.Add(time.Duration(seconds) * time.Second); time.Now().Before(end); {
		if due := int(float64(rate) * time.Since(begin).Seconds()); f.asked > due {
			time.Sleep(time.Duration(f.asked-due) * time.Second / time.Duration(rate))
			continue
		}
		for i := range out {
			out[i].Buffers = [][]byte{packets[(f.asked+i)%len(packets)]}
		}
		n, err := pc.WriteBatch(out, 0)
		if err != nil {
			return f, err
		}
		f.asked += n
	}
	f.took = time.Since(begin)
	_ = udp.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
	f.answered = <-counted
	return f, nil
}

// countReplies counts until the connection's deadline.
func countReplies(pc *ipv4.PacketConn) (replies int) {
	in := make([]ipv4.Message, floodBatch)
	for i := range in {
		in[i].Buffers = [][]byte{make([]byte, 2048)}
	}
	for {
		n, err := pc.ReadBatch(in, 0)
		if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, net.ErrClosed) {
			return replies
		}
		replies += n
	}
}

// drops is how many datagrams the kernel could not queue for the UDP sockets
// at a port, proc(5).
func drops(port string) (total int, err error) {
	text, err := os.ReadFile("/proc/net/udp")
	if err != nil {
		return 0, err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 13 || !strings.HasSuffix(fields[1], fmt.Sprintf(":%04X", number)) {
			continue
		}
		n, err := strconv.Atoi(fields[12])
		if err != nil {
			return 0, fmt.Errorf("reading /proc/net/udp: %w", err)
		}
		total += n
	}
	return total, nil
}
