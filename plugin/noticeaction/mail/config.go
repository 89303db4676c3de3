package mail

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/mail"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"golang.org/x/net/idna"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/email"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
)

const (
	submissions = "465"   // TLS from the first byte, RFC 8314 section 3.3
	maxPassword = 1 << 10 // bytes of a password file
	maxCA       = 1 << 20 // bytes of a file of certificates
	maxUser     = 255     // bytes
)

// Config says how mail leaves: to a server, or into a folder.
type Config struct {
	From mail.Address // mail_from; the sender of the envelope, and From of the mails

	Server       string // smtp: HOST:PORT; empty: none
	User         string // smtp: empty: the server asks for none
	PasswordFile string // smtp: holds the password and nothing else, but for a line end
	CAFile       string // smtp_ca: PEM, in place of the certificates of the system; empty: those
	Hello        string // what the server is greeted with; empty: the domain of From

	Folder string // mail_folder: empty: none
}

// Check says what of the configuration is not as expected, naming the directive. It reads the files.
func (c Config) Check() error {
	_, err := c.read()
	return err
}

// Open returns the Sender for the configuration: that of SMTP or of Folder.
func Open(c Config) (Sender, error) {
	if c.Server == "" && c.Folder != "" {
		if err := c.Check(); err != nil {
			return nil, err
		}
		return Folder(c.Folder)
	}
	return SMTP(c)
}

// settings are a configuration that was checked.
type settings struct {
	from       string // with angle brackets
	host, port string
	hello      string
	user       string
	password   string
	tls        *tls.Config // nil: without, to this machine only
}

func (c Config) read() (settings, error) {
	var s settings
	from, err := address("mail_from", procedure.Contact{Name: c.From.Name, Email: c.From.Address})
	if err != nil || !email.ASCII(c.From.Address) { // of our own mailbox every server is to take it
		return s, fmt.Errorf("mail_from: expected an address such as noticeaction@dnsbelgium.be, got %.100q", c.From.Address)
	}
	s.from = "<" + from.Address + ">"
	switch {
	case c.Server == "" && c.Folder == "":
		return s, errors.New("mail_from: expected smtp HOST:PORT or mail_folder DIR with it")
	case c.Server != "" && c.Folder != "":
		return s, errors.New("mail_folder: expected no smtp with it; mail leaves by one of them")
	case c.Server == "" && c.CAFile != "":
		return s, errors.New("smtp_ca: expected smtp HOST:PORT with it")
	case c.Server == "":
		return s, nil
	}
	if s.host, s.port, err = splitServer(c.Server); err != nil {
		return s, err
	}
	if s.hello = c.Hello; s.hello == "" {
		_, s.hello, _ = strings.Cut(from.Address, "@")
	}
	if !validHost(s.hello) {
		return s, fmt.Errorf("smtp: expected a domain to greet the server with, got %.100q", s.hello)
	}
	if err := s.readUser(c); err != nil {
		return s, err
	}
	return s, s.readTLS(c)
}

func splitServer(server string) (host, port string, err error) {
	host, port, err = net.SplitHostPort(server)
	n, portErr := strconv.ParseUint(port, 10, 16)
	if err != nil || portErr != nil || n == 0 || !validHost(host) {
		return "", "", fmt.Errorf("smtp: expected HOST:PORT, such as mail.example.be:587, got %.100q", server)
	}
	return host, strconv.FormatUint(n, 10), nil
}

// validHost takes a host name in ASCII, and an IP address.
func validHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	name, err := idna.Lookup.ToASCII(host)
	return err == nil && host != "" && strings.EqualFold(name, host)
}

func (s *settings) readUser(c Config) error {
	if (c.User == "") != (c.PasswordFile == "") {
		return errors.New("smtp: expected HOST:PORT, or HOST:PORT USER PASSWORD_FILE")
	}
	if c.User == "" {
		return nil
	}
	if len(c.User) > maxUser || strings.ContainsFunc(c.User, func(r rune) bool { return r < ' ' }) {
		return fmt.Errorf("smtp: expected a user of at most %d bytes without control characters", maxUser)
	}
	text, err := readFile(c.PasswordFile, maxPassword)
	if err != nil {
		return fmt.Errorf("smtp: reading the password: %w", err)
	}
	s.user, s.password = c.User, strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	if s.password == "" || strings.ContainsAny(s.password, "\x00\r\n") {
		return fmt.Errorf("smtp: expected a password on one line in %s", c.PasswordFile)
	}
	return nil
}

// readTLS leaves TLS out only on the way to this machine, where nobody listens in, and only when neither a
// password nor a certificate asks for it.
func (s *settings) readTLS(c Config) error {
	if loopback(s.host) && s.port != submissions && s.user == "" && c.CAFile == "" {
		return nil
	}
	s.tls = &tls.Config{ServerName: s.host, MinVersion: tls.VersionTLS12}
	if c.CAFile == "" {
		return nil
	}
	text, err := readFile(c.CAFile, maxCA)
	if err != nil {
		return fmt.Errorf("smtp_ca: %w", err)
	}
	s.tls.RootCAs = x509.NewCertPool()
	if !s.tls.RootCAs.AppendCertsFromPEM(text) {
		return fmt.Errorf("smtp_ca: expected certificates in PEM in %s", c.CAFile)
	}
	return nil
}

// loopback tells whether the host is this machine. Another name than localhost may stand for anything.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func readFile(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var b bytes.Buffer
	if n, err := io.Copy(&b, io.LimitReader(f, most+1)); err != nil {
		return nil, err
	} else if n > most {
		return nil, fmt.Errorf("expected at most %d bytes in %s", most, path)
	}
	return b.Bytes(), nil
}
