package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// pageLanguages are those of every warning page.
var pageLanguages = []string{"nl", "fr", "de", "en"}

// pageContent is what an authority's warning page says.
type pageContent struct {
	Texts   map[string]string `json:"texts"`
	Contact string            `json:"contact,omitempty"`
	Link    string            `json:"link,omitempty"`
}

// pageVersionView is what nactl reads of a version of a warning page.
type pageVersionView struct {
	Authority, By, SHA256 string
	Version, Repeats      uint64
	Published             time.Time
}

const folderHelp = "A folder holds nl.md, fr.md, de.md and en.md: the text in each language, the title first as\n" +
	"\"# Title\"; below it paragraphs, lists, headings (## and ###), *emphasis* and [links](https://...).\n" +
	"The files contact (a mail address) and link (an https address) may be absent."

func (a *app) pageCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "page",
		Short: "Publish, see and roll back the warning pages of authorities",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.pagePutCommand(), a.pageShowCommand(), a.pageVersionsCommand(), a.pagePreviewCommand(), a.pageRollbackCommand())
	return cmd
}

// oneAuthority wants the id of an authority and at most so many arguments more.
func oneAuthority(more int) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < 1 || args[0] == "" || len(args) > 1+more {
			return fmt.Errorf("expected the id of one authority, such as apd-gba, got %d arguments", len(args))
		}
		return nil
	}
}

func pagePath(authority string) string { return namePath("/v1/authorities/", authority) + "/page" }

// readFolder reads the content of a page.
func readFolder(folder string) ([]byte, error) {
	c := pageContent{Texts: make(map[string]string)}
	for _, language := range pageLanguages {
		text, err := os.ReadFile(filepath.Join(folder, language+".md"))
		if err != nil {
			return nil, fmt.Errorf("reading: %w", err)
		}
		c.Texts[language] = string(text)
	}
	for name, to := range map[string]*string{"contact": &c.Contact, "link": &c.Link} {
		line, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("reading: %w", err)
		}
		*to = strings.TrimSpace(string(line))
	}
	return json.Marshal(c)
}

func (a *app) pagePutCommand() *cobra.Command {
	var how pageChange
	cmd := &cobra.Command{
		Use:   "put AUTHORITY FOLDER",
		Short: "Publish the content in a folder as the warning page of an authority",
		Long:  folderHelp + "\n\nThe same content again changes nothing. See it first with nactl page preview AUTHORITY FOLDER.",
		Args:  cobra.ExactArgs(2),
		RunE: do(func(ctx context.Context, args []string) error {
			body, err := readFolder(args[1])
			if err != nil {
				return err
			}
			return a.changePage(ctx, &how, http.MethodPut, pagePath(args[0]), body)
		}),
	}
	how.register(cmd)
	return cmd
}

func (a *app) pageRollbackCommand() *cobra.Command {
	var how pageChange
	var version uint64
	cmd := &cobra.Command{
		Use:               "rollback AUTHORITY --version N",
		Short:             "Publish the content of an older version as a new version",
		Args:              oneAuthority(0),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: do(func(ctx context.Context, args []string) error {
			body := fmt.Appendf(nil, `{"version":%d}`, version)
			return a.changePage(ctx, &how, http.MethodPost, pagePath(args[0])+"/rollback", body)
		}),
	}
	how.register(cmd)
	cmd.Flags().Uint64Var(&version, "version", 0, "the version whose content is brought back")
	must(cmd.MarkFlagRequired("version"))
	return cmd
}

// pageChange is the flags of a command that changes a page.
type pageChange struct {
	change
	ifMatch string
}

func (p *pageChange) register(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&p.dryRun, "dry-run", false, "do everything but keep nothing")
	cmd.Flags().StringVar(&p.ifMatch, "if-match", "", `only if the page has this ETag, such as '"3"'`)
}

func (a *app) changePage(ctx context.Context, how *pageChange, method, path string, content []byte) error {
	c, err := a.connect()
	if err != nil {
		return err
	}
	header := map[string]string{"Content-Type": "application/json"}
	if how.ifMatch != "" {
		header["If-Match"] = how.ifMatch
	}
	body, _, err := c.call(ctx, request{method: method, path: path, query: how.query(), header: header, body: bytes.NewReader(content)})
	if err != nil {
		return err
	}
	var v struct {
		Page    pageVersionView
		Changed bool
		DryRun  bool `json:"dry_run"`
	}
	if err := parse(body, &v); err != nil {
		return err
	}
	return a.show(body, func(w io.Writer) {
		verb := "unchanged"
		if v.Changed {
			verb = "published"
		}
		fmt.Fprintf(w, "%spage of %s: %s, version %d\n", dry(v.DryRun), v.Page.Authority, verb, v.Page.Version)
	})
}

func (a *app) pageShowCommand() *cobra.Command {
	var version uint64
	cmd := &cobra.Command{
		Use:               "show AUTHORITY",
		Short:             "Show the page that was published last, or a version",
		Args:              oneAuthority(0),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: do(func(ctx context.Context, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			path := pagePath(args[0])
			if version > 0 {
				path += "/versions/" + strconv.FormatUint(version, 10)
			}
			var v struct {
				pageVersionView
				pageContent
			}
			body, err := c.get(ctx, path, nil, &v)
			if err != nil {
				return err
			}
			return a.show(body, func(w io.Writer) {
				fmt.Fprintf(w, "authority\t%s\nversion\t%d\npublished\t%s by %s\nSHA-256\t%s\n", v.Authority, v.Version, when(v.Published), v.By, v.SHA256)
				if v.Repeats > 0 {
					fmt.Fprintf(w, "repeats\t%d\n", v.Repeats)
				}
				fmt.Fprintf(w, "contact\t%s\nlink\t%s\n", dash(v.Contact), dash(v.Link))
				for _, language := range pageLanguages {
					fmt.Fprintf(w, "\n--- %s ---\n%s\n", language, strings.TrimSpace(v.Texts[language]))
				}
			})
		}),
	}
	cmd.Flags().Uint64Var(&version, "version", 0, "another version than the last")
	return cmd
}

func (a *app) pageVersionsCommand() *cobra.Command {
	var pages paging
	cmd := &cobra.Command{
		Use:               "versions AUTHORITY",
		Short:             "List the versions of a page",
		Args:              oneAuthority(0),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: do(func(ctx context.Context, args []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			items, next, err := pages.fetch(ctx, c, pagePath(args[0])+"/versions", "versions", url.Values{})
			if err != nil {
				return err
			}
			versions, err := parseAll[pageVersionView](items)
			if err != nil {
				return err
			}
			err = a.showValue(pageOf("versions", items, next), func(w io.Writer) {
				fmt.Fprintln(w, "VERSION\tPUBLISHED\tBY\tREPEATS\tSHA-256")
				for _, v := range versions {
					repeats := "-"
					if v.Repeats > 0 {
						repeats = strconv.FormatUint(v.Repeats, 10)
					}
					fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\n", v.Version, when(v.Published), v.By, repeats, v.SHA256)
				}
			})
			a.more(next)
			return err
		}),
	}
	pages.register(cmd, "versions")
	return cmd
}

func (a *app) pagePreviewCommand() *cobra.Command {
	var language string
	var version uint64
	cmd := &cobra.Command{
		Use:   "preview AUTHORITY [FOLDER]",
		Short: "Write the page as HTML, as visitors see it, or would see a folder or a version",
		Long:  folderHelp + "\n\nWithout a folder it is what visitors see now.",
		Args:  oneAuthority(1),
		RunE: do(func(ctx context.Context, args []string) error {
			r := request{method: http.MethodGet, path: pagePath(args[0]) + "/preview", query: url.Values{"language": {language}}}
			if len(args) == 2 {
				content, err := readFolder(args[1])
				if err != nil {
					return err
				}
				r.method, r.body, r.header = http.MethodPost, bytes.NewReader(content), map[string]string{"Content-Type": "application/json"}
			} else if version > 0 {
				r.query.Set("version", strconv.FormatUint(version, 10))
			}
			c, err := a.connect()
			if err != nil {
				return err
			}
			html, _, err := c.call(ctx, r)
			if err != nil {
				return err
			}
			_, err = a.out.Write(html)
			return err
		}),
	}
	cmd.Flags().StringVar(&language, "language", "en", "one of "+strings.Join(pageLanguages, ", "))
	cmd.Flags().Uint64Var(&version, "version", 0, "another version than what visitors see now")
	complete(cmd, "language", pageLanguages...)
	return cmd
}
