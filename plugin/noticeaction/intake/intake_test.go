package intake

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/store"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/workday"
)

var received = time.Date(2026, 5, 12, 8, 0, 0, 500, time.UTC)

func reader() Reader {
	return Reader{
		Zones:    []string{"be", "vlaanderen."},
		OfDomain: func(domain string) (string, bool) { return "apd-gba", domain == "apd-gba.be" },
		Ours:     func(id string) bool { return strings.HasSuffix(id, "@dnsbelgium.be") },
	}
}

func TestNotices(t *testing.T) {
	may12, may1 := workday.On(2026, 5, 12), workday.On(2026, 5, 1)
	for name, want := range map[string]procedure.Notice{
		"notice-en": {
			Inspector: procedure.Contact{Name: "An Peeters", Email: "an.peeters@apd-gba.be"}, Office: "Inspector General",
			Names: []string{"example.be", "xn--caf-dma.be"},
			Provisions: []string{
				"Article 5(1)(a) of Regulation (EU) 2016/679", "Article 6 of Regulation (EU) 2016/679, and what goes on in the next line", "Article 13",
			},
			Reference: "DOS-2026-00417", Signed: may12, Signature: "(s) A. Peeters", Competent: true, Found: true,
		},
		"notice-nl": {
			Inspector: procedure.Contact{Name: "Jan Janssens", Email: "jan.janssens@apd-gba.be"}, Office: "Inspecteur-generaal",
			Names: []string{"voorbeeld.be"}, Provisions: []string{"artikel 5 AVG", "artikel 6 AVG"},
			Reference: "DOS-2026-1", Signed: may12, Signature: "J. Janssens", Competent: true, Found: true,
		},
		"notice-fr": {
			Inspector: procedure.Contact{Name: "Luc Dubois", Email: "luc.dubois@apd-gba.be"}, Office: "Inspecteur général",
			Names: []string{"exemple.be"}, Provisions: []string{"article 5 du RGPD", "article 6 du RGPD"},
			Reference: "DOS-2026-2", Signed: may1, Signature: "L. Dubois", Competent: true, Found: true,
		},
		"notice-de": {
			Inspector: procedure.Contact{Name: "Karl Weiß", Email: "karl.weiss@apd-gba.be"}, Office: "Generalinspektor",
			Names: []string{"beispiel.be", "xn--caf-dma.be"}, Provisions: []string{"Artikel 5 DSGVO"},
			Reference: "DOS-2026-3", Signed: may12, Signature: "K. Weiß", Competent: true, Found: true,
		},
		"notice-html": {
			Inspector: procedure.Contact{Name: "An Peeters", Email: "an.peeters@apd-gba.be"}, Office: "Inspector General",
			Names: []string{"example.be"}, Provisions: []string{"Article 5 GDPR", "Article 6 GDPR"},
			Reference: "DOS-2026-4", Signed: may12, Signature: "A. Peeters", Competent: true, Found: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := reader().Read(t.Context(), mailFile(t, name), received)
			if n.Status != store.Draft || n.Missing != nil {
				t.Errorf("got %s, missing %q: %s", n.Status, n.Missing, n.Problem)
			}
			if !reflect.DeepEqual(n.Draft, want) {
				t.Errorf("got\n%+q\nwant\n%+q", fmtNotice(n.Draft), fmtNotice(want))
			}
			if n.Problem != "expected a DKIM or S/MIME signature that proves the sender" {
				t.Errorf("got problem %q, want only that the sender is not proven", n.Problem)
			}
			if want := received.Truncate(time.Second); !n.Received.Equal(want) {
				t.Errorf("got received %v, want %v", n.Received, want)
			}
		})
	}
}

// fmtNotice shows what a printed contact hides.
func fmtNotice(n procedure.Notice) []string {
	return append([]string{n.Authority, n.Inspector.Name, n.Inspector.Email, n.Office, n.Reference, n.Signed.String(), n.Signature,
		strings.Join(n.Names, "|")}, n.Provisions...)
}

func TestHeaderOfANotice(t *testing.T) {
	n := reader().Read(t.Context(), mailFile(t, "notice-en"), received)
	got := []string{n.From, n.Subject, n.MessageID, n.SMIME, strings.Join(n.DKIM, "|"), n.Draft.Authority}
	want := []string{"President of the DPA <president@apd-gba.be>", "Notice & Action: example.be, café.be", "na-2026-17@apd-gba.be", "none", "not checked", ""}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

const plainHeader = "From: An <an@apd-gba.be>\r\nSubject: Notice & Action: example.be\r\n"

func TestWhatAMessageIs(t *testing.T) {
	const items = "Reference: DOS-1\r\nOffice: Inspector General\r\n"
	for name, tc := range map[string]struct {
		message string
		status  store.NoticeStatus
		problem string // part of it
	}{
		"two items make a notice, whoever sends it": {
			"From: x@example.net\r\nSubject: example.be\r\n\r\n" + items, store.Draft, "expected a sender at a mail domain of an authority",
		},
		"an authority's prose about a name is a notice with everything missing": {
			plainHeader + "\r\nSee attached.\r\n", store.Draft, "proves the sender",
		},
		"an authority's answer is for a person to read": {
			plainHeader + "In-Reply-To: <a@b>\r\n\r\nAgreed.\r\n", store.Unreadable, "expected the items of Art. 4(b)",
		},
		"a name in a stranger's subject makes no notice": {
			"From: x@example.net\r\nSubject: buy example.be\r\n\r\nCheap!\r\n", store.Unreadable, "expected the items of Art. 4(b)",
		},
		"items without a name in the subject": {
			"From: an@apd-gba.be\r\nSubject: notice\r\n\r\n" + items + "Domain name: example.be\r\n", store.Draft, "expected the domain names in the subject line",
		},
		"names of the body that differ": {
			plainHeader + "\r\n" + items + "Domain name: other.be\r\n", store.Draft, "and no others, in the body",
		},
		"a deeper name": {
			"From: an@apd-gba.be\r\nSubject: www.example.be\r\n\r\n" + items, store.Draft, "expected domain names one label below be",
		},
		"an item twice": {
			plainHeader + "\r\n" + items + "Reference: DOS-2\r\n", store.Draft, "expected each item once",
		},
		"a date that is none": {
			plainHeader + "\r\n" + items + "Date: 31 February 2026\r\n", store.Draft, "expected a date of signature as",
		},
		"an address that no mail can be sent to": {
			plainHeader + "\r\n" + items + "E-mail address: an..x@apd-gba.be\r\n", store.Draft, "expected the e-mail address of the inspector as local@domain",
		},
		"two From lines": {
			"From: an@apd-gba.be\r\nFrom: x@example.net\r\nSubject: example.be\r\n\r\n" + items, store.Draft, "expected one From line with one address",
		},
		"broken MIME with the items in what is left": {
			plainHeader + "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" + items, store.Draft, "expected whole MIME parts",
		},
		"an unknown charset": {
			plainHeader + "Content-Type: text/plain; charset=x-none\r\n\r\n" + items, store.Draft, "proves the sender",
		},
		"encrypted": {
			plainHeader + "Content-Type: multipart/encrypted; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n", store.Unreadable, "not encrypted",
		},
		"nothing":       {"", store.Unreadable, "expected a header as in RFC 5322"},
		"only a body":   {"\r\nReference: 1\r\n\r\n", store.Unreadable, "expected a header as in RFC 5322"},
		"an mbox line":  {"From an@apd-gba.be Tue May 12\r\n" + plainHeader + "\r\n" + items, store.Unreadable, "expected a header as in RFC 5322"},
		"only a header": {plainHeader, store.Unreadable, "expected an empty line"},
		"a long header": {plainHeader + strings.Repeat("X: y\r\n", maxHeaderLines) + "\r\n" + items, store.Unreadable, "expected a header of at most"},
		"too large":     {plainHeader + "\r\n" + strings.Repeat("x", MaxMessage), store.Unreadable, "expected a message of at most 10 MiB"},
		"too deep": {
			nested(50, items), store.Draft, "8 deep",
		},
		"too many parts": {
			plainHeader + "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" + items + strings.Repeat("--b\r\n\r\nx\r\n", 300) + "--b--\r\n", store.Draft, "200 parts",
		},
		"too much text": {
			plainHeader + "\r\n" + items + strings.Repeat("x", 2<<20), store.Draft, "1 MiB of text",
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := reader().Read(t.Context(), []byte(tc.message), received)
			if n.Status != tc.status || !strings.Contains(n.Problem, tc.problem) {
				t.Errorf("got %s, %q, want %s, %q", n.Status, n.Problem, tc.status, tc.problem)
			}
		})
	}
}

// nested returns a notice whose text is that many parts deep, and at the top too.
func nested(depth int, items string) string {
	var b strings.Builder
	b.WriteString(plainHeader)
	for i := range depth {
		fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
		if i == 0 {
			b.WriteString("\r\n" + items + "--b0\r\n")
		}
	}
	return b.String() + "\r\n" + items
}

func TestAHoldersReplyIsForAPersonToRead(t *testing.T) {
	n := reader().Read(t.Context(), mailFile(t, "reply"), received)
	if n.Status != store.Unreadable || strings.Contains(n.Problem, "example") {
		t.Errorf("got %s, %q", n.Status, n.Problem)
	}
	if want := []string{"N2026-00001.1@dnsbelgium.be"}; !slices.Equal(n.References, want) {
		t.Errorf("answers %q, want %q", n.References, want)
	}
	if !strings.HasPrefix(n.Text, "I have taken the page down.\n") {
		t.Errorf("says %q", n.Text)
	}
}

func TestWhatAMessageAnswers(t *testing.T) {
	for name, tc := range map[string]struct {
		header string
		want   []string
	}{
		"nothing":                {"", nil},
		"one":                    {"In-Reply-To: <a@x.be>\r\n", []string{"a@x.be"}},
		"a thread, in its order": {"References: <a@x.be> <b@x.be>\r\n\t<c@x.be>\r\n", []string{"c@x.be", "b@x.be", "a@x.be"}},
		"both, each once":        {"References: <a@x.be><b@x.be>\r\nIn-Reply-To: <b@x.be>\r\n", []string{"b@x.be", "a@x.be"}},
		"words besides":          {"In-Reply-To: Your message of Monday <a@x.be>\r\n", []string{"a@x.be"}},
		"none that is one":       {"References: <a> b <>\r\n", nil},
	} {
		n := reader().Read(t.Context(), []byte("From: a@x.be\r\n"+tc.header+"\r\nHello\r\n"), received)
		if !slices.Equal(n.References, tc.want) {
			t.Errorf("%s: got %q, want %q", name, n.References, tc.want)
		}
	}
}

func TestTheTextIsForAPersonToRead(t *testing.T) {
	n := reader().Read(t.Context(), []byte("Content-Type: text/html; charset=utf-8\r\n\r\n<p>One\x1b[31m</p><p>Two</p>"), received)
	if n.Text != "One[31m\nTwo" && n.Text != "One[31m\n\nTwo" {
		t.Errorf("got %q", n.Text)
	}
	n = reader().Read(t.Context(), []byte("Subject: long\r\n\r\n"+strings.Repeat("é", maxShown)), received)
	if len(n.Text) > maxShown+10 || !strings.HasSuffix(n.Text, "é\n[...]") {
		t.Errorf("got %d bytes, ending in %q", len(n.Text), n.Text[len(n.Text)-10:])
	}
}

func TestMissingItems(t *testing.T) {
	n := reader().Read(t.Context(), []byte(plainHeader+"\r\nReference: DOS-1\r\nFinding: I do not confirm\r\nCompetence: no\r\n"), received)
	want := []string{
		"name of the inspector", "e-mail address of the inspector", "office of the inspector", "infringed provisions",
		"date of signature", "signature", "confirmation of competence", "confirmation of the finding",
	}
	if !slices.Equal(n.Missing, want) {
		t.Errorf("got %q, want %q", n.Missing, want)
	}
}

func TestNames(t *testing.T) {
	for text, want := range map[string]string{
		"Notice & Action: example.be, café.be":                   "example.be xn--caf-dma.be",
		"EXAMPLE.BE":                                             "example.be",
		"[example.be] <café.be>; (a-b.be)":                       "example.be xn--caf-dma.be a-b.be",
		"“example.be” «exemple.be» 'a.be'":                       "example.be exemple.be a.be",
		"example.be.":                                            "example.be",
		"example.be!":                                            "example.be",
		"example.be/exemple.be":                                  "example.be exemple.be",
		"https://www.example.be/a.be?b=c.be":                     "example.be",
		"Domain:example.be":                                      "example.be",
		"xn--caf-dma.be CAFÉ.be":                                 "xn--caf-dma.be",
		"cafe\u0301.be":                                          "xn--caf-dma.be",
		"kasteel.vlaanderen example.brussels":                    "kasteel.vlaanderen",
		"mail an@apd-gba.be about it":                            "",
		"be .be www.example.be":                                  "",
		"xn--a.be a-.be a_b.be xn--caf.be":                       "",
		strings.Repeat("a", 64) + ".be":                          "",
		"Dossier 2026.1 of gegevensbeschermingsautoriteit.be...": "gegevensbeschermingsautoriteit.be",
	} {
		t.Run(text, func(t *testing.T) {
			var p problems
			if got := strings.Join(reader().names(text, &p), " "); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestManyNames(t *testing.T) {
	var text strings.Builder
	for i := range 150 {
		text.WriteString(" a" + strings.Repeat("b", i%50) + strings.Repeat("c", i/50) + ".be")
	}
	var p problems
	if got := reader().names(text.String(), &p); len(got) != maxNames || p.String() != "expected at most 100 domain names" {
		t.Errorf("got %d names, %q", len(got), p)
	}
}

func TestDates(t *testing.T) {
	for text, want := range map[string]string{
		"2026-05-12": "2026-05-12", "12/5/2026": "2026-05-12", "12.05.2026": "2026-05-12", "12-5-2026": "2026-05-12",
		"12 May 2026": "2026-05-12", "May 12, 2026": "2026-05-12", "12th of May 2026": "2026-05-12", "Tuesday, 12 May 2026": "2026-05-12",
		"12 mei 2026": "2026-05-12", "1 maart 2026": "2026-03-01", "1er août 2026": "2026-08-01", "12 décembre 2026": "2026-12-12",
		"12. März 2026": "2026-03-12", "Brussel, 12 februari 2028": "2028-02-12", "29 février 2028": "2028-02-29", "3 Jänner 2027": "2027-01-03",
		"Tue, 12 May 2026 09:29:58 +0200": "2026-05-12",
		"29 februari 2026":                "", "13/13/2026": "", "5/12": "", "12 foo 2026": "", "yesterday": "", "2026-5-32": "",
	} {
		t.Run(text, func(t *testing.T) {
			got, ok := date(text)
			if ok != (want != "") || ok && got.String() != want {
				t.Errorf("got %s, %v, want %q", got, ok, want)
			}
		})
	}
}

func TestConfirmations(t *testing.T) {
	for value, want := range map[string]bool{
		"yes": true, "Ja.": true, "OUI": true, "confirmed": true, "I hereby confirm that": true, "Ik bevestig bevoegd te zijn": true,
		"Je confirme être compétent": true, "Ich bestätige": true, "confirmée": true,
		"": false, "no": false, "nee": false, "not confirmed": false, "I confirm that I am not competent": false, "maybe yes": false,
		"je ne confirme pas": false, "ich bestätige nicht": false, "yesterday": false,
	} {
		t.Run(value, func(t *testing.T) {
			if got := confirmed(value); got != want {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

func TestValuesThatGoOn(t *testing.T) {
	for name, tc := range map[string]struct{ body, provisions, signature string }{
		"in the next line":           {"Provisions:\na\nb\n\nKind regards", "a|b", ""},
		"in a list after a gap":      {"Provisions:\n\n- a\n- b\n\n- c", "a|b", ""},
		"wrapped":                    {"Provisions: a\nb; c\n d", "a b|c d", ""},
		"a wrapped list":             {"Provisions:\n1. a\nb\n2. c", "1. a b|2. c", ""},
		"not below a signature":      {"Signature:\nKind regards", "", ""},
		"indented below a signature": {"Signature: A\n  President", "", "A President"},
		"not after another line":     {"Signature: A\nKind regards\n  President", "", "A"},
		"not after the delimiter":    {"Signature: A\n-- \nProvisions: a", "", "A"},
	} {
		t.Run(name, func(t *testing.T) {
			var p problems
			f := reader().formOfText(tc.body, true, &p)
			if got := strings.Join(f.provisions, "|"); got != tc.provisions || f.signature != tc.signature {
				t.Errorf("got provisions %q and signature %q, want %q and %q", got, f.signature, tc.provisions, tc.signature)
			}
		})
	}
}

func TestFlowedText(t *testing.T) {
	const body = "Office: Inspector \r\nGeneral\r\nReference: DOS-1\r\n"
	n := reader().Read(t.Context(), []byte(plainHeader+"Content-Type: text/plain; format=flowed\r\n\r\n"+body), received)
	if n.Draft.Office != "Inspector General" {
		t.Errorf("got office %q", n.Draft.Office)
	}
}

func TestTextIsMadeHarmless(t *testing.T) {
	n := reader().Read(t.Context(), []byte("From: \"\x1b[31mAn\" <an@apd-gba.be>\r\nSubject: a\x07 \u202eexample.be caf\xe9.be\r\n\r\nOffice: a\x00b\u200b\r\nReference: "+strings.Repeat("x", 9000)+"\r\n"), received)
	for _, s := range []string{n.From, n.Subject, n.Draft.Office} {
		if strings.ContainsAny(s, "\x00\x07\x1b\u202e\u200b") {
			t.Errorf("got %q", s)
		}
	}
	if len(n.Draft.Reference) > maxLine {
		t.Errorf("got a reference of %d characters, want at most %d", len(n.Draft.Reference), maxLine)
	}
	if want := "xn--caf-dma.be"; !slices.Contains(n.Draft.Names, want) {
		t.Errorf("got names %q, want %q among them: Windows-1252 is read where nothing says what it is", n.Draft.Names, want)
	}
}

func TestBounces(t *testing.T) {
	for name, tc := range map[string]struct{ report, bounced, problem string }{
		"dsn-postfix":         {"failed", "C2026-00001.3@dnsbelgium.be", ""},
		"dsn-postfix-delayed": {"delayed", "", "expected a report of a failure, got one of action delayed"},
		"dsn-exim":            {"failed", "C2026-00001.4@dnsbelgium.be", ""},
		"dsn-exchange":        {"failed", "C2026-00001.5@dnsbelgium.be", ""},
		"bounce-qmail":        {"failed", "C2026-00001.6@dnsbelgium.be", ""},
	} {
		t.Run(name, func(t *testing.T) {
			n := reader().Read(t.Context(), mailFile(t, name), received)
			if n.Status != store.Bounce || n.Report != tc.report || n.Bounced != tc.bounced || n.Problem != tc.problem {
				t.Errorf("got %s %s of %q, %q, want %+v", n.Status, n.Report, n.Bounced, n.Problem, tc)
			}
		})
	}
}

func TestABounceOfAnothersMail(t *testing.T) {
	r := reader()
	r.Ours = func(string) bool { return false }
	for _, name := range []string{"dsn-postfix", "bounce-qmail"} {
		if n := r.Read(t.Context(), mailFile(t, name), received); n.Status != store.Bounce || n.Report != "failed" || n.Bounced != "" || n.Problem == "" {
			t.Errorf("%s: got %s of %q, %q", name, n.Status, n.Bounced, n.Problem)
		}
	}
}

func TestAnAutomaticReplyIsNoBounce(t *testing.T) {
	if n := reader().Read(t.Context(), mailFile(t, "vacation"), received); n.Status != store.Unreadable || !strings.Contains(n.Problem, "automatic") {
		t.Errorf("got %s, %q", n.Status, n.Problem)
	}
}

func TestAFaultOfADecoderIsNoFaultOfOurs(t *testing.T) {
	r := reader()
	r.OfDomain = func(string) (string, bool) { panic("as a decoder might") }
	if n := r.Read(t.Context(), mailFile(t, "notice-en"), received); n.Status != store.Unreadable || n.Problem != "expected a message that can be decoded" {
		t.Errorf("got %s, %q", n.Status, n.Problem)
	}
}
