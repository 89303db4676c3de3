package procedure

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestErasedNamesNobody(t *testing.T) {
	n := Notice{Inspector: Contact{Name: "Jan Janssens", Email: "jan@authority.example"}, Signature: "S/MIME, valid: Jan Janssens"}
	p := Parties{Holder: Contact{Name: "Jos Janssens", Email: "jos@janssens.example"}}
	for name, v := range map[string]any{
		"case":          Case{Notice: n, Parties: p}.Erased(),
		"open event":    Event{Kind: Open, Notice: &n, Parties: &p, Text: "of Janssens", Evidence: "N2026-00001"}.Erased(),
		"word of event": Event{Kind: Word, Text: "of Janssens", Evidence: "letter of Jos Janssens"}.Erased(),
	} {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(strings.ToLower(string(b)), "janssens") {
			t.Errorf("%s still names somebody: %s", name, b)
		}
	}
	if e := (Event{Kind: Open, Evidence: "N2026-00001"}).Erased(); e.Evidence != "N2026-00001" {
		t.Errorf("evidence of the opening = %q, want the id of the message", e.Evidence)
	}
}
