package api

import (
	"bytes"
	"encoding/json"
	goflag "flag"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
)

var update = goflag.Bool("update", false, "write the golden files anew")

// spec is what these tests read of the OpenAPI document.
type spec struct {
	OpenAPI string
	Info    struct{ Title, Version, Description string }
	Paths   map[string]map[string]struct {
		OperationID, Summary, Description string
		Parameters                        []struct{ Name, In, Description string }
		Responses                         map[string]struct {
			Description string
			Headers     map[string]any
			Content     map[string]any
		}
	}
}

func readSpec(t *testing.T) (spec, []byte) {
	t.Helper()
	h := New(Config{Desk: fakeDesk{}})
	var doc spec
	if err := json.Unmarshal(h.spec, &doc); err != nil {
		t.Fatal(err)
	}
	return doc, h.spec
}

func TestSpecificationIsStable(t *testing.T) {
	_, raw := readSpec(t)
	var got bytes.Buffer
	if err := json.Indent(&got, raw, "", "  "); err != nil {
		t.Fatal(err)
	}
	got.WriteByte('\n')
	const golden = "testdata/openapi.json"
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("the interface changed; if that is meant, run go test -run %s -update and look at the difference", t.Name())
	}
}

func TestSpecificationIsComplete(t *testing.T) {
	doc, raw := readSpec(t)
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") || doc.Info.Title == "" || doc.Info.Version == "" || doc.Info.Description == "" {
		t.Errorf("got OpenAPI %q, info %+v", doc.OpenAPI, doc.Info)
	}
	described := map[string]bool{}
	ids := map[string]bool{}
	variable := regexp.MustCompile(`\{(\w+)\}`)
	for path, methods := range doc.Paths {
		for method, op := range methods {
			route := strings.ToUpper(method) + " " + path
			described[route] = true
			if op.OperationID == "" || ids[op.OperationID] || op.Summary == "" || op.Description == "" {
				t.Errorf("%s: operation %q, %q, %q: each needs its own id, a summary and a description", route, op.OperationID, op.Summary, op.Description)
			}
			ids[op.OperationID] = true
			parameters := map[string]bool{}
			for _, p := range op.Parameters {
				parameters[p.In+" "+p.Name] = true
				if p.Description == "" {
					t.Errorf("%s: parameter %s has no description", route, p.Name)
				}
			}
			for _, v := range variable.FindAllStringSubmatch(path, -1) {
				if !parameters["path "+v[1]] {
					t.Errorf("%s: path parameter %s is not described", route, v[1])
				}
			}
			for _, code := range []string{"401", "403", "500", "503"} {
				if _, ok := op.Responses[code].Content["application/problem+json"]; !ok {
					t.Errorf("%s: status %s is not described as a problem document", route, code)
				}
			}
			for code, r := range op.Responses {
				if r.Description == "" {
					t.Errorf("%s: status %s has no description", route, code)
				}
			}
		}
	}
	for route := range rights {
		if strings.Contains(route, " /v1/") && !described[route] {
			t.Errorf("%s is served but not described", route)
		}
	}
	for route := range described {
		if _, ok := rights[route]; !ok {
			t.Errorf("%s is described but no role may call it", route)
		}
	}
	var schemas struct {
		Components struct{ Schemas map[string]any }
	}
	if err := json.Unmarshal(raw, &schemas); err != nil {
		t.Fatal(err)
	}
	for _, ref := range regexp.MustCompile(`"\$ref":"#/components/schemas/(\w+)"`).FindAllSubmatch(raw, -1) {
		if _, ok := schemas.Components.Schemas[string(ref[1])]; !ok {
			t.Errorf("the schema %s is named but not described", ref[1])
		}
	}
}

func TestSpecificationServesTheExamplesItGives(t *testing.T) {
	_, raw := readSpec(t)
	for _, word := range []string{"apd-gba", "DOS-2026-00123", "xn--caf-dma.be", ndjson, "Retry-After", "WWW-Authenticate", "Noticeaction-Count"} {
		if !bytes.Contains(raw, []byte(word)) {
			t.Errorf("the description does not mention %q", word)
		}
	}
	answer := serve(New(Config{Desk: fakeDesk{}}), as("uid:0"), http.MethodGet, "/openapi.json", "")
	if answer.Code != http.StatusOK || answer.Header().Get("Content-Type") != "application/openapi+json" {
		t.Errorf("got %d %v", answer.Code, answer.Header())
	}
}
