package mail

import (
	"flag"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/authority"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/workday"

	netmail "net/mail"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func composer(t testing.TB) Composer {
	t.Helper()
	directory, err := authority.Read("testdata/authorities.json")
	if err != nil {
		t.Fatal(err)
	}
	return Composer{
		From:     netmail.Address{Name: "DNS Belgium", Address: "noticeaction@registry.example"},
		Registry: "DNS Belgium",
		Contact:  []string{"Philipssite 5, bus 13, 3001 Leuven", "+32 16 00 00 00"},
		Host:     "desk.registry.example", Directory: directory,
	}
}

// at reads Belgian time as "2026-05-12 10:00".
func at(t testing.TB, s string) time.Time {
	t.Helper()
	instant, err := time.ParseInLocation("2006-01-02 15:04", s, brussels)
	if err != nil {
		t.Fatal(err)
	}
	return instant
}

// story is a case as it goes on, and the letters that it asked for.
type story struct {
	t       testing.TB
	c       procedure.Case
	events  []procedure.Event
	letters []casework.Letter
}

// open begins a case whose holder reads the language.
func open(t testing.TB, language string, names ...string) *story {
	t.Helper()
	s := &story{t: t}
	notice := &procedure.Notice{
		Authority:  "apd-gba",
		Inspector:  procedure.Contact{Name: "Inge Spécteur", Email: "inspector@apd-gba.example"},
		Office:     "Inspector General",
		Names:      names,
		Provisions: []string{"GDPR Art. 6", "GDPR Art. 13"},
		Reference:  "DOS-2026-01234",
		Signed:     workday.On(2026, time.May, 11), Signature: "S/MIME, valid",
		Competent: true, Found: true,
	}
	if len(names) == 1 {
		notice.Provisions = notice.Provisions[:1]
	}
	parties := &procedure.Parties{Holder: procedure.Contact{Name: "Jos Hôlder", Email: "holder@site.example"}, Language: language}
	for i, name := range names {
		site := procedure.Site{Name: name, Registrar: procedure.Contact{Name: "Registrar A", Email: "abuse@registrar-a.example"}, Addresses: []string{"192.0.2.1", "2001:db8::1"}}
		if i%2 == 1 {
			site = procedure.Site{Name: name, Registrar: procedure.Contact{Name: "Registrar B", Email: "abuse@registrar-b.example"}, Offline: true}
		}
		parties.Sites = append(parties.Sites, site)
	}
	s.on("2026-05-12 09:00", procedure.Event{Kind: procedure.Open, Case: "C2026-00001", Notice: notice, Parties: parties})
	s.on("2026-05-12 10:00", procedure.Event{Kind: procedure.Approve})
	return s
}

// on records an event at its time.
func (s *story) on(when string, e procedure.Event) *story {
	s.t.Helper()
	e.At, e.Actor = at(s.t, when), procedure.Actor{Kind: procedure.Operator, Name: "ann"}
	steps, err := procedure.Rules{}.Run(s.c, e, e.At)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.take(steps, e.At)
}

// until lets time pass, with a desk that is there.
func (s *story) until(when string) *story {
	s.t.Helper()
	now := at(s.t, when)
	for {
		next, runs := procedure.Next(s.c)
		if !runs || next.Ends().After(now) {
			return s
		}
		s.advance(next.Ends())
	}
}

// advance applies what has ended by now.
func (s *story) advance(now time.Time) *story {
	s.t.Helper()
	steps, err := procedure.Rules{}.Advance(s.c, now)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.take(steps, now)
}

func (s *story) take(steps []procedure.Step, now time.Time) *story {
	for _, step := range steps {
		s.c = step.Case
		s.events = append(s.events, step.Event)
		for _, effect := range step.Effects {
			if effect.Kind != procedure.Mail {
				continue
			}
			l := casework.Letter{Case: step.Case, Effect: effect, At: now, MessageID: "C2026-00001.1@desk.registry.example"}
			if effect.Word > 0 {
				l.Word = &s.events[effect.Word-1]
			}
			s.letters = append(s.letters, l)
		}
	}
	return s
}

// last returns the last letter of the kind to the role.
func (s *story) last(mail procedure.MailKind, to procedure.Role) casework.Letter {
	s.t.Helper()
	for i := len(s.letters) - 1; i >= 0; i-- {
		if e := s.letters[i].Effect; e.Mail == mail && e.To == to {
			return s.letters[i]
		}
	}
	s.t.Fatalf("the case asked for no %s to the %s", mail, to)
	return casework.Letter{}
}
