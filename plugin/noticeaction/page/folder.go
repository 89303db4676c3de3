package page

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

// builtIn are the contents that are there without a folder: that of the authority of the protocol, and one for
// every other.
//
//go:embed content
var builtIn embed.FS

// Read reads the content of an authority from a folder: nl.md, fr.md, de.md and en.md hold the texts, and
// contact and link, which may be absent, one line each. The error says which file is not what was expected.
func Read(folder fs.FS) (*Page, error) {
	var c Content
	for _, language := range Languages {
		text, err := readFile(folder, language+".md", maxText)
		if err != nil {
			return nil, err
		}
		*c.Texts.in(language) = text
	}
	for name, to := range map[string]*string{"contact": &c.Contact, "link": &c.Link} {
		line, err := readFile(folder, name, maxLink)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		*to = strings.TrimSpace(line)
	}
	p, err := New(c)
	if refused := new(Error); errors.As(err, &refused) {
		file := refused.Field
		if language, isText := strings.CutPrefix(file, "texts."); isText {
			file = language + ".md"
		}
		return nil, &Error{Field: file, Line: refused.Line, Detail: refused.Detail}
	}
	return p, nil
}

// readFile reads a file of at most so many bytes, without the byte order mark that some editors put first.
func readFile(folder fs.FS, name string, most int64) (string, error) {
	if info, err := fs.Stat(folder, name); err == nil && !info.Mode().IsRegular() { // to open a pipe would wait for who writes to it
		return "", &Error{Field: name, Detail: "expected a file, got one of mode " + info.Mode().String()}
	}
	f, err := folder.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", name, err)
	}
	if int64(len(text)) > most {
		return "", &Error{Field: name, Detail: fmt.Sprintf("expected at most %d bytes", most)}
	}
	return strings.TrimPrefix(string(text), "\ufeff"), nil
}

// ReadAll reads the folders below a folder, each named for the authority whose content it holds.
func ReadAll(folder fs.FS) (map[string]*Page, error) {
	entries, err := fs.ReadDir(folder, ".")
	if err != nil {
		return nil, err
	}
	all := make(map[string]*Page)
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		sub, err := fs.Sub(folder, entry.Name())
		if err != nil {
			return nil, err
		}
		if all[entry.Name()], err = Read(below{sub, folder, entry.Name()}); err != nil {
			return nil, fmt.Errorf("%s: %w", entry.Name(), err)
		}
	}
	return all, nil
}

// below is a folder in another one. Its Stat opens nothing, as that of [fs.Sub] does.
type below struct {
	fs.FS
	of   fs.FS
	name string
}

// Stat implements [fs.StatFS].
func (b below) Stat(name string) (fs.FileInfo, error) { return fs.Stat(b.of, path.Join(b.name, name)) }

// generic is the folder of the content for authorities that have none of their own. No authority has this
// name: it is shown to visitors.
const generic = "generic"

var defaults = func() map[string]*Page {
	below, err := fs.Sub(builtIn, "content")
	if err == nil {
		var all map[string]*Page
		if all, err = ReadAll(below); err == nil {
			return all
		}
	}
	panic("page: what is built in: " + err.Error())
}()

// Default is the built-in page of an authority.
func Default(authority string) *Page {
	if p := defaults[authority]; p != nil && authority != generic {
		return p
	}
	return defaults[generic]
}
