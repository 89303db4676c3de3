package mail

import (
	"embed"
	"fmt"
	"slices"
	"strings"
	"text/template"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
)

//go:embed templates
var files embed.FS

// words are the templates by language.
var words = func() map[string]*template.Template {
	all := make(map[string]*template.Template)
	for in := range languages {
		all[in] = template.Must(template.ParseFS(files, "templates/*."+in+".txt"))
	}
	return all
}()

// script is where the words of a mail are, and in which languages they are written.
type script struct {
	mail      procedure.MailKind
	to        procedure.Role
	file      string
	languages []string // nil: that of the holder
}

var (
	ofRegistrars = []string{"en", "nl", "fr", "de"}
	ofAuthority  = []string{"nl", "fr"}
)

// scripts are all mails that there are.
var scripts = []script{
	{procedure.HolderNotice, procedure.ToHolder, "holder_notice", nil},
	{procedure.ExtensionGiven, procedure.ToHolder, "extension", nil},
	{procedure.NameReinstated, procedure.ToHolder, "reinstated", nil},
	{procedure.RemovalDecided, procedure.ToHolder, "removal_decided", nil},
	{procedure.NameCancelled, procedure.ToHolder, "cancelled", nil},

	{procedure.RegistrarNotice, procedure.ToRegistrar, "registrar_notice", ofRegistrars},
	{procedure.NameReinstated, procedure.ToRegistrar, "registrar_reinstated", ofRegistrars},
	{procedure.RemovalDecided, procedure.ToRegistrar, "registrar_removal_decided", ofRegistrars},
	{procedure.NameCancelled, procedure.ToRegistrar, "registrar_cancelled", ofRegistrars},

	{procedure.Reminder, procedure.ToAuthority, "reminder", ofAuthority},
	{procedure.RelayedWord, procedure.ToAuthority, "relay", ofAuthority},
}

func scriptOf(e procedure.Effect) (script, error) {
	i := slices.IndexFunc(scripts, func(s script) bool { return s.mail == e.Mail && s.to == e.To })
	if i < 0 || e.Kind != procedure.Mail {
		return script{}, fmt.Errorf("composing a mail: expected a mail of the procedure, got %.40q to %.40q", string(e.Mail), string(e.To))
	}
	return scripts[i], nil
}

// text is what a mail says.
type text struct{ subject, body string }

// render writes the mail in each of the languages, one below the other.
func (c Composer) render(s script, in []string, l casework.Letter) (text, error) {
	if s.mail == procedure.RelayedWord && l.Word == nil {
		return text{}, fmt.Errorf("composing a mail: expected the holder's word with %s", s.mail)
	}
	if len(l.Effect.Names) == 0 {
		return text{}, fmt.Errorf("composing a mail: expected the names that %s is about", s.mail)
	}
	var titles, names []string
	var body strings.Builder
	for _, one := range in {
		if words[one] == nil {
			return text{}, &procedure.InvalidError{Field: "parties.language", Detail: fmt.Sprintf("expected one of %v", procedure.Languages)}
		}
		var b strings.Builder
		if err := words[one].ExecuteTemplate(&b, s.file+"."+one+".txt", c.newView(one, l)); err != nil {
			return text{}, fmt.Errorf("composing a mail: %w", err)
		}
		title, rest, _ := strings.Cut(b.String(), "\n")
		if !slices.Contains(titles, title) {
			titles = append(titles, title)
		}
		names = append(names, languages[one].name)
		if len(in) > 1 {
			fmt.Fprintf(&body, "\n\n--- %s ---\n\n", languages[one].name)
		}
		body.WriteString(rest)
	}
	whole := body.String()
	if len(in) > 1 {
		whole = strings.Join(names, " / ") + whole
	}
	return text{subject: subject(l, titles), body: wrap(whole)}, nil
}

// subject names the names first, as the authority's own mails do (4(a) para. 1).
func subject(l casework.Letter, titles []string) string {
	about := show(l.Effect.Names[0])
	if more := len(l.Effect.Names) - 1; more > 0 {
		about += fmt.Sprintf(" (+%d)", more)
	}
	s := clip(line(fmt.Sprintf("%s: %s [%s]", about, strings.Join(titles, " / "), l.Case.ID)), maxTitle)
	return strings.ReplaceAll(s, "=?", "= ?") // would be read as the start of an encoded word
}
