package warnpage

import (
	"net/http"
	"slices"
	"strings"

	"golang.org/x/text/language"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/page"
)

// fallback is the language for who reads none of them.
const fallback = "en"

// maxAccept is the most bytes of Accept-Language that are looked at.
const maxAccept = 512

// offered are the languages, the fallback first.
var offered = append([]string{fallback}, slices.DeleteFunc(slices.Clone(page.Languages), func(l string) bool { return l == fallback })...)

var matcher = func() language.Matcher {
	var tags []language.Tag
	for _, l := range offered {
		tags = append(tags, language.MustParse(l))
	}
	return language.NewMatcher(tags)
}()

// languageOf is the language that the visitor chose by a link, or else reads best of those there are.
func languageOf(r *http.Request) string {
	if r.URL.RawQuery != "" && len(r.URL.RawQuery) <= maxAccept {
		if chosen := r.URL.Query().Get("lang"); slices.Contains(page.Languages, chosen) {
			return chosen
		}
	}
	accept := strings.Join(r.Header.Values("Accept-Language"), ",") // RFC 9110 section 5.3
	if accept == "" || len(accept) > maxAccept {
		return fallback
	}
	_, i, _ := matcher.Match(accepted(accept)...)
	return offered[i]
}

// accepted are the languages of the header's parts, the best first. A part that is none does not take the others
// with it.
func accepted(header string) []language.Tag {
	tags, _, err := language.ParseAcceptLanguage(header)
	if err == nil {
		return tags
	}
	parts := slices.DeleteFunc(strings.Split(header, ","), func(part string) bool {
		_, _, err := language.ParseAcceptLanguage(part)
		return err != nil
	})
	if tags, _, err = language.ParseAcceptLanguage(strings.Join(parts, ",")); err != nil {
		return nil
	}
	return tags
}
