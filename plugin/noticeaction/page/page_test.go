package page

import (
	"strings"
	"testing"
)

func TestEveryAuthorityHasAPage(t *testing.T) {
	for _, authority := range []string{"apd-gba", "gaming-commission", generic} {
		for _, language := range Languages {
			got := string(Default(authority).Render(View{Language: language, Name: "café.be", Authority: "The <Authority>", Abuse: "mailto:abuse@dns.example"}))
			for _, part := range []string{`<html lang="` + language + `">`, "café.be", "The &lt;Authority&gt;", `href="mailto:abuse@dns.example"`, RegistryURL} {
				if !strings.Contains(got, part) {
					t.Errorf("%s in %s: expected %q in\n%s", authority, language, part, got)
				}
			}
		}
	}
}
