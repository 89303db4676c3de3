package casework

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestCheckJSON(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"a text", `"a"`, ""},
		{"different keys", `{"a":1,"b":{"a":[{"a":1},{"a":2}]}}`, ""},
		{"a key twice", `{"a":1,"a":1}`, `got "a" again`},
		{"a key twice within", `[{"b":{"a":1,"A":1}}]`, `got "A" again`},
		{"the Kelvin sign is a k", `{"k":1,"\u212a":1}`, "each key once"},
		{"a pair of surrogates", `{"a":"\ud83d\uDE00"}`, ""},
		{"two pairs", `"\ud83d\ude00\ud83d\ude00"`, ""},
		{"an escaped backslash before a u", `"\\ud83d"`, ""},
		{"the replacement character itself", "\"\ufffd\"", ""},
		{"a high surrogate alone", `"\uD83d"`, "in pairs"},
		{"a low surrogate alone", `"x\ude00"`, "in pairs"},
		{"a pair the wrong way round", `"\ude00\ud83d"`, "in pairs"},
		{"three surrogates", `"\ud83d\ude00\ud83d"`, "in pairs"},
		{"a high surrogate after a backslash", `"\\\ud83d"`, "in pairs"},
		{"bytes that are no UTF-8", "\"\xc3\"", "UTF-8"},
		{"UTF-8 of a surrogate", "\"\xed\xa0\x80\"", "UTF-8"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if !json.Valid([]byte(tc.text)) {
				t.Fatal("not even JSON")
			}
			err := CheckJSON([]byte(tc.text))
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
}
