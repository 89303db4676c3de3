package mail

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
)

const goldenFolder = "../../../testdata/mail"

// stories are the ways that a case can go, each with the letters that it shows. Those to others than the holder
// do not depend on the holder's language.
var stories = []struct {
	name    string
	tell    func(*story)
	letters []script
}{
	{"begin", func(*story) {}, []script{
		{mail: procedure.HolderNotice, to: procedure.ToHolder},
		{mail: procedure.RegistrarNotice, to: procedure.ToRegistrar},
	}},
	{"corrected", func(s *story) {
		s.on("2026-05-20 10:00", procedure.Event{Kind: procedure.Correct, Resend: true, Parties: &procedure.Parties{Holder: procedure.Contact{Email: "right@site.example"}}})
		s.until("2026-06-01 00:00")
	}, []script{{mail: procedure.HolderNotice, to: procedure.ToHolder}, {mail: procedure.Reminder, to: procedure.ToAuthority}}},
	{"extended", func(s *story) {
		s.on("2026-05-20 10:00", procedure.Event{Kind: procedure.Extend, Days: 10})
	}, []script{{mail: procedure.ExtensionGiven, to: procedure.ToHolder}}},
	{"complied", func(s *story) {
		s.on("2026-05-20 10:00", procedure.Event{Kind: procedure.Reinstate})
	}, []script{{mail: procedure.NameReinstated, to: procedure.ToHolder}, {mail: procedure.NameReinstated, to: procedure.ToRegistrar}}},
	{"suspended", func(s *story) {
		s.on("2026-05-20 10:00", procedure.Event{Kind: procedure.Suspend})
	}, []script{{mail: procedure.NameReinstated, to: procedure.ToHolder}}},
	{"stopped", func(s *story) {
		s.on("2026-05-20 10:00", procedure.Event{Kind: procedure.Stop})
	}, []script{{mail: procedure.NameReinstated, to: procedure.ToHolder}}},
	{"silent", func(s *story) {
		s.until("2026-07-01 00:00")
	}, []script{{mail: procedure.Reminder, to: procedure.ToAuthority}, {mail: procedure.NameReinstated, to: procedure.ToHolder}}},
	{"silent-late", func(s *story) {
		s.advance(at(s.t, "2026-07-01 08:30"))
	}, []script{
		{mail: procedure.Reminder, to: procedure.ToAuthority},
		{mail: procedure.NameReinstated, to: procedure.ToHolder},
		{mail: procedure.NameReinstated, to: procedure.ToRegistrar},
	}},
	{"word", func(s *story) {
		s.on("2026-05-20 10:00", procedure.Event{Kind: procedure.Word, Text: "Who are you?"})
		s.on("2026-05-21 10:00", procedure.Event{Kind: procedure.Relay})
	}, []script{{mail: procedure.RelayedWord, to: procedure.ToAuthority}}},
	{"claim", func(s *story) {
		s.on("2026-05-20 10:00", procedure.Event{Kind: procedure.Claim, Text: "Madame,\r\n\r\nLe formulaire a été retiré. " + strings.Repeat("Tout est en ordre. ", 8) + "\r\n.\r\n> cité\r\n"})
		s.on("2026-05-21 10:00", procedure.Event{Kind: procedure.Relay})
	}, []script{{mail: procedure.RelayedWord, to: procedure.ToAuthority}}},
	{"removed", func(s *story) {
		s.on("2026-05-20 10:00", procedure.Event{Kind: procedure.Remove})
	}, []script{{mail: procedure.RemovalDecided, to: procedure.ToHolder}, {mail: procedure.RemovalDecided, to: procedure.ToRegistrar}}},
	{"removed-claim-pending", func(s *story) {
		s.on("2026-05-20 10:00", procedure.Event{Kind: procedure.Claim, Text: "Done."})
		s.on("2026-05-20 11:00", procedure.Event{Kind: procedure.Remove})
	}, []script{{mail: procedure.RemovalDecided, to: procedure.ToHolder}}},
	{"claim-after-removal", func(s *story) {
		s.on("2026-05-20 10:00", procedure.Event{Kind: procedure.Remove})
		s.on("2026-08-01 09:00", procedure.Event{Kind: procedure.ClaimAtAuthority})
		s.on("2026-08-03 10:00", procedure.Event{Kind: procedure.Claim})
		s.on("2026-08-04 10:00", procedure.Event{Kind: procedure.Relay})
	}, []script{{mail: procedure.RelayedWord, to: procedure.ToAuthority}}},
	{"cancelled", func(s *story) {
		s.on("2026-05-20 10:00", procedure.Event{Kind: procedure.Remove})
		s.until("2026-12-01 00:00")
	}, []script{{mail: procedure.NameCancelled, to: procedure.ToHolder}, {mail: procedure.NameCancelled, to: procedure.ToRegistrar}}},
	{"cancelled-late", func(s *story) {
		s.on("2026-05-20 10:00", procedure.Event{Kind: procedure.Remove})
		s.advance(at(s.t, "2026-12-01 08:30"))
	}, []script{{mail: procedure.NameCancelled, to: procedure.ToHolder}}},
}

// nameSets are what the cases of the golden files are about.
var nameSets = []struct {
	name  string
	names []string
}{
	{"", []string{"xn--caf-dma.be"}},
	{"-several", []string{"example.be", "xn--caf-dma.be", "example.brussels"}},
}

// TestGolden writes every mail in every language, of one name and of several. With -update the files are
// written; their change is to be read.
func TestGolden(t *testing.T) {
	seen := make(map[string]bool)
	for _, language := range procedure.Languages {
		for _, set := range nameSets {
			for _, st := range stories {
				s := open(t, language, set.names...)
				st.tell(s)
				for _, want := range st.letters {
					l := s.last(want.mail, want.to)
					script, err := scriptOf(l.Effect)
					if err != nil {
						t.Fatal(err)
					}
					name := script.file + "." + st.name + set.name
					if script.languages == nil {
						name += "." + language
					}
					if seen[name] {
						continue
					}
					seen[name] = true
					t.Run(name, func(t *testing.T) {
						golden(t, name+".eml", compose(t, l))
					})
				}
			}
		}
	}
	if *update {
		return
	}
	kept, err := filepath.Glob(filepath.Join(goldenFolder, "*.eml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range kept {
		if !seen[strings.TrimSuffix(filepath.Base(path), ".eml")] {
			t.Errorf("%s is the golden file of no mail", path)
		}
	}
}

func compose(t testing.TB, l casework.Letter) casework.Composed {
	t.Helper()
	composed, err := composer(t).Compose(l)
	if err != nil {
		t.Fatal(err)
	}
	again, err := composer(t).Compose(l)
	if err != nil || !bytes.Equal(composed.Message, again.Message) {
		t.Fatalf("the same letter gave other bytes, or %v", err)
	}
	checkMessage(t, composed)
	return composed
}

func golden(t *testing.T, name string, got casework.Composed) {
	t.Helper()
	path := filepath.Join(goldenFolder, name)
	if *update {
		if err := os.WriteFile(path, got.Message, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Message, want) {
		t.Errorf("%s: got\n%s", name, body(t, got.Message))
	}
}

// TestEveryMailOfTheProcedureHasAGoldenFile keeps the stories from forgetting one.
func TestEveryMailOfTheProcedureHasAGoldenFile(t *testing.T) {
	for _, s := range scripts {
		told := slices.ContainsFunc(stories, func(st struct {
			name    string
			tell    func(*story)
			letters []script
		}) bool {
			return slices.ContainsFunc(st.letters, func(l script) bool { return l.mail == s.mail && l.to == s.to })
		})
		if !told {
			t.Errorf("no story shows %s to the %s", s.mail, s.to)
		}
	}
}

// TestNoTemplateIsMissing wants a file for each mail and language, and no other.
func TestNoTemplateIsMissing(t *testing.T) {
	var want []string
	for in := range languages {
		want = append(want, "parts."+in+".txt")
	}
	for _, s := range scripts {
		in := s.languages
		if in == nil {
			in = procedure.Languages
		}
		for _, one := range in {
			want = append(want, s.file+"."+one+".txt")
		}
	}
	entries, err := files.ReadDir("templates")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

// TestTheHoldersLanguagesAreThoseOfTheProcedure keeps the two lists the same.
func TestTheHoldersLanguagesAreThoseOfTheProcedure(t *testing.T) {
	for _, in := range procedure.Languages {
		if _, known := languages[in]; !known || words[in] == nil {
			t.Errorf("there are no words in %s", in)
		}
	}
	if len(languages) != len(procedure.Languages) {
		t.Errorf("got %d languages, want %d", len(languages), len(procedure.Languages))
	}
}

func TestDates(t *testing.T) {
	tests := []struct{ language, date, day, until string }{
		{"nl", "2026-05-26", "26 mei 2026", "26 mei 2026 om 24.00 uur (Belgische tijd)"},
		{"fr", "2026-05-26", "26 mai 2026", "26 mai 2026 à 24 heures (heure belge)"},
		{"fr", "2026-08-01", "1er août 2026", "1er août 2026 à 24 heures (heure belge)"},
		{"de", "2026-03-01", "1. März 2026", "1. März 2026 um 24:00 Uhr (belgische Zeit)"},
		{"en", "2026-12-31", "31 December 2026", "31 December 2026 at 24:00 (Belgian time)"},
	}
	for _, tt := range tests {
		d := dayOf(at(t, tt.date+" 23:59").Add(59 * time.Second))
		plain := strings.NewReplacer("\u00a0", " ")
		if got := plain.Replace(day(tt.language, d)); got != tt.day {
			t.Errorf("%s: got %q, want %q", tt.language, got, tt.day)
		}
		if got := plain.Replace(until(tt.language, d)); got != tt.until {
			t.Errorf("%s: got %q, want %q", tt.language, got, tt.until)
		}
	}
	if day("nl", 0) != "" || until("nl", 0) != "" || dayOf(time.Time{}) != 0 {
		t.Error("no date was written out")
	}
}
