package intake

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

func TestFlood(t *testing.T) {
	var f flood
	start := time.Date(2026, 5, 12, 10, 0, 0, 0, time.UTC)
	limits := map[string]int{"sender a": 2, "peer p": 3}
	for _, tt := range []struct {
		name  string
		after time.Duration
		from  map[string]int
		want  bool
	}{
		{"first", 0, limits, true},
		{"second", time.Minute, limits, true},
		{"one too many of the sender", time.Minute, limits, false},
		{"another sender of the peer", time.Minute, map[string]int{"sender b": 2, "peer p": 3}, true},
		{"one too many of the peer", time.Minute, map[string]int{"sender c": 2, "peer p": 3}, false},
		{"another peer", time.Minute, map[string]int{"sender c": 2, "peer q": 3}, true},
		{"the last second of the hour", time.Hour - time.Second, limits, false},
		{"an hour later", time.Hour, limits, true},
	} {
		if got := f.admit(start.Add(tt.after), tt.from); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
	for i := range maxCounted {
		f.admit(start.Add(time.Hour), map[string]int{fmt.Sprint("sender ", i): 1})
	}
	if len(f.count) > maxCounted || f.admit(start.Add(time.Hour), map[string]int{"sender new": 1}) {
		t.Errorf("counts %d, and takes one more", len(f.count))
	}
}

// TestAFloodIsPutOff: a sender that leaves too many is told to come again, others are not.
func TestAFloodIsPutOff(t *testing.T) {
	k := new(keeper)
	s := listen(t, Config{Receive: k.receive, PerSender: 2, PerPeer: 4})
	send := func(from string) error {
		c, err := smtp.Dial(s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.SendMail(from, []string{"noticeaction@dnsbelgium.be"}, strings.NewReader("Subject: x\r\n\r\nx\r\n"))
	}
	for _, tt := range []struct {
		from   string
		putOff bool
	}{
		{"flood@example.net", false}, {"Flood@example.net", false}, {"flood@example.net", true},
		{"other@example.net", false}, {"", false}, {"", true}, {"third@example.net", true},
	} {
		err := send(tt.from)
		var reply *smtp.SMTPError
		if errors.As(err, &reply) != tt.putOff || tt.putOff && (reply.Code != 450 || !reply.Temporary()) {
			t.Errorf("%q: got %v, want it put off: %v", tt.from, err, tt.putOff)
		}
	}
}
