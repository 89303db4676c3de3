package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/coredns-na/coredns-na/internal/e2e"
)

// looks are the ways in which the page is looked at.
var looks = []struct {
	name          string
	width, height int64
	media, scheme string
}{
	{"desktop", 1280, 900, "screen", "light"},
	{"desktop-dark", 1280, 900, "screen", "dark"},
	{"narrow", 320, 640, "screen", "light"}, // WCAG 1.4.10: as a desktop at 400 %
	{"narrow-dark", 320, 640, "screen", "dark"},
	{"print", 794, 1123, "print", "light"}, // A4
}

// layout is what holds of the page in every language and look, as expressions in the browser.
var layout = map[string]string{
	"the values of the list to stand in one column": `new Set([...document.querySelectorAll("dd")].map(d => d.getBoundingClientRect().left)).size === 1`,
	"no word of the text to be broken": `[...document.querySelectorAll("main > p:not(.authority), main > ul li")].every(e => {
		const text = document.createTreeWalker(e, NodeFilter.SHOW_TEXT)
		while (text.nextNode()) {
			for (const word of text.currentNode.data.matchAll(/[\p{L}\p{M}]+/gu)) {
				const range = new Range()
				range.setStart(text.currentNode, word.index)
				range.setEnd(text.currentNode, word.index + word[0].length)
				if (new Set([...range.getClientRects()].map(r => r.top)).size > 1) return false
			}
		}
		return true
	})`,
}

// onPaper is whether paper says where a link leads.
const onPaper = `[...document.querySelectorAll("footer a")].every(a => getComputedStyle(a, "::after").content.includes(a.getAttribute("href")))`

// TestTheBrowserShowsThePage: Chromium shows the page in each language and look, without a violation of WCAG 2.2 AA,
// without scrolling sideways, and without asking for anything else. The screenshots stay in testdata/artefacts.
func TestTheBrowserShowsThePage(t *testing.T) {
	axe, err := os.ReadFile(filepath.Join(e2e.Root(), "internal", "axe", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatalf("expected make tools to have installed axe-core: %v", err)
	}
	artefacts := filepath.Join(e2e.Root(), "testdata", "artefacts")
	if err := os.MkdirAll(artefacts, 0o755); err != nil {
		t.Fatal(err)
	}
	tab := startBrowser(t, servePage(t).page)
	seen := watch(tab, t)
	for _, language := range []string{"nl", "fr", "de", "en"} {
		for _, look := range looks {
			t.Run(language+"/"+look.name, func(t *testing.T) {
				must(t, chromedp.Do(tab,
					call(network.Enable, network.EnableParams{}), call(log.Enable, cdp.Empty{}),
					call(network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": language}}),
					call(emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: look.width, Height: look.height, DeviceScaleFactor: 1}),
					call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
						Media: look.media, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: look.scheme}},
					}),
					chromedp.Navigate("http://www.example.be/a/page"),
				))
				if lang := get(tab, t, chromedp.Evaluate[string](`document.documentElement.lang`)); lang != language {
					t.Errorf("got the language %q", lang)
				}
				if title := get(tab, t, chromedp.Title()); title == "" {
					t.Error("got no title")
				}
				if get(tab, t, chromedp.Evaluate[bool](`document.documentElement.scrollWidth > window.innerWidth`)) {
					t.Errorf("wider than %d pixels", look.width)
				}
				for what, holds := range layout {
					if !get(tab, t, chromedp.Evaluate[bool](holds)) {
						t.Errorf("expected %s", what)
					}
				}
				if look.media == "print" && !get(tab, t, chromedp.Evaluate[bool](onPaper)) {
					t.Error("expected the addresses behind the footer's links in print")
				}
				shot := get(tab, t, chromedp.FullScreenshot(100))
				must(t, os.WriteFile(filepath.Join(artefacts, "page-"+language+"-"+look.name+".png"), shot, 0o644))
				get(tab, t, chromedp.Evaluate[int](string(axe)+"; 0"))
				result := get(tab, t, chromedp.Evaluate[string](`axe.run({runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then(r => JSON.stringify({
					violations: r.violations.map(v => ({id: v.id, help: v.help, nodes: v.nodes.map(n => n.html)})), passes: r.passes.map(p => p.id)}))`, chromedp.EvalAwaitPromise))
				checkAxe(t, result)
				seen.check(t)
			})
		}
	}
}

// TestALinkChangesTheLanguage follows the page's own links, by the keyboard alone.
func TestALinkChangesTheLanguage(t *testing.T) {
	tab := startBrowser(t, servePage(t).page)
	must(t, chromedp.Do(tab,
		chromedp.Navigate("http://www.example.be/shop?item=1"),
		chromedp.KeyEvent("\t\t\r"), // the second link, and enter
		chromedp.WaitVisible(chromedp.CSS(`html[lang="fr"]`)),
	))
	if address := get(tab, t, chromedp.Location()); address != "http://www.example.be/shop?lang=fr" {
		t.Errorf("got to %s", address)
	}
	if cookies := get(tab, t, chromedp.Evaluate[string](`document.cookie`)); cookies != "" {
		t.Errorf("got the cookies %q", cookies)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// get is what the action gives.
func get[T any](tab context.Context, t *testing.T, action chromedp.Action[T]) T {
	t.Helper()
	v, err := chromedp.Run(tab, action)
	must(t, err)
	return v
}

// call is a command of the protocol as an action.
func call[P any](command cdp.Command[P, cdp.Empty], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, command, params)
		return err
	})
}

// served is a server whose page example.be is redirected to.
type served struct {
	dns, page, secure string // addresses
	pid               int
	ca                *e2e.Pebble
}

func servePage(t *testing.T) served {
	t.Helper()
	dir := t.TempDir()
	port, plain, secure := e2e.FreePort(t), e2e.FreePort(t), e2e.FreePort(t)
	s := served{dns: e2e.Address(port), page: e2e.Address(plain), secure: e2e.Address(secure)}
	s.ca = e2e.StartPebble(t, e2e.PebbleConfig{Port: e2e.FreePort(t), DNS: port, HTTP: plain, TLS: secure, Dir: dir})
	corefile := fmt.Sprintf(`be:%s {
    bind 127.0.0.1
    noticeaction {
        warning_page warning.authority.example 127.0.0.1
        admin unix:noticeaction.sock
        page %s
        page_tls %s
        acme %s desk@dns.example pebble.pem
        page_abuse_contact mailto:abuse@dns.example
    }
    file %s/testdata/be.zone
}
`, port, s.page, s.secure, s.ca.Directory(), e2e.Root())
	must(t, os.WriteFile(filepath.Join(dir, "Corefile"), []byte(corefile), 0o600))
	s.pid = e2e.MustStart(t, dir, "Corefile").PID()
	flag := exec.Command("nactl", "flag", "example.be", "--authority", "apd-gba", "--reference", "DOS-1")
	flag.Dir = dir
	if out, err := flag.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return s
}

// startBrowser starts Chromium, for which every host is at the address, until the test ends.
func startBrowser(t *testing.T, addr string) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	t.Cleanup(cancel)
	browser, closeBrowser := chromedp.NewContext(ctx, chromedp.WithAllocatorOptions(
		chromedp.NoSandbox, chromedp.Flag("host-resolver-rules", "MAP * "+addr),
		chromedp.Flag("disable-features", "HttpsUpgrades"))) // else it asks for HTTPS first
	t.Cleanup(closeBrowser)
	if err := chromedp.Do(browser); err != nil {
		t.Fatalf("starting chromium: %v", err)
	}
	return browser
}

// seen is what a tab asked for and complained of.
type seen struct {
	mu         sync.Mutex
	statuses   []string
	requests   []string
	complaints []string
}

func watch(tab context.Context, t *testing.T) *seen {
	t.Helper()
	s := &seen{}
	must(t, chromedp.Listen(tab, func(event any) {
		s.mu.Lock()
		defer s.mu.Unlock()
		switch e := event.(type) {
		case *network.EventRequestWillBeSent:
			s.requests = append(s.requests, e.Request.URL)
		case *network.EventResponseReceived:
			s.statuses = append(s.statuses, fmt.Sprint(e.Response.Status))
		case *log.EventEntryAdded:
			if !strings.Contains(e.Entry.Text, "status of 451") { // Chromium tells of every status from 400 on
				s.complaints = append(s.complaints, e.Entry.Text)
			}
		}
	}))
	return s
}

// check looks at what there was since it was called last.
func (s *seen) check(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if fmt.Sprint(s.requests) != "[http://www.example.be/a/page]" || fmt.Sprint(s.statuses) != "[451]" {
		t.Errorf("asked for %v, answered with %v; want the page alone, with 451", s.requests, s.statuses)
	}
	if len(s.complaints) > 0 {
		t.Errorf("the browser complains: %q", s.complaints)
	}
	s.requests, s.statuses, s.complaints = nil, nil, nil
}

// checkAxe wants rules that were passed, and none that was not.
func checkAxe(t *testing.T, text string) {
	t.Helper()
	var result struct {
		Violations []struct {
			ID, Help string
			Nodes    []string
		}
		Passes []string
	}
	if err := json.Unmarshal([]byte(text), &result); err != nil {
		t.Fatalf("reading what axe found: %v in %s", err, text)
	}
	for _, rule := range []string{"color-contrast", "document-title", "heading-order", "html-lang-valid", "landmark-one-main", "link-in-text-block", "list"} {
		if !slices.Contains(result.Passes, rule) {
			t.Errorf("axe: %s was not passed, only %v", rule, result.Passes)
		}
	}
	for _, v := range result.Violations {
		t.Errorf("axe: %s: %s: %s", v.ID, v.Help, strings.Join(v.Nodes, " "))
	}
}
