package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"
)

// client speaks to one server.
type client struct {
	http    http.Client
	server  string // as given, for messages
	base    string
	token   string
	timeout time.Duration
}

// connect prepares a client from the flags; it sends nothing yet.
func (a *app) connect() (*client, error) {
	c := &client{server: a.server, timeout: a.timeout}
	transport := &http.Transport{}
	c.http = http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if path, ok := strings.CutPrefix(a.server, "unix:"); ok && path != "" {
		c.base = "http://localhost"
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}
		return c, nil
	}
	u, err := url.Parse(a.server)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
		return nil, usage{fmt.Errorf("--server: expected unix:PATH, http://HOST:PORT or https://HOST:PORT, got %q", a.server)}
	}
	c.base = u.Scheme + "://" + u.Host
	if c.token, err = a.readToken(); err != nil {
		return nil, err
	}
	if u.Scheme == "http" && c.token != "" && !loopback(u.Hostname()) {
		return nil, usage{fmt.Errorf("--server: expected https off loopback, because plain http would show the token, got %q", a.server)}
	}
	if transport.TLSClientConfig, err = a.tlsConfig(); err != nil {
		return nil, err
	}
	return c, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (a *app) readToken() (string, error) {
	if a.tokenFile == "" {
		return os.Getenv("NACTL_TOKEN"), nil
	}
	text, err := os.ReadFile(a.tokenFile)
	if err != nil {
		return "", usage{fmt.Errorf("--token-file: %w", err)}
	}
	token := strings.TrimSpace(string(text))
	if token == "" || strings.ContainsAny(token, " \t\n") {
		return "", usage{fmt.Errorf("--token-file: expected a file with one token, got %q with something else", a.tokenFile)}
	}
	return token, nil
}

func (a *app) tlsConfig() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if a.ca != "" {
		pem, err := os.ReadFile(a.ca)
		if err != nil {
			return nil, usage{fmt.Errorf("--ca: %w", err)}
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, usage{fmt.Errorf("--ca: expected certificates in PEM form, got %q", a.ca)}
		}
	}
	if a.cert != "" || a.key != "" {
		pair, err := tls.LoadX509KeyPair(a.cert, a.key)
		if err != nil {
			return nil, usage{fmt.Errorf("--cert and --key: %w", err)}
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// request is one call of the API.
type request struct {
	method, path string
	query        url.Values
	header       map[string]string
	body         io.Reader
}

// send makes the call and returns an answer below 400; the caller closes its
// body. Anything else is an error for the operator to read.
func (c *client) send(ctx context.Context, r request) (*http.Response, error) {
	target := c.base + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, r.body)
	if err != nil {
		return nil, fmt.Errorf("making the request: %w", err)
	}
	for name, value := range r.header {
		req.Header.Set(name, value)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.explain(ctx, err)
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, readProblem(resp)
}

// call makes a call whose answer is small, within the timeout.
func (c *client) call(ctx context.Context, r request) ([]byte, http.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	resp, err := c.send(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, nil, c.explain(ctx, err)
	}
	return body, resp.Header, nil
}

// get makes a call with GET and reads the answer into v.
func (c *client) get(ctx context.Context, path string, query url.Values, v any) ([]byte, error) {
	body, _, err := c.call(ctx, request{method: http.MethodGet, path: path, query: query})
	if err != nil {
		return nil, err
	}
	return body, parse(body, v)
}

func parse(body []byte, v any) error {
	if err := json.Unmarshal(body, v); err != nil {
		return fmt.Errorf("reading the answer: expected the admin API's JSON: %w", err)
	}
	return nil
}

// explain says what to check when there was no answer.
func (c *client) explain(ctx context.Context, err error) error {
	var urlErr *url.Error
	if errors.As(err, &urlErr) {
		err = urlErr.Err
	}
	hint := ""
	switch {
	case errors.Is(context.Cause(ctx), context.DeadlineExceeded):
		return fmt.Errorf("waiting for %s: no answer within %s (--timeout)", c.server, c.timeout)
	case errors.Is(err, syscall.ECONNREFUSED):
		hint = "; nothing listens there: is coredns-na running, and does its admin line name this address?"
	case errors.Is(err, fs.ErrNotExist):
		hint = "; there is no such socket: is coredns-na running, and is this the folder of its admin line (--server)?"
	case errors.Is(err, fs.ErrPermission):
		hint = "; the mode of the socket decides who may connect"
	case errors.Is(err, io.EOF):
		hint = "; it closed the connection without an answer"
	case errors.As(err, new(x509.UnknownAuthorityError)):
		hint = "; name the CA that issued the server's certificate with --ca"
	}
	return fmt.Errorf("asking %s: %w%s", c.server, err, hint)
}

// problem is a problem document (RFC 9457).
type problem struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Errors []struct {
		Message  string `json:"message"`
		Location string `json:"location"`
		Value    any    `json:"value"`
	} `json:"errors"`
}

func readProblem(resp *http.Response) error {
	var p problem
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil || json.Unmarshal(body, &p) != nil || p.Title == "" {
		return fmt.Errorf("the server answered %s, which is not the admin API's way: check --server", resp.Status)
	}
	if after := resp.Header.Get("Retry-After"); after != "" {
		p.Detail += " (try again in " + after + " seconds)"
	}
	return p
}

func (p problem) Error() string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%d %s: %s", p.Status, p.Title, p.Detail)
	for _, e := range p.Errors {
		if strings.Contains(p.Detail, e.Message) {
			if strings.HasPrefix(e.Location, "body.") && !strings.Contains(p.Detail, e.Location) {
				fmt.Fprintf(&b, " (%s)", e.Location)
			}
			continue
		}
		fmt.Fprintf(&b, "\n  %s: %s", e.Location, e.Message)
		if e.Value != nil && e.Value != "" {
			fmt.Fprintf(&b, " (got %v)", e.Value)
		}
	}
	return b.String()
}

// namePath is the path of a name. A name of dots alone would be taken for a
// relative path, so its dots are encoded.
func namePath(prefix, name string) string {
	escaped := url.PathEscape(name)
	if strings.Trim(name, ".") == "" {
		escaped = strings.ReplaceAll(name, ".", "%2E")
	}
	return prefix + escaped
}
