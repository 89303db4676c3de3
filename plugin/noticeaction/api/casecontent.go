package api

import (
	"github.com/coredns-na/coredns-na/plugin/noticeaction/procedure"
	"github.com/coredns-na/coredns-na/plugin/noticeaction/workday"
)

// noticeContent is the authority's notification, in a request and in a reply. Nothing of it is required here:
// the desk says by name all that is missing.
type noticeContent struct {
	Authority  string       `json:"authority,omitempty" doc:"The id of the authority; for its own token it may be absent" example:"apd-gba"`
	Inspector  contact      `json:"inspector,omitzero" doc:"Who found the infringement"`
	Office     string       `json:"office,omitempty" maxLength:"500" doc:"Of the inspector" example:"Inspector General"`
	Names      []string     `json:"names,omitempty" maxItems:"100" nullable:"false" doc:"The domain names, each exactly one label below a zone, in U-labels or A-labels" example:"example.be"`
	Provisions []string     `json:"provisions,omitempty" maxItems:"50" nullable:"false" doc:"The provisions that are infringed" example:"GDPR Art. 6"`
	Reference  string       `json:"reference,omitempty" maxLength:"200" doc:"Of the authority's file" example:"DOS-2026-00123"`
	Signed     workday.Date `json:"signed,omitzero" format:"date" doc:"The date of the signature" example:"2026-05-11"`
	Signature  string       `json:"signature,omitempty" maxLength:"500" doc:"What was signed and how" example:"S/MIME, valid"`
	Competent  bool         `json:"competent,omitempty" doc:"Whether the inspector confirms being competent"`
	Found      bool         `json:"found,omitempty" doc:"Whether the inspector confirms having found that the names are used for the infringement"`
}

// contact is a person or office. It is personal data.
type contact struct {
	Name  string `json:"name,omitempty" maxLength:"500" doc:"Of the person or office" example:"Inspection Service"`
	Email string `json:"email,omitempty" maxLength:"320" doc:"As local@domain" example:"inspection@apd-gba.be"`
}

func (n noticeContent) notice() procedure.Notice {
	return procedure.Notice{
		Authority: n.Authority, Inspector: procedure.Contact(n.Inspector), Office: n.Office, Names: n.Names, Provisions: n.Provisions,
		Reference: n.Reference, Signed: n.Signed, Signature: n.Signature, Competent: n.Competent, Found: n.Found,
	}
}

func showNotice(n procedure.Notice) noticeContent {
	return noticeContent{
		Authority: n.Authority, Inspector: contact(n.Inspector), Office: n.Office, Names: n.Names, Provisions: n.Provisions,
		Reference: n.Reference, Signed: n.Signed, Signature: n.Signature, Competent: n.Competent, Found: n.Found,
	}
}

// partiesContent is what the registry adds to a notice, in a request and in a reply.
type partiesContent struct {
	Holder     contact `json:"holder,omitzero" doc:"The domain name holder, as in the registration system"`
	Language   string  `json:"language,omitempty" enum:"nl,fr,de,en" doc:"Of the holder"`
	Prosecutor bool    `json:"prosecutor,omitempty" doc:"Whether the public prosecutor's office has intervened"`
	Sites      []site  `json:"sites,omitempty" maxItems:"100" nullable:"false" doc:"One for each name of the case"`
}

type site struct {
	Name      string   `json:"name" minLength:"1" doc:"One of the names of the case" example:"example.be"`
	Registrar contact  `json:"registrar,omitzero" doc:"The registrar that manages the name"`
	Addresses []string `json:"addresses,omitempty" maxItems:"20" nullable:"false" doc:"At which the site can still be reached; absent: those that resolvers see now" example:"198.51.100.1"`
	Offline   bool     `json:"offline,omitempty" doc:"Whether there is no such address"`
}

func (p partiesContent) parties() procedure.Parties {
	parties := procedure.Parties{Holder: procedure.Contact(p.Holder), Language: p.Language, Prosecutor: p.Prosecutor}
	for _, s := range p.Sites {
		parties.Sites = append(parties.Sites, procedure.Site{Name: s.Name, Registrar: procedure.Contact(s.Registrar), Addresses: s.Addresses, Offline: s.Offline})
	}
	return parties
}

func showParties(p procedure.Parties) partiesContent {
	view := partiesContent{Holder: contact(p.Holder), Language: p.Language, Prosecutor: p.Prosecutor}
	for _, s := range p.Sites {
		view.Sites = append(view.Sites, site{Name: s.Name, Registrar: contact(s.Registrar), Addresses: s.Addresses, Offline: s.Offline})
	}
	return view
}
