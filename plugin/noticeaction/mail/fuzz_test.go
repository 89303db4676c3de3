package mail

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
)

// FuzzCompose puts anything where others than the registry write. Whatever it is, the mail has its own headers,
// recipients and parts and no other.
func FuzzCompose(f *testing.F) {
	f.Add("Jos", "jos@site.example", "GDPR Art. 6", "DOS-1", "C2026-00001", "I ended it.", uint8(0))
	f.Add("Jos\r\nBcc: x@y.example", "jos@site.example\r\n", "{{.From}}\r\n.\r\n", "=?utf-8?q?=0D=0A?=", "a>b", "\r\n.\r\nQUIT\r\n> x\u202e\u2028y\x00", uint8(9))
	f.Add(strings.Repeat(" ", 300)+"x", "a\"b@c.example", "\xff\xfe", "\u0085", "C1", strings.Repeat("é", 2000), uint8(10))
	f.Fuzz(func(t *testing.T, name, email, provision, reference, id, word string, which uint8) {
		if len(name)+len(email)+len(provision)+len(reference)+len(id)+len(word) > 64<<10 {
			return
		}
		s := open(t, procedure.Languages[int(which)%len(procedure.Languages)], "example.be", "xn--caf-dma.be").
			on("2026-05-13 10:00", procedure.Event{Kind: procedure.Claim}).
			on("2026-05-13 11:00", procedure.Event{Kind: procedure.Relay}).
			on("2026-05-13 12:00", procedure.Event{Kind: procedure.Remove}).
			until("2027-06-01 00:00")
		l := s.letters[int(which)%len(s.letters)]
		l.Case.Parties.Holder = procedure.Contact{Name: name, Email: email}
		l.Case.Notice.Inspector.Name = name
		l.Case.Notice.Office, l.Case.Notice.Reference = reference, reference
		l.Case.Notice.Provisions = []string{provision, name}
		l.Case.Parties.Sites = slices.Clone(l.Case.Parties.Sites)
		l.Case.Parties.Sites[0].Addresses = []string{word}
		l.Case.ID = id
		l.Effect.Reason = procedure.Outcome(reference)
		if l.Word != nil {
			w := *l.Word
			w.Text = word
			l.Word = &w
		}
		composed, err := composer(t).Compose(l)
		var invalid *procedure.InvalidError
		if errors.As(err, &invalid) && invalid.Field == "parties.holder.email" {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		checkMessage(t, composed)
		if l.Effect.To == procedure.ToAuthority {
			text := body(t, composed.Message)
			if word := quote(word); word != "" && strings.Count(text, "\r\n> ")+strings.Count(text, "\r\n>\r\n") < 2*strings.Count(word, "\n") {
				t.Errorf("not all of the word is quoted in\n%s", text)
			}
		}
	})
}
