package mail

import (
	netmail "net/mail"
	"path/filepath"
	"strings"
	"testing"
)

func TestWhatAConfigurationMayNotSay(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		writeFile(t, path, text)
		return path
	}
	password, empty, two := file("password", "x\n"), file("empty", "\n"), file("two", "a\nb\n")
	long, noPEM := file("long", strings.Repeat("x", maxPassword+1)), file("noPEM", "hello")
	from := netmail.Address{Address: "noticeaction@registry.example"}
	tests := []struct {
		name string
		c    Config
		want string // empty: it is good
	}{
		{"a server", Config{From: from, Server: "mail.example.be:587"}, ""},
		{"a server by address", Config{From: from, Server: "[2001:db8::1]:25"}, ""},
		{"a server and a user", Config{From: from, Server: "mail.example.be:465", User: "desk", PasswordFile: password}, ""},
		{"a folder", Config{From: from, Folder: "mails"}, ""},
		{"neither", Config{From: from}, "mail_from: expected smtp HOST:PORT or mail_folder DIR"},
		{"both", Config{From: from, Server: "mail.example.be:25", Folder: "mails"}, "mail_folder: expected no smtp"},
		{"no sender", Config{Server: "mail.example.be:25"}, "mail_from: expected an address"},
		{"a sender without domain", Config{From: netmail.Address{Address: "x"}, Server: "mail.example.be:25"}, `mail_from: expected an address such as noticeaction@dnsbelgium.be, got "x"`},
		{"a sender that is not ASCII", Config{From: netmail.Address{Address: "é@registry.example"}, Folder: "mails"}, "mail_from"},
		{"a server without port", Config{From: from, Server: "mail.example.be"}, `smtp: expected HOST:PORT, such as mail.example.be:587, got "mail.example.be"`},
		{"port 0", Config{From: from, Server: "mail.example.be:0"}, "smtp: expected HOST:PORT"},
		{"port 65536", Config{From: from, Server: "mail.example.be:65536"}, "smtp: expected HOST:PORT"},
		{"a port by name", Config{From: from, Server: "mail.example.be:smtp"}, "smtp: expected HOST:PORT"},
		{"a server without host", Config{From: from, Server: ":25"}, "smtp: expected HOST:PORT"},
		{"a host with a space", Config{From: from, Server: "mail example.be:25"}, "smtp: expected HOST:PORT"},
		{"a greeting with a space", Config{From: from, Server: "mail.example.be:25", Hello: "a b"}, "smtp: expected a domain to greet"},
		{"a user without password", Config{From: from, Server: "mail.example.be:25", User: "desk"}, "smtp: expected HOST:PORT, or HOST:PORT USER PASSWORD_FILE"},
		{"a password file that is not there", Config{From: from, Server: "mail.example.be:25", User: "desk", PasswordFile: filepath.Join(dir, "none")}, "smtp: reading the password"},
		{"an empty password", Config{From: from, Server: "mail.example.be:25", User: "desk", PasswordFile: empty}, "smtp: expected a password on one line"},
		{"a password on two lines", Config{From: from, Server: "mail.example.be:25", User: "desk", PasswordFile: two}, "smtp: expected a password on one line"},
		{"a password far too long", Config{From: from, Server: "mail.example.be:25", User: "desk", PasswordFile: long}, "expected at most 1024 bytes"},
		{"certificates that are none", Config{From: from, Server: "mail.example.be:25", CAFile: noPEM}, "smtp_ca: expected certificates in PEM"},
		{"certificates that are not there", Config{From: from, Server: "mail.example.be:25", CAFile: filepath.Join(dir, "none")}, "smtp_ca: "},
		{"certificates without server", Config{From: from, Folder: "mails", CAFile: noPEM}, "smtp_ca: expected smtp"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.c.Check()
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestOpen(t *testing.T) {
	from := netmail.Address{Address: "noticeaction@registry.example"}
	sender, err := Open(Config{From: from, Folder: filepath.Join(t.TempDir(), "mails")})
	if err != nil {
		t.Fatal(err)
	}
	if _, is := sender.(*folder); !is {
		t.Errorf("got %T for a folder", sender)
	}
	if err := sender.Close(); err != nil {
		t.Error(err)
	}
	sender, err = Open(Config{From: from, Server: "mail.example.be:587"})
	if err != nil {
		t.Fatal(err)
	}
	if _, is := sender.(*server); !is {
		t.Errorf("got %T for a server", sender)
	}
	for _, bad := range []Config{{}, {From: from}, {Folder: "mails"}} {
		if sender, err := Open(bad); err == nil {
			t.Errorf("%+v: got %T", bad, sender)
		}
	}
}
