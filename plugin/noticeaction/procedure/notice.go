package procedure

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/email"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/workday"
)

// Notice is the authority's notification, with the items that Art. 4(b) asks for.
type Notice struct {
	Authority  string       `json:"authority"`  // id of the authority; known from who sent it
	Inspector  Contact      `json:"inspector"`  // who found the infringement
	Office     string       `json:"office"`     // of the inspector: "Inspector General", "President of the Litigation Chamber"
	Names      []string     `json:"names"`      // registrable names, lowercase A-labels, no final dot, 1..100
	Provisions []string     `json:"provisions"` // that are infringed
	Reference  string       `json:"reference"`  // of the authority's file
	Signed     workday.Date `json:"signed,omitzero"`
	Signature  string       `json:"signature"` // what was signed and how, as "S/MIME, valid" or "by hand"
	Competent  bool         `json:"competent"` // the inspector confirms being competent
	Found      bool         `json:"found"`     // the inspector confirms having found the infringement through the names
}

// Contact is a person or office to write to. It is personal data: it is not shown when a value is printed.
type Contact struct {
	Name  string `json:"name"`
	Email string `json:"email"`
}

// String says that there is a contact, and not which, so that none reaches a log.
func (Contact) String() string { return "(contact)" }

// GoString is String for %#v.
func (c Contact) GoString() string { return c.String() }

// Parties is what the registry adds to a notice before the holder is written to. It is personal data.
type Parties struct {
	Holder     Contact `json:"holder"`     // as in the registration system, 4(c) para. 2
	Language   string  `json:"language"`   // of the holder: nl, fr, de or en
	Prosecutor bool    `json:"prosecutor"` // the public prosecutor's office has intervened, 4(c)
	Sites      []Site  `json:"sites"`      // one for each name of the case
}

// Site is what the registry knows of one name.
type Site struct {
	Name      string   `json:"name"`
	Registrar Contact  `json:"registrar"`
	Addresses []string `json:"addresses"`         // at which the site was reached before the redirect, 4(c)
	Offline   bool     `json:"offline,omitempty"` // there were none
}

// Languages are those that a holder is written to in.
var Languages = []string{"nl", "fr", "de", "en"}

// Missing returns which items of Art. 4(b) the notice lacks, in the order of the article; nil when it is complete.
func (n Notice) Missing() []string {
	return pick(false, []item{
		{"name of the inspector", n.Inspector.Name != ""},
		{"e-mail address of the inspector", n.Inspector.Email != ""},
		{"office of the inspector", n.Office != ""},
		{"domain name", len(n.Names) > 0},
		{"infringed provisions", len(n.Provisions) > 0 && !slices.Contains(n.Provisions, "")},
		{"reference of the file", n.Reference != ""},
		{"date of signature", n.Signed != 0},
		{"signature", n.Signature != ""},
		{"confirmation of competence", n.Competent},
		{"confirmation of the finding", n.Found},
	})
}

// Or returns the notice with what it does not say taken from another, item by item.
func (n Notice) Or(other Notice) Notice {
	n.Inspector.Name = cmp.Or(n.Inspector.Name, other.Inspector.Name)
	n.Inspector.Email = cmp.Or(n.Inspector.Email, other.Inspector.Email)
	n.Authority, n.Office = cmp.Or(n.Authority, other.Authority), cmp.Or(n.Office, other.Office)
	n.Reference, n.Signed = cmp.Or(n.Reference, other.Reference), cmp.Or(n.Signed, other.Signed)
	n.Signature = cmp.Or(n.Signature, other.Signature)
	n.Competent, n.Found = n.Competent || other.Competent, n.Found || other.Found
	if len(n.Names) == 0 {
		n.Names = other.Names
	}
	if len(n.Provisions) == 0 {
		n.Provisions = other.Provisions
	}
	return n
}

// Missing returns what is still to be added before the holder can be written to about the names, nil when
// nothing is (Art. 4(c)).
func (p Parties) Missing(names []string) []string {
	items := []item{
		{"e-mail address of the holder", p.Holder.Email != ""},
		{"language of the holder", p.Language != ""},
	}
	for _, name := range names {
		site := p.Site(name)
		items = append(items,
			item{"e-mail address of the registrar of " + name, site.Registrar.Email != ""},
			item{"address at which " + name + " can still be reached", len(site.Addresses) > 0 || site.Offline})
	}
	return pick(false, items)
}

// Site returns what is known of a name; the zero Site when nothing is.
func (p Parties) Site(name string) Site {
	i := slices.IndexFunc(p.Sites, func(s Site) bool { return s.Name == name })
	if i < 0 {
		return Site{}
	}
	return p.Sites[i]
}

type item struct {
	name  string
	given bool
}

// pick returns the names of the items that are given, or of those that are not.
func pick(given bool, items []item) []string {
	var names []string
	for _, i := range items {
		if i.given == given {
			names = append(names, i.name)
		}
	}
	return names
}

// check refuses what is given and is not what it should be. What is not given is for Missing.
func (n Notice) check() error {
	if err := checkText("authority", n.Authority, 1, maxLabel); err != nil {
		return err
	}
	if err := checkNames("names", n.Names); err != nil {
		return err
	}
	if len(n.Provisions) > maxProvisions {
		return invalid("provisions", "expected at most %d, got %d", maxProvisions, len(n.Provisions))
	}
	for _, f := range append([]field{
		{"reference", n.Reference}, {"office", n.Office}, {"signature", n.Signature},
	}, fields("provisions", n.Provisions)...) {
		if err := checkText(f.name, f.value, 0, maxLine); err != nil {
			return err
		}
	}
	return n.Inspector.check("inspector")
}

func (p Parties) check(names []string) error {
	if p.Language != "" && !slices.Contains(Languages, p.Language) {
		return invalid("language", "expected one of %v, got %.40q", Languages, p.Language)
	}
	if len(p.Sites) > len(names) {
		return invalid("sites", "expected at most one for each of %d names, got %d", len(names), len(p.Sites))
	}
	seen := make(map[string]bool)
	for _, s := range p.Sites {
		if !slices.Contains(names, s.Name) || seen[s.Name] {
			return invalid("sites", "expected each name of the case at most once, got %.100q", s.Name)
		}
		seen[s.Name] = true
		if len(s.Addresses) > maxAddresses {
			return invalid("addresses", "expected at most %d, got %d", maxAddresses, len(s.Addresses))
		}
		if s.Offline && len(s.Addresses) > 0 {
			return invalid("addresses", "expected none for %s, which is said to be offline", s.Name)
		}
		for _, f := range fields("addresses", s.Addresses) {
			if err := checkText(f.name, f.value, 2, maxAddress); err != nil {
				return err
			}
		}
		if err := s.Registrar.check("registrar"); err != nil {
			return err
		}
	}
	return p.Holder.check("holder")
}

func (c Contact) check(who string) error {
	if err := checkText(who+".name", c.Name, 0, maxLine); err != nil {
		return err
	}
	if err := checkText(who+".email", c.Email, 0, maxEmail); err != nil {
		return err
	}
	if c.Email == "" {
		return nil
	}
	if err := email.Check(c.Email); err != nil {
		return invalid(who+".email", "%v", err)
	}
	return nil
}

type field struct{ name, value string }

func fields(name string, values []string) []field {
	var all []field
	for i, v := range values {
		all = append(all, field{fmt.Sprintf("%s[%d]", name, i), v})
	}
	return all
}
