package casework

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// CheckJSON reports what encoding/json would take differently from how it reads, without a word: a key
// that an object has twice, in any case, and text that is not Unicode. The JSON must be well formed.
func CheckJSON(text []byte) error {
	if !utf8.Valid(text) {
		return errors.New("expected UTF-8")
	}
	if bytes.Contains(text, []byte(`\u`)) && loneSurrogate.Match(paired.ReplaceAll(text, nil)) {
		return errors.New(`expected surrogates in pairs, such as \ud83d\ude00`)
	}
	return uniqueKeys(json.NewDecoder(bytes.NewReader(text)))
}

var (
	paired        = regexp.MustCompile(`\\[^u]|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}`)
	loneSurrogate = regexp.MustCompile(`\\u[dD][89a-fA-F]`)
)

// uniqueKeys reads one value of d.
func uniqueKeys(d *json.Decoder) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	delim, nested := token.(json.Delim)
	if !nested {
		return nil
	}
	var seen map[string]bool
	if delim == '{' {
		seen = make(map[string]bool)
	}
	for d.More() {
		if delim == '{' {
			key, err := d.Token()
			if err != nil {
				return err
			}
			// encoding/json takes keys in any case; both steps are needed for the likes of U+017F.
			folded := strings.ToLower(strings.ToUpper(key.(string)))
			if seen[folded] {
				return fmt.Errorf("expected each key once, got %s again", quote(key.(string)))
			}
			seen[folded] = true
		}
		if err := uniqueKeys(d); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}
