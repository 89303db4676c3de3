package authority

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWhatIsBuiltIn(t *testing.T) {
	a, known := Default().Find("apd-gba")
	if !known {
		t.Fatal("apd-gba is not known")
	}
	for language, name := range map[string]string{
		"nl": "Gegevensbeschermingsautoriteit",
		"fr": "Autorité de protection des données",
		"de": "Datenschutzbehörde",
		"en": "Data Protection Authority",
		"pl": "Data Protection Authority",
	} {
		if got := a.Names.In(language); got != name {
			t.Errorf("in %s: got %q, want %q", language, got, name)
		}
	}
	if err := a.check(); err != nil {
		t.Error(err)
	}
}

func TestWhichBodyGetsTheMail(t *testing.T) {
	const inspection, chamber = "inspection@apd-gba.be", "litigationchamber@apd-gba.be"
	tests := []struct{ office, want string }{
		{"Inspector General", inspection},
		{"Inspecteur-generaal", inspection},
		{"Inspecteur général", inspection},
		{"GENERALINSPEKTOR", inspection},
		{"Inspection Service", inspection},
		{"President of the Litigation Chamber", chamber},
		{"Voorzitter van de Geschillenkamer", chamber},
		{"Président de la Chambre Contentieuse", chamber}, //nolint:misspell // it is French
		{"Präsident der Streitsachenkammer", chamber},
		{"President of the DPA", inspection + " " + chamber},
		{"", inspection + " " + chamber},
		{"Inspector General and President of the Litigation Chamber", inspection + " " + chamber},
	}
	dpa, _ := Default().Find("apd-gba")
	for _, tt := range tests {
		if got := strings.Join(dpa.MailFor(tt.office), " "); got != tt.want {
			t.Errorf("%q: got %s, want %s", tt.office, got, tt.want)
		}
	}
	dpa.Mail = []string{"dpo@apd-gba.be"}
	if got := strings.Join(dpa.MailFor("Inspector"), " "); got != "dpo@apd-gba.be "+inspection {
		t.Errorf("with an address of the whole authority: got %s", got)
	}
}

func TestAnUnknownAuthorityIsCalledByItsID(t *testing.T) {
	for name, d := range map[string]*Directory{"default": Default(), "zero": new(Directory), "nil": nil} {
		a, known := d.Find("gaming-commission")
		if known || a.ID != "gaming-commission" || a.Names.In("nl") != "gaming-commission" || a.Names.In("en") != "gaming-commission" {
			t.Errorf("%s: got %+v, %v", name, a, known)
		}
	}
}

func TestOfDomain(t *testing.T) {
	tests := []struct{ domain, id string }{
		{"apd-gba.be", "apd-gba"},
		{"APD-GBA.be.", "apd-gba"},
		{"mail.apd-gba.be", "apd-gba"},
		{"a.b.apd-gba.be", "apd-gba"},
		{"xapd-gba.be", ""},
		{"apd-gba.be.example.com", ""},
		{"be", ""},
		{"", ""},
		{".", ""},
		{"apd-gba.be..", ""},
	}
	for _, tt := range tests {
		a, known := Default().OfDomain(tt.domain)
		if a.ID != tt.id || known != (tt.id != "") {
			t.Errorf("%q: got %q, %v; want %q", tt.domain, a.ID, known, tt.id)
		}
	}
	if _, known := (*Directory)(nil).OfDomain("apd-gba.be"); known {
		t.Error("a nil directory knows a domain")
	}
}

func TestNobodyCanChangeADirectory(t *testing.T) {
	d := Default()
	a, _ := d.Find("apd-gba")
	a.Domains[0], a.Bodies[0].Mail[0] = "example.com", "x@example.com"
	if b, _ := d.Find("apd-gba"); b.Domains[0] != "apd-gba.be" || b.Bodies[0].Mail[0] != "inspection@apd-gba.be" {
		t.Errorf("got %v and %v", b.Domains, b.Bodies)
	}
	if b, _ := Default().Find("apd-gba"); b.Domains[0] != "apd-gba.be" {
		t.Errorf("what is built in became %v", b.Domains)
	}
}

func TestReadTheExample(t *testing.T) {
	d, err := Read("../../../testdata/authorities.json")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(d.IDs(), " "); got != "apd-gba fps-economy gaming-commission" {
		t.Errorf("got %s", got)
	}
	if a, known := d.OfDomain("economie.fgov.be"); !known || a.ID != "fps-economy" {
		t.Errorf("got %+v, %v", a, known)
	}
}

func TestTheFileReplacesWhatIsBuiltIn(t *testing.T) {
	d, err := parse([]byte(`[{"id":"apd-gba","names":{"nl":"a","fr":"b","de":"c","en":"d"},"mail":["inspection@apd-gba.be"]}]`))
	if err != nil {
		t.Fatal(err)
	}
	a, _ := d.Find("apd-gba")
	if a.Names.In("fr") != "b" || a.Website != "" || len(a.Mail) != 1 {
		t.Errorf("got %+v", a)
	}
	if _, known := d.OfDomain("apd-gba.be"); known {
		t.Error("the domain that the file leaves out is still there")
	}
}

// entry is a good authority with something else in it.
func entry(more string) string {
	const names = `"names":{"nl":"a","fr":"b","de":"c","en":"d"}`
	if strings.Contains(more, `"names"`) {
		return "{" + more + "}"
	}
	return "{" + names + "," + more + "}"
}

func TestWhatAFileMayNotHold(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"nothing", ``, "expected a JSON array"},
		{"an object", `{}`, "expected a JSON array"},
		{"an empty array", `[]`, "expected 1 to 1000 authorities, got 0"},
		{"null", `null`, "expected 1 to 1000 authorities, got 0"},
		{"too many", `[{}` + strings.Repeat(`,{}`, maxAuthorities) + `]`, "got 1001"},
		{"too large", "[" + strings.Repeat(" ", maxFile) + "]", "expected at most 1048576 bytes"},
		{"not UTF-8", "[\"\xff\"]", "expected UTF-8"},
		{"something behind", `[` + entry(`"id":"x"`) + `] []`, "nothing behind it"},
		{"an unknown field", `[` + entry(`"id":"x","phone":"1"`) + `]`, `unknown field "phone"`},
		{"no id", `[` + entry(`"website":""`) + `]`, `id: expected 1 to 63`},
		{"an id in capitals", `[` + entry(`"id":"APD"`) + `]`, `got "APD"`},
		{"an id that ends with a hyphen", `[` + entry(`"id":"x-"`) + `]`, `got "x-"`},
		{"an id too long", `[` + entry(`"id":"`+strings.Repeat("a", 64)+`"`) + `]`, "id: expected 1 to 63"},
		{"an id twice", `[` + entry(`"id":"x"`) + `,` + entry(`"id":"x"`) + `]`, "authority 2: expected each id once, got x again"},
		{"a language missing", `[` + entry(`"id":"x","names":{"nl":"a","fr":"b","en":"d"}`) + `]`, "x: names.de: expected one line"},
		{"a name of two lines", `[` + entry(`"id":"x","names":{"nl":"a\nb","fr":"b","de":"c","en":"d"}`) + `]`, "x: names.nl"},
		{"a website without TLS", `[` + entry(`"id":"x","website":"http://x.be"`) + `]`, "x: website: expected https://HOST"},
		{"a website with a password", `[` + entry(`"id":"x","website":"https://u:p@x.be"`) + `]`, "x: website"},
		{"a website without host", `[` + entry(`"id":"x","website":"https:///a"`) + `]`, "x: website"},
		{"a mail address with a name", `[` + entry(`"id":"x","mail":["X <x@x.be>"]`) + `]`, "x: mail: expected addresses"},
		{"a mail address that adds a header", `[` + entry(`"id":"x","mail":["x@x.be\r\nBcc: y@y.be"]`) + `]`, "x: mail"},
		{"a mail address with an empty label", `[` + entry(`"id":"x","mail":["x@x..be"]`) + `]`, `x: mail: expected addresses such as inspection@apd-gba.be, got "x@x..be"`},
		{"a mail address beyond ASCII", `[` + entry(`"id":"x","mail":["é@x.be"]`) + `]`, "x: mail"},
		{"too many mail addresses", `[` + entry(`"id":"x","mail":["a@b.be"`+strings.Repeat(`,"a@b.be"`, maxList)+`]`) + `]`, "at most 20 entries"},
		{"a body without address", `[` + entry(`"id":"x","bodies":[{"offices":["inspector"]}]`) + `]`, "x: bodies: expected 1 to 20 entries in offices and in mail, got 1 and 0"},
		{"a body without office", `[` + entry(`"id":"x","bodies":[{"mail":["a@x.be"]}]`) + `]`, "x: bodies: expected 1 to 20"},
		{"an office that is empty", `[` + entry(`"id":"x","bodies":[{"offices":[" "],"mail":["a@x.be"]}]`) + `]`, "x: bodies.offices: expected words"},
		{"a body with a bad address", `[` + entry(`"id":"x","bodies":[{"offices":["a"],"mail":["a@x"]}]`) + `]`, "x: bodies.mail: expected addresses"},
		{"too many bodies", `[` + entry(`"id":"x","bodies":[{}`+strings.Repeat(`,{}`, maxList)+`]`) + `]`, "x: bodies: expected at most 20, got 21"},
		{"a public suffix as domain", `[` + entry(`"id":"x","domains":["co.uk"]`) + `]`, "x: domains: expected domains"},
		{"a top-level domain", `[` + entry(`"id":"x","domains":["be"]`) + `]`, "x: domains"},
		{"a domain in capitals", `[` + entry(`"id":"x","domains":["X.be"]`) + `]`, "x: domains"},
		{"a domain with a final dot", `[` + entry(`"id":"x","domains":["x.be."]`) + `]`, "x: domains"},
		{"a domain in U-labels", `[` + entry(`"id":"x","domains":["café.be"]`) + `]`, "x: domains"},
		{"the domain of another", `[` + entry(`"id":"x","domains":["apd-gba.be"]`) + `]`, "got apd-gba.be at apd-gba and x"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parse([]byte(tt.text))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestReadSaysWhichFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "authorities.json")
	if _, err := Read(path); err == nil || !strings.HasPrefix(err.Error(), "reading authorities: ") {
		t.Errorf("of a file that is not there: got %v", err)
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("of a bad file: got %v", err)
	}
}
