package casework

import (
	"reflect"
	"testing"
)

func TestFastLine(t *testing.T) {
	tests := []struct {
		name, line string
		fast       bool
	}{
		{"what most programs send", `{"name":"example.be","authority":"apd-gba","reference":"DOS-1"}`, true},
		{"a line of an export", `{"name":"example.be","unicode":"example.be","authority":"apd-gba","reference":"DOS-1","since":"2026-05-12T09:30:00Z","not_after":"2026-06-30T22:00:00Z","changed":42}`, true},
		{"a name in U-labels", `{"name":"café.be"}`, true},
		{"a space between tokens", `{"name": "example.be"}`, false},
		{"a key twice", `{"name":"example.be","name":"other.be"}`, false},
		{"a key in another case", `{"Name":"example.be"}`, false},
		{"an unknown key", `{"nome":"example.be"}`, false},
		{"an escape", `{"name":"example\u002ebe"}`, false},
		{"a null", `{"name":"example.be","not_after":null}`, false},
		{"a time that is none", `{"since":"yesterday"}`, false},
		{"a number with a sign", `{"changed":-1}`, false},
		{"a number with a zero before it", `{"changed":01}`, false},
		{"a huge number", `{"changed":1234567890123456789}`, false},
		{"no end", `{"name":"example.be"`, false},
		{"more behind it", `{"name":"example.be"}{`, false},
		{"an empty object", `{}`, false},
		{"nothing", ``, false},
		{"no UTF-8", "{\"note\":\"\xff\"}", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, ok := fastLine([]byte(tt.line), new(texts)); ok != tt.fast {
				t.Errorf("fast: %v, want %v", ok, tt.fast)
			}
		})
	}
}

// FuzzFastLine wants of every line that is taken the fast way what the slow way makes of it.
func FuzzFastLine(f *testing.F) {
	f.Add([]byte(`{"name":"example.be","authority":"apd-gba","reference":"DOS-1"}`))
	f.Add([]byte(`{"name":"café.be","since":"2026-05-12T09:30:00.5+02:00","not_after":"2026-06-30T22:00:00Z","changed":42}`))
	f.Add([]byte(`{"note":"","case":"2026-00001","zone":"be","unicode":"é","changed":0}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		fast, ok := fastLine(text, new(texts))
		if !ok {
			return
		}
		var slow line
		if err := decode(text, &slow); err != nil {
			t.Fatalf("%q was taken, but: %v", text, err)
		}
		if !reflect.DeepEqual(fast, slow) {
			t.Fatalf("%q is %+v, want %+v", text, fast, slow)
		}
	})
}
