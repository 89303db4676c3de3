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

const (
	floodBatch = 64
	floodTurn  = 500 * time.Millisecond
	floodAfter = 200 * time.Millisecond // for the last replies
	floodTurns = 5                      // of each kind in a long round
)

// overloads are how many times what it answers to dnsperf a server is asked.
var overloads = []int{1, 2, 4}

// overload: what is answered when several times as much is asked, and where
// the rest is lost.
func (l *lab) overload(rivals ...*rival) error {
	t := table{title: "Overload", note: "Referrals, asked at a rate whatever is answered. The kernel's drops are those of the server's sockets, as they count them. " +
		"A server that has not all of its core shares it with what else the machine does.",
		head: []string{"server", "asked, × what it answers to dnsperf", "asked a second", "answered a second", "lost", "of that, in the kernel's queue", "share of its core"}}
	for _, r := range rivals {
		turns, err := l.floods(r)
		if err != nil {
			return fmt.Errorf("flooding %s: %w", r.name, err)
		}
		rates := make([]samples, len(overloads))
		peak, most := 0, len(overloads)-1
		for i, times := range overloads {
			var sum flooded
			for _, f := range turns[i] {
				rates[i] = append(rates[i], f.rate())
				sum.add(f)
			}
			if rates[i].median() > rates[peak].median() {
				peak = i
			}
			t.rows = append(t.rows, []string{r.name, fmt.Sprint(times), fmt.Sprintf("%.0f", float64(sum.asked)/sum.took.Seconds()), fmt.Sprintf("%.0f", rates[i].median()),
				fmt.Sprint(sum.asked - sum.answered), fmt.Sprint(sum.dropped), fmt.Sprintf("%.0f %%", 100*sum.cpu.Seconds()/sum.took.Seconds())})
			l.say("  %-40s %d × answered %6.0f a second, %d of %d lost, the kernel dropped %d", r.name, times, rates[i].median(), sum.asked-sum.answered, sum.asked, sum.dropped)
		}
		if r == rivals[0] {
			l.report.goalAtLeast(fmt.Sprintf("answered at %d × overload, %s", overloads[most], r.name), "its own peak", "answers a second", rates[most].over(rates[peak]), 0.9)
		}
	}
	l.report.add(t)
	return nil
}

// floods gives each of the overloads its turn in every round, each round
// beginning with another.
func (l *lab) floods(r *rival) (turns [][]flooded, err error) {
	packets, err := readQueries(r.load.file)
	if err != nil {
		return nil, err
	}
	turns = make([][]flooded, len(overloads))
	for round := range floodTurns * l.long {
		for i := range overloads {
			i = (round + i) % len(overloads)
			f, err := l.floodOnce(r, packets, overloads[i])
			if err != nil {
				return nil, err
			}
			turns[i] = append(turns[i], f)
		}
	}
	return turns, nil
}

func (l *lab) floodOnce(r *rival, packets [][]byte, times int) (f flooded, err error) {
	dropped, err := drops(r.server.port)
	if err != nil {
		return f, err
	}
	cpu, err := r.server.cpu()
	if err != nil {
		return f, err
	}
	if f, err = flood(r.server.port, packets, int(r.rate.median())*times, floodTurn); err != nil {
		return f, err
	}
	if f.cpu, err = r.server.cpu(); err != nil {
		return f, err
	}
	f.dropped, err = drops(r.server.port)
	f.cpu -= cpu
	f.dropped -= dropped
	return f, err
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
	dropped         int // by the kernel
	took            time.Duration
	cpu             time.Duration // of the server
}

// rate is how many answers there were a second.
func (f flooded) rate() float64 { return float64(f.answered) / f.took.Seconds() }

func (f *flooded) add(other flooded) {
	f.asked += other.asked
	f.answered += other.answered
	f.dropped += other.dropped
	f.took += other.took
	f.cpu += other.cpu
}

// flood asks at a rate, in bursts of a call, and counts what comes back.
func flood(port string, packets [][]byte, rate int, lasts time.Duration) (f flooded, err error) {
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
	for end := begin.Add(lasts); time.Now().Before(end); {
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
	_ = udp.SetReadDeadline(time.Now().Add(floodAfter))
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
