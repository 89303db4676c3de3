package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// Registry is a registration system that takes orders over HTTPS.
type Registry struct {
	Taken[Order]
	status atomic.Int64
}

// Order is an order that arrived.
type Order struct {
	Status int    // it was answered with
	Signed bool   // rightly, by the key in the file
	ID     string // by which one that is sent again is known
	Type   string
	Data   json.RawMessage
}

// String shows the order for a script to look at.
func (o Order) String() string {
	return fmt.Sprintf("%s signed=%v id=%s answered=%d %s\n", o.Type, o.Signed, o.ID, o.Status, o.Data)
}

const secret = "a secret that both of them know"

// StartRegistry starts one that ends with the test, and writes its certificate to registry.pem and the key to
// webhook.keys in dir.
func StartRegistry(tb testing.TB, port, dir string) *Registry {
	tb.Helper()
	r := &Registry{}
	r.Answer(http.StatusAccepted)
	l, err := net.Listen("tcp", Address(port))
	if err != nil {
		tb.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(r.take))
	server.Listener.Close()
	server.Listener = l
	server.StartTLS()
	tb.Cleanup(server.Close)
	files := map[string]string{
		"registry.pem": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})),
		"webhook.keys": "whsec_" + base64.StdEncoding.EncodeToString([]byte(secret)) + "\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return r
}

// Answer has the registry answer with an HTTP status from now on.
func (r *Registry) Answer(status int) { r.status.Store(int64(status)) }

func (r *Registry) take(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	var event struct {
		ID, Type string
		Data     json.RawMessage
	}
	if err == nil {
		err = json.Unmarshal(body, &event)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%s.%s.%s", req.Header.Get("webhook-id"), req.Header.Get("webhook-timestamp"), body)
	o := Order{
		Status: int(r.status.Load()), ID: event.ID, Data: event.Data,
		Type:   event.Type[strings.LastIndexByte(event.Type, '.')+1:],
		Signed: req.Header.Get("webhook-signature") == "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)),
	}
	w.WriteHeader(o.Status)
	r.add(o)
}
