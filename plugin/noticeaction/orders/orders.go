// Package orders takes an order to the registration system: it sends one as a signed webhook and says how that
// ended. It decides nothing, keeps nothing and tries nothing twice; who calls it does.
//
// An order is a CloudEvent 1.0 in structured mode (CloudEvents HTTP protocol binding 1.0.2, section 3.2), so
// that the signature covers its attributes too, signed as Standard Webhooks 1.0.0 says: HMAC-SHA256 over
// "ID.TIMESTAMP.BODY". Its id is the same whenever it is sent again, so that the receiver can drop what it
// has already done.
package orders

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"github.com/coredns-na/coredns-na/internal/version"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/casework"
)

const (
	sendTime  = 30 * time.Second // for one attempt, the answer included
	mostReply = 1 << 10          // bytes of an answer that are read

	contentType = "application/cloudevents+json"
	typePrefix  = "be.dnsbelgium.noticeaction.order."
	source      = "/v1/cases" // of the admin API; the subject is the case
)

// Config is what a Sender works with.
type Config struct {
	URL  string         // as CheckURL takes it
	Keys []Key          // 1 or 2; each signs, so that the receiver can change keys at its own time
	CAs  *x509.CertPool // nil: the system's
}

// Sender sends orders to one address. It may be used concurrently.
type Sender struct {
	url    string
	keys   []Key
	client http.Client
}

// New returns a Sender. It sends nothing yet.
func New(cfg Config) (*Sender, error) {
	if err := CheckURL(cfg.URL); err != nil {
		return nil, err
	}
	if n := len(cfg.Keys); n < 1 || n > maxKeys {
		return nil, fmt.Errorf("expected 1 to %d keys, got %d", maxKeys, n)
	}
	return &Sender{url: cfg.URL, keys: cfg.Keys, client: http.Client{
		Timeout: sendTime,
		Transport: &http.Transport{
			Proxy:             http.ProxyFromEnvironment,
			TLSClientConfig:   &tls.Config{RootCAs: cfg.CAs, MinVersion: tls.VersionTLS12},
			DisableKeepAlives: true, // orders are rare
			ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// CheckURL says whether orders may be sent to an address: by https, or on this machine itself by http.
func CheckURL(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "":
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	}
	return errors.New("expected https://HOST[:PORT]/PATH, or http:// to a loopback address, without a user")
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// event is a CloudEvent in JSON form (CloudEvents 1.0.2 section 3.1; JSON event format section 3).
type event struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Source          string          `json:"source"`
	Type            string          `json:"type"`
	Subject         string          `json:"subject"`
	Time            time.Time       `json:"time"`
	DataContentType string          `json:"datacontenttype"`
	Data            json.RawMessage `json:"data"`
}

// Send sends the order and returns nil once the receiver has taken it, which is any answer of class 2xx. Other
// errors than that of ctx are an [*Error].
func (s *Sender) Send(ctx context.Context, l casework.Leaving) error {
	id := l.Case + "-" + strconv.FormatUint(l.ID, 10)
	body, err := json.Marshal(event{
		SpecVersion: "1.0", ID: id, Source: source, Subject: l.Case, Type: typePrefix + string(l.Order),
		Time: l.Created.UTC(), DataContentType: "application/json", Data: l.Payload,
	})
	if err != nil {
		return &Error{detail: "expected an order as JSON", permanent: true}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("sending order: %w", err)
	}
	req.Header.Set("Content-Type", contentType+"; charset=utf-8")
	req.Header.Set("User-Agent", "coredns-na/"+version.String())
	sign(req.Header, s.keys, id, time.Now(), body)
	resp, err := s.client.Do(req)
	if err != nil {
		return unreachable(err)
	}
	defer resp.Body.Close()
	reply, _ := io.ReadAll(io.LimitReader(resp.Body, mostReply)) // only to be shown
	return judge(resp, reply)
}
