package mail

import (
	"bytes"
	"errors"
	netmail "net/mail"
	"slices"
	"strings"
	"testing"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/authority"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
)

// TestTheHolderNoticeHasEveryItem goes through Art. 4(c).
func TestTheHolderNoticeHasEveryItem(t *testing.T) {
	s := open(t, "en", "example.be", "xn--caf-dma.be")
	c := compose(t, s.last(procedure.HolderNotice, procedure.ToHolder))
	text := plain(t, c.Message)
	for item, want := range map[string]string{
		"the names":                        "Domain names: example.be, café.be (xn--caf-dma.be)",
		"provisions":                       "- GDPR Art. 6 - GDPR Art. 13",
		"request to end the infringement":  "take the action that is necessary to put an end to these infringements",
		"reference of the file":            "Reference of the authority: DOS-2026-01234",
		"breach of the general terms":      "breach of the general terms and conditions",
		"warning of suspension":            "your right to use the domain names may be suspended for failure to comply with the general terms and conditions",
		"redirection":                      "We immediately redirect your domain names to a warning page",
		"contact":                          "- Inge Spécteur - Inspector General, Data Protection Authority - inspector@apd-gba.example",
		"start of the 14 days":             "sent on 12 May 2026",
		"end of the 14 days":               "end on 26 May 2026 at 24:00 (Belgian time)",
		"where the site is":                "- example.be: 192.0.2.1, 2001:db8::1",
		"a site that was not there":        "- café.be (xn--caf-dma.be): no address",
		"no prosecutor":                    "has not been the subject of an intervention by the public prosecutor's office",
		"the authority's time and silence": "does not tell us its decision within the period",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s: %q is not in\n%s", item, want, text)
		}
	}
	if want := []string{"holder@site.example", "inspector@apd-gba.example", "inspection@apd-gba.example"}; !slices.Equal(c.Recipients, want) {
		t.Errorf("recipients: got %v, want %v", c.Recipients, want)
	}
	if c.Language != "en" || !strings.HasPrefix(c.Subject, "example.be (+1): ") || !strings.HasSuffix(c.Subject, "[C2026-00001]") {
		t.Errorf("got %q in %s", c.Subject, c.Language)
	}
}

func TestTheProsecutorIsNamedWhenInvolved(t *testing.T) {
	for language, want := range map[string]string{
		"nl": "heeft het voorwerp uitgemaakt van een tussenkomst", "fr": "a fait l'objet d'une intervention du ministère public",
		"de": "war Gegenstand eines Einschreitens", "en": "has been the subject of an intervention",
	} {
		l := open(t, language, "example.be").last(procedure.HolderNotice, procedure.ToHolder)
		for _, involved := range []bool{true, false} {
			l.Case.Parties.Prosecutor = involved
			if got := strings.Contains(plain(t, compose(t, l).Message), want); got != involved {
				t.Errorf("%s, involved %v: got %v", language, involved, got)
			}
		}
	}
}

func TestTheBodyThatFoundItGetsTheMail(t *testing.T) {
	l := open(t, "nl", "example.be").last(procedure.HolderNotice, procedure.ToHolder)
	l.Case.Notice.Authority, l.Case.Notice.Office = "apd-gba", "President of the Litigation Chamber"
	c := composer(t)
	c.Directory = authority.Default()
	mail, err := c.Compose(l)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"holder@site.example", "inspector@apd-gba.example", "litigationchamber@apd-gba.be"}; !slices.Equal(mail.Recipients, want) {
		t.Errorf("got %v, want %v", mail.Recipients, want)
	}
}

func TestHeaders(t *testing.T) {
	c := compose(t, open(t, "fr", "xn--caf-dma.be").last(procedure.HolderNotice, procedure.ToHolder))
	m, err := netmail.ReadMessage(bytes.NewReader(c.Message))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"Date":                      "Tue, 12 May 2026 10:00:00 +0200",
		"Message-Id":                "<C2026-00001.1@desk.registry.example>",
		"References":                "<C2026-00001@desk.registry.example>",
		"Auto-Submitted":            "auto-generated",
		"Content-Language":          "fr",
		"Content-Type":              "text/plain; charset=UTF-8",
		"Content-Transfer-Encoding": "quoted-printable",
		"From":                      `"DNS Belgium" <noticeaction@registry.example>`,
		"To":                        "=?utf-8?q?Jos_H=C3=B4lder?= <holder@site.example>",
		"Cc":                        "=?utf-8?q?Inge_Sp=C3=A9cteur?= <inspector@apd-gba.example>, <inspection@apd-gba.example>",
	} {
		if got := m.Header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// TestARegistrarIsToldOfItsOwnNamesOnly also keeps the holder and the infringement from it (Art. 6).
func TestARegistrarIsToldOfItsOwnNamesOnly(t *testing.T) {
	s := open(t, "nl", "example.be", "xn--caf-dma.be")
	s.on("2026-05-20 10:00", procedure.Event{Kind: procedure.Remove})
	s.on("2026-05-21 10:00", procedure.Event{Kind: procedure.Stop})
	told := 0
	for _, l := range s.letters {
		if l.Effect.To != procedure.ToRegistrar {
			continue
		}
		told++
		c := compose(t, l)
		other, own := "café", "registrar-a.example"
		if l.Effect.Names[0] != "example.be" {
			other, own = "example.be", "registrar-b.example"
		}
		text := c.Subject + plain(t, c.Message)
		for _, secret := range []string{other, "holder@", "Hôlder", "DOS-2026", "GDPR", "192.0.2.1", "inspector@"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s tells the registrar %q", l.Effect.Mail, secret)
			}
		}
		if len(c.Recipients) != 1 || !strings.HasSuffix(c.Recipients[0], own) {
			t.Errorf("got %v", c.Recipients)
		}
	}
	if told != 6 {
		t.Errorf("got %d mails to registrars, want 6", told)
	}
}

func TestTheReminderSaysByWhenAndWhatSilenceDoes(t *testing.T) {
	s := open(t, "de", "example.be").until("2026-05-28 00:00")
	c := compose(t, s.last(procedure.Reminder, procedure.ToAuthority))
	text := plain(t, c.Message)
	for _, want := range []string{
		"Nederlands / Français",
		"uiterlijk op 10 juni 2026 om 24.00 uur (Belgische tijd)",
		"au plus tard le 10 juin 2026 à 24 heures (heure belge)",
		"dan beëindigen wij de omleiding", "nous mettrons fin à la redirection",
		"- example.be: 192.0.2.1, 2001:db8::1",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if want := []string{"inspector@apd-gba.example", "inspection@apd-gba.example"}; !slices.Equal(c.Recipients, want) {
		t.Errorf("recipients: got %v, want %v", c.Recipients, want)
	}
	if strings.Contains(text, "later dan voorzien") {
		t.Error("the mail says that it is late, and is not")
	}
}

func TestARelayQuotesTheHolderAndStartsTheRightClock(t *testing.T) {
	claim := procedure.Event{Kind: procedure.Claim, Text: "Done.\r\nTo: someone@else.example\r\n\r\nDe procedure is afgelopen."}
	inWindow := open(t, "nl", "example.be").on("2026-05-13 10:00", claim).on("2026-05-15 10:00", procedure.Event{Kind: procedure.Relay})
	text := body(t, compose(t, inWindow.last(procedure.RelayedWord, procedure.ToAuthority)).Message)
	for _, want := range []string{
		"> Done.\r\n> To: someone@else.example\r\n>\r\n> De procedure is afgelopen.\r\n",
		"14 werkdagen", "14 jours ouvrables", "5\u00a0juni\u00a02026",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("in the window: %q is not in\n%s", want, text)
		}
	}

	later := open(t, "nl", "example.be").on("2026-05-20 10:00", procedure.Event{Kind: procedure.Remove}).
		on("2026-08-03 10:00", claim).on("2026-08-04 10:00", procedure.Event{Kind: procedure.Relay})
	text = body(t, compose(t, later.last(procedure.RelayedWord, procedure.ToAuthority)).Message)
	if !strings.Contains(text, "18\u00a0augustus\u00a02026") || strings.Contains(text, "werkdagen") {
		t.Errorf("in the removal run: got\n%s", text)
	}

	word := open(t, "nl", "example.be").on("2026-05-13 10:00", procedure.Event{Kind: procedure.Word}).
		on("2026-05-15 10:00", procedure.Event{Kind: procedure.Relay})
	text = plain(t, compose(t, word.last(procedure.RelayedWord, procedure.ToAuthority)).Message)
	for _, want := range []string{"De houder gaf daarbij geen tekst.", "Dit bericht doet geen nieuwe termijn lopen."} {
		if !strings.Contains(text, want) {
			t.Errorf("of a word: %q is not in\n%s", want, text)
		}
	}
}

func TestALateMailSaysWhichDayCounts(t *testing.T) {
	s := open(t, "en", "example.be").advance(at(t, "2026-06-02 08:00"))
	text := plain(t, compose(t, s.last(procedure.Reminder, procedure.ToAuthority)).Message)
	if !strings.Contains(text, "De dag die telt, is 27 mei 2026") || !strings.Contains(text, "Le jour qui compte est le 27 mai 2026") {
		t.Errorf("reminder: got\n%s", text)
	}
	s.advance(at(t, "2026-06-20 08:00"))
	text = plain(t, compose(t, s.last(procedure.NameReinstated, procedure.ToHolder)).Message)
	if !strings.Contains(text, "The day that counts is 11 June 2026") {
		t.Errorf("reinstated: got\n%s", text)
	}
}

func TestTheRestOfTheCaseGoesOn(t *testing.T) {
	s := open(t, "en", "example.be", "xn--caf-dma.be").
		on("2026-05-20 10:00", procedure.Event{Kind: procedure.Reinstate, Names: []string{"example.be"}})
	text := plain(t, compose(t, s.last(procedure.NameReinstated, procedure.ToHolder)).Message)
	if !strings.Contains(text, "For the other domain names of this case the procedure goes on.") || strings.Contains(text, "café") {
		t.Errorf("got\n%s", text)
	}
}

// TestALetterThatCannotBeWritten changes one thing in a good letter.
func TestALetterThatCannotBeWritten(t *testing.T) {
	tests := []struct {
		name   string
		change func(*casework.Letter)
		field  string // of the case; empty: the letter makes no sense
	}{
		{"holder without domain", func(l *casework.Letter) { l.Case.Parties.Holder.Email = "holder" }, "parties.holder.email"},
		{"holder with an empty label", func(l *casework.Letter) { l.Case.Parties.Holder.Email = "holder@site..example" }, "parties.holder.email"},
		{"holder with a comment", func(l *casework.Letter) { l.Case.Parties.Holder.Email = "holder@site.example(x)" }, "parties.holder.email"},
		{"holder with a line end", func(l *casework.Letter) { l.Case.Parties.Holder.Email = "holder@site.example\r\nBcc: x@y.example" }, "parties.holder.email"},
		{"holder far too long", func(l *casework.Letter) {
			l.Case.Parties.Holder.Email = strings.Repeat("a", 300) + "@site.example"
		}, "parties.holder.email"},
		{"inspector without address", func(l *casework.Letter) { l.Case.Notice.Inspector.Email = "" }, "notice.inspector.email"},
		{"unknown language", func(l *casework.Letter) { l.Case.Parties.Language = "pl" }, "parties.language"},
		{"no language", func(l *casework.Letter) { l.Case.Parties.Language = "" }, "parties.language"},
		{"unknown mail", func(l *casework.Letter) { l.Effect.Mail = "birthday" }, ""},
		{"a reminder to the holder", func(l *casework.Letter) { l.Effect.Mail = procedure.Reminder }, ""},
		{"an effect that is no mail", func(l *casework.Letter) { l.Effect.Kind = procedure.Flag }, ""},
		{"no names", func(l *casework.Letter) { l.Effect.Names = nil }, ""},
		{"a Message-ID that adds a header", func(l *casework.Letter) { l.MessageID = "x@y>\r\nBcc: x@y.example" }, ""},
		{"no Message-ID", func(l *casework.Letter) { l.MessageID = "" }, ""},
		{"a relay without word", func(l *casework.Letter) { l.Effect.Mail, l.Effect.To = procedure.RelayedWord, procedure.ToAuthority }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := open(t, "nl", "example.be").last(procedure.HolderNotice, procedure.ToHolder)
			tt.change(&l)
			_, err := composer(t).Compose(l)
			var invalid *procedure.InvalidError
			switch {
			case err == nil:
				t.Error("it was written")
			case errors.As(err, &invalid) && invalid.Field != tt.field, !errors.As(err, &invalid) && tt.field != "":
				t.Errorf("got %v, want one about %q", err, tt.field)
			case strings.Contains(err.Error(), "site."):
				t.Errorf("the error repeats the address: %v", err)
			}
		})
	}
}

func TestAddressesAndIDs(t *testing.T) {
	l := open(t, "nl", "example.be").last(procedure.HolderNotice, procedure.ToHolder)
	l.Case.Parties.Holder.Email = "jos@café.example"
	l.MessageID = "C2026-00001.7"
	c := compose(t, l)
	if c.Recipients[0] != "jos@xn--caf-dma.example" {
		t.Errorf("got %v", c.Recipients)
	}
	if !bytes.Contains(c.Message, []byte("Message-ID: <C2026-00001.7@desk.registry.example>\r\n")) {
		t.Errorf("got\n%s", c.Message)
	}
	for address, want := range map[string]string{
		"a@b.example": "<a@b.example>", `a"b@c.example`: `<"a\"b"@c.example>`, "a>b@c.example": `<"a>b"@c.example>`,
	} {
		if got, err := path(address); err != nil || got != want {
			t.Errorf("%s: got %s, %v", address, got, err)
		}
	}
}

// TestReaddress: a mail that has not arrived goes to the addresses of now, and says what it said.
func TestReaddress(t *testing.T) {
	l := open(t, "nl", "example.be").last(procedure.HolderNotice, procedure.ToHolder)
	before := compose(t, l)
	l.Case.Parties.Holder = procedure.Contact{Name: "Nieuwe Hôuder", Email: "right@café.example"}
	after, err := composer(t).Readdress(l, before.Message)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"right@xn--caf-dma.example", "inspector@apd-gba.example", "inspection@apd-gba.example"}; !slices.Equal(after.Recipients, want) {
		t.Errorf("recipients: got %v, want %v", after.Recipients, want)
	}
	m, err := netmail.ReadMessage(bytes.NewReader(after.Message))
	if err != nil {
		t.Fatal(err)
	}
	to, err := m.Header.AddressList("To")
	if err != nil || len(to) != 1 || to[0].Name != "Nieuwe Hôuder" || to[0].Address != "right@xn--caf-dma.example" {
		t.Errorf("To: got %v, %v", to, err)
	}
	if cc, err := m.Header.AddressList("Cc"); err != nil || len(cc) != 2 {
		t.Errorf("Cc: got %v, %v", cc, err)
	}
	header, body, _ := bytes.Cut(before.Message, []byte("\r\n\r\n"))
	newHeader, newBody, _ := bytes.Cut(after.Message, []byte("\r\n\r\n"))
	if !bytes.Equal(body, newBody) {
		t.Error("the body is another")
	}
	for _, field := range bytes.Split(header, []byte("\r\n")) {
		name, _, _ := bytes.Cut(field, []byte(":"))
		if address := bytes.EqualFold(name, []byte("to")) || bytes.EqualFold(name, []byte("cc")); !address && !bytes.Contains(field, []byte("@")) && !bytes.Contains(newHeader, field) {
			t.Errorf("%q is not in\n%s", field, newHeader)
		}
	}
	if bytes.Contains(after.Message, []byte("holder@site.example")) {
		t.Error("the old address is still there")
	}
	checkMessage(t, casework.Composed{Recipients: after.Recipients, Language: before.Language, Subject: before.Subject, Message: after.Message})
	l.Case.Parties.Holder.Email = "right@"
	if _, err := composer(t).Readdress(l, before.Message); err == nil {
		t.Error("an address that is none was taken")
	}
}
