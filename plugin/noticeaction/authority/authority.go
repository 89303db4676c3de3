// Package authority is the directory of the public bodies that may order that names are redirected: how
// they are called in each language, which addresses get their mail, and from which mail domains their
// notices come. It is data: one authority is built in, a JSON file adds others or replaces it.
//
// The package refuses a file that holds anything but what it knows, and a mail domain that would let in
// more than one body. It sends nothing, and does not say what an authority may do.
package authority

import (
	"maps"
	"slices"
	"strings"
)

// Authority is a public body that may order redirects.
type Authority struct {
	ID      string   `json:"id"` // 1..63 lowercase letters, digits and hyphens, as "apd-gba"
	Names   Names    `json:"names"`
	Website string   `json:"website,omitempty"` // https; empty: none
	Mail    []string `json:"mail,omitempty"`    // get every mail to the authority, besides the inspector; at most 20
	Domains []string `json:"domains,omitempty"` // of the addresses that notices are accepted from, as lowercase A-labels; at most 20
	Bodies  []Body   `json:"bodies,omitempty"`  // within it, with mailboxes of their own; at most 20
}

// Body is a part of an authority that finds infringements, and the mailboxes that get its mail.
type Body struct {
	Offices []string `json:"offices"` // words of which one stands in the office of who found the infringement, in any case; 1..20
	Mail    []string `json:"mail"`    // 1..20
}

// MailFor returns the addresses that get each mail about what an office of the authority has found: those of
// the authority and of the body that has the office. When no body has it, or several may, each of them does.
func (a Authority) MailFor(office string) []string {
	var all, own []string
	office = strings.ToLower(office)
	bodies := 0
	for _, b := range a.Bodies {
		all = append(all, b.Mail...)
		if slices.ContainsFunc(b.Offices, func(word string) bool { return strings.Contains(office, strings.ToLower(word)) }) {
			own = append(own, b.Mail...)
			bodies++
		}
	}
	if bodies != 1 {
		own = all
	}
	return slices.Concat(a.Mail, own)
}

// Names is what an authority is called, in each language that is written in.
type Names struct {
	NL string `json:"nl"`
	FR string `json:"fr"`
	DE string `json:"de"`
	EN string `json:"en"`
}

// In returns the name in the language nl, fr, de or en; in English for any other.
func (n Names) In(language string) string {
	switch language {
	case "nl":
		return n.NL
	case "fr":
		return n.FR
	case "de":
		return n.DE
	}
	return n.EN
}

// Directory is a set of authorities. It is immutable: any number of goroutines may use it. The zero
// Directory, and a nil one, is empty.
type Directory struct {
	byID     map[string]Authority
	byDomain map[string]string // mail domain: id
}

// builtIn are the authorities that are known without a file: the one of the protocol of 1 December 2020.
var builtIn = []Authority{{
	ID: "apd-gba",
	Names: Names{
		NL: "Gegevensbeschermingsautoriteit",
		FR: "Autorité de protection des données",
		DE: "Datenschutzbehörde",
		EN: "Data Protection Authority",
	},
	Website: "https://www.autoriteprotectiondonnees.be",
	Domains: []string{"apd-gba.be"},
	// Art. 4(a) para. 1: the notice is copied to the Inspection Service or the Litigation Chamber, whose addresses
	// "are used for all further communication".
	Bodies: []Body{
		{Offices: []string{"inspect", "inspekt"}, Mail: []string{"inspection@apd-gba.be"}},
		{Offices: []string{"litigation", "geschillen", "contentieuse", "streitsache"}, Mail: []string{"litigationchamber@apd-gba.be"}},
	},
}}

// Default returns the directory that holds what is built in.
func Default() *Directory {
	d, err := with(nil)
	if err != nil {
		panic("authority: what is built in: " + err.Error())
	}
	return d
}

// IDs returns the ids of all authorities, sorted.
func (d *Directory) IDs() []string {
	if d == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(d.byID))
}

// Find returns the authority with the id. One that is not known is called by its id, and false is returned.
func (d *Directory) Find(id string) (Authority, bool) {
	if d != nil {
		if a, known := d.byID[id]; known {
			return a.clone(), true
		}
	}
	return Authority{ID: id, Names: Names{NL: id, FR: id, DE: id, EN: id}}, false
}

// OfDomain returns the authority that has the mail domain, or one above it. The domain may be in any case
// and with a final dot; one that is not ASCII is none.
func (d *Directory) OfDomain(domain string) (Authority, bool) {
	if d == nil {
		return Authority{}, false
	}
	domain = strings.ToLower(strings.TrimSuffix(domain, "."))
	for domain != "" {
		if id, known := d.byDomain[domain]; known {
			return d.Find(id)
		}
		_, domain, _ = strings.Cut(domain, ".")
	}
	return Authority{}, false
}

func (a Authority) clone() Authority {
	a.Mail, a.Domains, a.Bodies = slices.Clone(a.Mail), slices.Clone(a.Domains), slices.Clone(a.Bodies)
	for i, b := range a.Bodies {
		a.Bodies[i] = Body{Offices: slices.Clone(b.Offices), Mail: slices.Clone(b.Mail)}
	}
	return a
}
