package warnpage

import (
	"net/http"
	"time"
)

const (
	securityPath = "/.well-known/security.txt"

	// securityValid is how long what is there holds; RFC 9116 section 2.5.5 recommends less than a year.
	securityValid = 180 * 24 * time.Hour
)

// security answers with where abuse is reported (RFC 9116).
func (h *Handler) security(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	text := "Contact: " + h.Abuse + "\n" +
		"Expires: " + h.Now().UTC().Add(securityValid).Truncate(24*time.Hour).Format(time.RFC3339) + "\n" +
		"Preferred-Languages: nl, fr, de, en\n"
	h.write(w, http.StatusOK, "", [][]byte{[]byte(text)})
}
