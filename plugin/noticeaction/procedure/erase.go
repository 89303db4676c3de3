package procedure

import "slices"

// What stands in the place of erased personal data, where some has to stand.
const (
	erased      = "erased"
	erasedEmail = "erased@erased.invalid" // an address too, so that what is erased can be replayed
)

// Erased returns the case without personal data (Art. 6), with its names, dates and outcomes. Erasing all
// events of a case and replaying them gives the same case, erased.
func (c Case) Erased() Case {
	c.Notice, c.Parties = c.Notice.erased(), c.Parties.erased()
	return c
}

// Erased returns the event without personal data (Art. 6). It keeps who recorded it.
func (e Event) Erased() Event {
	if e.Notice != nil {
		n := e.Notice.erased()
		e.Notice = &n
	}
	if e.Parties != nil {
		p := e.Parties.erased()
		e.Parties = &p
	}
	e.Text = ""
	if e.Kind != Open && e.Kind != File { // there it is the id of a message; elsewhere people write what they like
		e.Evidence = ""
	}
	return e
}

func (n Notice) erased() Notice {
	n.Inspector = n.Inspector.erased()
	if n.Signature != "" { // says who signed
		n.Signature = erased
	}
	return n
}

func (p Parties) erased() Parties {
	p.Holder = p.Holder.erased()
	p.Sites = slices.Clone(p.Sites)
	for i := range p.Sites {
		p.Sites[i].Registrar = p.Sites[i].Registrar.erased()
		if len(p.Sites[i].Addresses) > 0 {
			p.Sites[i].Addresses = []string{erased}
		}
	}
	return p
}

func (c Contact) erased() Contact {
	if c.Name != "" {
		c.Name = erased
	}
	if c.Email != "" {
		c.Email = erasedEmail
	}
	return c
}
