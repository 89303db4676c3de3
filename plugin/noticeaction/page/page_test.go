package page

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/net/html"
	"golang.org/x/sys/unix"
)

func TestEveryAuthorityHasAPage(t *testing.T) {
	for _, authority := range []string{"apd-gba", "gaming-commission", generic} {
		for _, language := range Languages {
			got := string(Default(authority).Render(View{Language: language, Name: "café.be", Authority: "The <Authority>", Website: "https://authority.example/", Abuse: "mailto:abuse@dns.example"}))
			for _, part := range []string{`<html lang="` + language + `">`, "café.be", "The &lt;Authority&gt;", `href="mailto:abuse@dns.example"`, RegistryURL} {
				if !strings.Contains(got, part) {
					t.Errorf("%s in %s: expected %q in\n%s", authority, language, part, got)
				}
			}
		}
	}
	if Default(generic) == Default("apd-gba") {
		t.Error("the page of apd-gba is that of every authority")
	}
}

func TestTheLinkOfTheContentWins(t *testing.T) {
	view := View{Language: "en", Website: "https://directory.example/"}
	c := all("# T\n\nx")
	for link, want := range map[string]string{"": view.Website, "https://content.example/": "https://content.example/"} {
		c.Link = link
		p, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(p.Render(view)); !strings.Contains(got, `<a href="`+want+`">`) {
			t.Errorf("%q: expected %s in\n%s", link, want, got)
		}
	}
}

// The words around the text are there in every language.
func TestFrames(t *testing.T) {
	for _, language := range Languages {
		w := frames[language]
		for _, word := range []string{w.Language, w.Warning, w.Name, w.By, w.Mail, w.Site, w.Hosted, w.Registry, w.Abuse, w.Switch, w.Nothing[0], w.Nothing[1]} {
			if word == "" {
				t.Errorf("%s: a word is missing in %+v", language, w)
			}
		}
		if got := string(Nothing(language, "https://abuse.example/")); !strings.Contains(got, "https://abuse.example/") || strings.Contains(got, w.Hosted) {
			t.Errorf("%s: got %s", language, got)
		}
	}
}

// all is a content with one text for all languages.
func all(text string) Content { return Content{Texts: Texts{NL: text, FR: text, DE: text, EN: text}} }

func TestTheSubset(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"paragraphs", "a\n\nb", "<p>a</p>\n<p>b</p>"},
		{"a line that breaks", "a  \nb", "<p>a<br>\nb</p>"},
		{"emphasis", "*a* **b** _c_", "<p><em>a</em> <strong>b</strong> <em>c</em></p>"},
		{"headings", "## a\n\n### b", "<h2>a</h2>\n<h3>b</h3>"},
		{"a list", "- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>"},
		{"a list that counts", "3. a\n4. b", "<ol start=\"3\">\n<li>a</li>\n<li>b</li>\n</ol>"},
		{"a list in a list", "- a\n  - b", "<ul>\n<li>a\n<ul>\n<li>b</li>\n</ul>\n</li>\n</ul>"},
		{"a link", "[a](https://b.example/?c=d&e)", `<p><a href="https://b.example/?c=d&amp;e">a</a></p>`},
		{"a mail address", "[a](mailto:a@b.example)", `<p><a href="mailto:a@b.example">a</a></p>`},
		{"addresses as they are", "<https://b.example> <a@b.example>", `<p><a href="https://b.example">https://b.example</a> <a href="mailto:a@b.example">a@b.example</a></p>`},
		{"what looks like HTML", `1 \< 2 & 3 > 2`, "<p>1 &lt; 2 &amp; 3 &gt; 2</p>"},
		{"entities are characters", "&lt;b&gt; &eacute;", "<p>&lt;b&gt; é</p>"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := New(all("# Title *of it*\n\n" + tt.text))
			if err != nil {
				t.Fatal(err)
			}
			for _, language := range Languages {
				got := p.texts[language]
				if strings.TrimSpace(string(got.body)) != tt.want || got.title != "Title of it" {
					t.Errorf("%s: got %q with the title %q, want %q", language, got.body, got.title, tt.want)
				}
			}
		})
	}
}

// A title is shown as the text below it would be.
func TestTitles(t *testing.T) {
	tests := map[string]string{
		`*Stop* **it**`: "Stop it", `1 \< 2`: "1 < 2", `a \*b\*`: "a *b*", `caf&eacute; &amp; bar`: "café & bar",
		`\&lt;`: "&lt;", `&lt;b&gt;`: "<b>", `[a](https://b.example)`: "a", "a\\": "a\\",
	}
	for source, want := range tests {
		p, err := New(all("# " + source + "\n\nx"))
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		if got := p.texts["en"].title; got != want {
			t.Errorf("%s: got %q, want %q", source, got, want)
		}
	}
}

func TestWhatIsNotInTheSubset(t *testing.T) {
	tests := []struct {
		name, text string
		line       int
		want       string
	}{
		{"nothing", " \n", 0, "all four languages"},
		{"too much", "# T\n\n" + strings.Repeat("a", maxText), 0, "expected at most 8192 bytes, got 8197"},
		{"not UTF-8", "# T\n\n\xff", 0, "expected UTF-8"},
		{"a control character", "# T\n\na\x1bb", 3, "got U+001B"},
		{"a turned direction", "# T\n\n\na\u202eb", 4, "got U+202E"},
		{"a turned direction by its number", "# T\n\na&#x202e;b", 1, "got U+202E by its number"},
		{"a turned direction by its number in the title", "# T&#8238;\n\na", 1, "got U+202E by its number"},
		{"a character of nobody's", "# T\n\n\ue000", 3, "got U+E000"},
		{"a title that cannot be seen", "# \u00ad\u200b\n\na", 1, "expected a title after"},
		{"no title", "a\n\n# T", 1, "expected the title first"},
		{"a title of a lower level", "## T\n\na", 1, "expected the title first"},
		{"an empty title", "#\n\na", 1, "expected a title after"},
		{"a title alone", "# T\n", 1, "expected a text below the title"},
		{"a second title", "# T\n\na\n\n# U", 5, "expected headings of level 2 and 3"},
		{"a heading of level 4", "# T\n\n#### U", 3, "expected headings of level 2 and 3"},
		{"HTML in a line", "# T\n\na\nb <b>c</b>", 4, "expected no HTML"},
		{"HTML as a block", "# T\n\n<script>alert(1)</script>", 3, "expected no HTML"},
		{"a comment", "# T\n\na\n\n<!-- b -->", 5, "expected no HTML"},
		{"HTML in the title", "# T <i>\n\na", 1, "expected no HTML"},
		{"an image", "# T\n\na\n\n![b](https://b.example/c.png)", 5, "expected no image"},
		{"code in a line", "# T\n\n`a`", 3, "expected no code"},
		{"code in a fence", "# T\n\n```\na\n```", 3, "expected no code"},
		{"a line that is indented", "# T\n\n    a", 3, "does not begin with four spaces"},
		{"a quotation", "# T\n\na\n\n> b", 5, "expected no quotation"},
		{"a rule", "# T\n\na\n\n***\n\nb", 5, "expected no rule"},
		{"a script as a link", "# T\n\n[a](javascript:alert(1))", 3, "expected a link to"},
		{"data as a link", "# T\n\na [a](data:text/html,x)", 3, "expected a link to"},
		{"a link within the page", "# T\n\n[a](/b)", 3, "expected a link to"},
		{"a link with a user", "# T\n\n[a](https://u:p@b.example)", 3, "expected a link to"},
		{"a link with a title", "# T\n\n[a](https://b.example \"c\")", 3, "without a title"},
		{"a mail with more than an address", "# T\n\n[a](mailto:a@b.example?bcc=c@d.example)", 3, "expected a link to"},
		{"an address of another kind", "# T\n\n<ftp://b.example>", 3, "expected a link to"},
		{"a link without text", "# T\n\nx\n\n[](ftp://b.example)", 5, "expected a link to"},
		{"a link by reference", "# T\n\n[a][1]\n\n[1]: https://b.example", 5, "expected the address within the link"},
		{"too deep", "# T\n\n" + strings.Repeat("- ", 10) + "a", 3, "expected nesting of at most"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := all("# T\n\nGood.")
			c.Texts.DE = tt.text
			_, err := New(c)
			var refused *Error
			if !errors.As(err, &refused) {
				t.Fatalf("got %v, want a refusal", err)
			}
			if refused.Field != "texts.de" || refused.Line != tt.line || !strings.Contains(refused.Detail, tt.want) {
				t.Errorf("got %q, want line %d: %q", err, tt.line, tt.want)
			}
		})
	}
}

func TestContactAndLink(t *testing.T) {
	tests := []struct {
		name, contact, link string
		refused             string
	}{
		{"none", "", "", ""},
		{"both", "contact@apd-gba.be", "https://www.apd-gba.be/x?y=z", ""},
		{"a name before the address", "APD <contact@apd-gba.be>", "", "contact"},
		{"two addresses", "a@b.example, c@d.example", "", "contact"},
		{"a header behind the address", "a@b.example?subject=x", "", "contact"},
		{"no address", "a", "", "contact"},
		{"HTTP", "", "http://a.example", "link"},
		{"no host", "", "https:///a", "link"},
		{"a script", "", "javascript:alert(1)", "link"},
		{"a user", "", "https://u@a.example", "link"},
		{"a space", "", "https://a.example/ b", "link"},
		{"too long", "", "https://a.example/" + strings.Repeat("a", maxLink), "link"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := all("# T\n\nx")
			c.Contact, c.Link = tt.contact, tt.link
			p, err := New(c)
			var refused *Error
			switch errors.As(err, &refused); {
			case tt.refused == "" && (err != nil || p.Content() != c):
				t.Errorf("got %v", err)
			case tt.refused != "" && (refused == nil || refused.Field != tt.refused || refused.Line != 0):
				t.Errorf("got %v, want a refusal of %s", err, tt.refused)
			}
		})
	}
}

// folderOf is a folder with a good content for a and something else in it.
func folderOf(change func(fstest.MapFS)) fstest.MapFS {
	f := fstest.MapFS{"a/contact": {Data: []byte("a@b.example\n")}, "a/link": {Data: []byte("https://b.example/\n")}, ".git/x": {}}
	for _, language := range Languages {
		f["a/"+language+".md"] = &fstest.MapFile{Data: []byte("# T " + language + "\n\nx")}
	}
	change(f)
	return f
}

func TestFolders(t *testing.T) {
	tests := []struct {
		name   string
		change func(fstest.MapFS)
		want   string // part of the error; empty: none
	}{
		{"whole", func(fstest.MapFS) {}, ""},
		{"without contact and link", func(f fstest.MapFS) { delete(f, "a/contact"); delete(f, "a/link") }, ""},
		{"without a language", func(f fstest.MapFS) { delete(f, "a/de.md") }, "a: open de.md"},
		{"a text that is refused", func(f fstest.MapFS) { f["a/fr.md"].Data = []byte("# T\n\n<b>") }, "a: fr.md: line 3: expected no HTML"},
		{"a text that is too long", func(f fstest.MapFS) { f["a/fr.md"].Data = make([]byte, maxText+1) }, "a: fr.md: expected at most 8192 bytes"},
		{"a byte order mark", func(f fstest.MapFS) { f["a/de.md"].Data = []byte("\ufeff# T de\r\n\r\nx\r\n") }, ""},
		{"a folder instead of a text", func(f fstest.MapFS) { delete(f, "a/de.md"); f["a/de.md/x"] = &fstest.MapFile{} }, "a: de.md: expected a file"},
		{"two lines of contact", func(f fstest.MapFS) { f["a/contact"].Data = []byte("a@b.example\nc@d.example\n") }, "a: contact: expected one mail address"},
		{"a link that is none", func(f fstest.MapFS) { f["a/link"].Data = []byte("ftp://x") }, "a: link: expected https://"},
		{"a file instead of a folder", func(f fstest.MapFS) { f["b"] = &fstest.MapFile{} }, "b: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ReadAll(folderOf(tt.change))
			switch {
			case tt.want == "" && (err != nil || len(got) != 1 || !strings.Contains(got["a"].content.Texts.DE, "T de")):
				t.Errorf("got %v, %v", got, err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestAPipeInTheFolderIsNotWaitedFor(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, folderOf(func(f fstest.MapFS) { delete(f, "a/contact") })); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(filepath.Join(dir, "a", "contact"), 0o600); err != nil {
		t.Fatal(err)
	}
	for what, read := range map[string]func() error{
		"all folders": func() error { _, err := ReadAll(os.DirFS(dir)); return err },
		"one":         func() error { _, err := Read(os.DirFS(filepath.Join(dir, "a"))); return err },
	} {
		done := make(chan error, 1)
		go func() { done <- read() }()
		select {
		case err := <-done:
			if err == nil || !strings.Contains(err.Error(), "contact: expected a file") {
				t.Errorf("%s: got %v", what, err)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("%s: still waiting for who writes to the pipe", what)
		}
	}
}

// allowed are the elements that a text may become, and the attributes that each may have.
var allowed = map[string]string{
	"p": "", "br": "", "em": "", "strong": "", "h2": "", "h3": "", "ul": "", "li": "", "ol": "start", "a": "href",
}

// FuzzText: whatever is taken becomes HTML of the few elements there are, and leads only where it may; whatever
// is refused names a line that there is.
func FuzzText(f *testing.F) {
	for _, text := range []string{
		"# T\n\n*a* **b** [c](https://d.example) <mailto:a@b.example>", "# T\n\n- a\n  1. b\n\n\tc", "# T\n\n[a][b]\n\n[b]: <java\nscript:x>",
		"# T\n\n<b>", "# T\n\n![a](b)", "# T\n=\n\n&#x202e;&lt;script&gt;", "# T\n\n[a](https://b.example/\"onclick=\"x)", "T\n===\n\na\\\nb",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, source string) {
		p, err := New(all(source))
		if err != nil {
			var refused *Error
			if !errors.As(err, &refused) || refused.Line > 1+strings.Count(source, "\n") || refused.Detail == "" {
				t.Fatalf("refused by %v", err)
			}
			return
		}
		tokens := html.NewTokenizer(strings.NewReader(string(p.texts["nl"].body)))
		for kind := tokens.Next(); kind != html.ErrorToken; kind = tokens.Next() {
			token := tokens.Token()
			switch kind {
			case html.TextToken, html.EndTagToken:
			case html.StartTagToken, html.SelfClosingTagToken:
				attribute, known := allowed[token.Data]
				for _, a := range token.Attr {
					if a.Key != attribute || a.Key == "href" && badTarget(a.Val) != "" {
						t.Fatalf("%s has %s=%q", token.Data, a.Key, a.Val)
					}
				}
				if !known {
					t.Fatalf("got the element %s in %s", token.Data, p.texts["nl"].body)
				}
			default:
				t.Fatalf("got %s", token)
			}
		}
	})
}
