package intake

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// item is one of those that Art. 4(b) asks for.
type item int

const (
	none item = iota
	inspector
	officer // the office as label, the name as value
	email
	office
	domain
	provisions
	reference
	signedOn
	signature
	competent
	found
)

// labels are the words before a colon that announce an item: en; nl; fr; de. Case, accents, hyphens, brackets
// and spaces do not count, so that "Domain name(s)" is "domain names". Of "A / B" either may be known.
//
//nolint:misspell // four languages
var labels = map[item]string{
	inspector: "inspector, name of the inspector, name, inspecteur, inspectrice, naam van de inspecteur, naam," +
		"nom de l'inspecteur, nom, inspektor, inspektorin, name des inspektors",
	officer: "inspector general, president of the litigation chamber, inspecteur-generaal, voorzitter van de geschillenkamer," +
		"inspecteur général, inspectrice générale, président de la chambre contentieuse, présidente de la chambre contentieuse," +
		"generalinspektor, generalinspektorin, präsident der streitsachenkammer, präsidentin der streitsachenkammer",
	email:  "e-mail, e-mail address, e-mail address of the inspector, mail, e-mailadres, adresse e-mail, courriel, e-mail-adresse",
	office: "office, function, title, functie, ambt, hoedanigheid, fonction, qualité, titre, amt, funktion",
	domain: "domain, domains, domain name, domain names, domein, domeinen, domeinnaam, domeinnamen, nom de domaine, noms de domaine," +
		"domaine, domaines, domäne, domänenname, domänennamen, domainname, domainnamen",
	provisions: "provision, provisions, infringed provision, infringed provisions, provisions infringed, bepaling, bepalingen," +
		"geschonden bepaling, geschonden bepalingen, overtreden bepaling, overtreden bepalingen, disposition, dispositions," +
		"disposition enfreinte, dispositions enfreintes, disposition violée, dispositions violées, bestimmung, bestimmungen," +
		"verletzte bestimmung, verletzte bestimmungen",
	reference: "reference, our reference, file reference, reference of the file, file, file number, case number, referentie," +
		"dossierreferentie, dossiernummer, dossier, kenmerk, ons kenmerk, référence, référence du dossier, notre référence," +
		"numéro de dossier, n° de dossier, aktenzeichen, aktennummer, geschäftszeichen, referenz",
	signedOn:  "date, date of signature, datum, datum van ondertekening, date de signature, datum der unterschrift",
	signature: "signature, signed, signed by, handtekening, ondertekend, getekend, signé, signé par, unterschrift, unterzeichnet",
	competent: "competent, competence, confirmation of competence, bevoegd, bevoegdheid, bevestiging van bevoegdheid," +
		"bevestiging van de bevoegdheid, compétent, compétence, confirmation de compétence, confirmation de la compétence," +
		"zuständig, zuständigkeit, bestätigung der zuständigkeit",
	found: "found, finding, infringement found, confirmation of finding, confirmation of the finding, vastgesteld, vaststelling," +
		"inbreuk vastgesteld, bevestiging van de vaststelling, constatation, constat, infraction constatée, confirmation du constat," +
		"confirmation de la constatation, festgestellt, feststellung, verstoß festgestellt, bestätigung der feststellung",
}

var byLabel = func() map[string]item {
	m := make(map[string]item)
	for i, words := range labels {
		for word := range strings.SplitSeq(words, ",") {
			m[fold(word)] = i
		}
	}
	return m
}()

// fold returns the letters of s in lower case without accents.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, norm.NFD.String(s))
}

// itemOf returns the item that a label announces.
func itemOf(label string) item {
	if len(label) > 100 {
		return none
	}
	if i := byLabel[fold(label)]; i != none {
		return i
	}
	for part := range strings.SplitSeq(label, "/") {
		if i := byLabel[fold(part)]; i != none {
			return i
		}
	}
	return none
}

// What a confirmation begins with, and what takes it back, as fold leaves the words.
var (
	yes = map[string]bool{
		"yes": true, "ja": true, "oui": true, "confirmed": true, "bevestigd": true, "confirme": true, "confirmee": true,
		"bestatigt": true, "iconfirm": true, "iherebyconfirm": true, "ikbevestig": true, "jeconfirme": true, "ichbestatige": true,
	}
	no = map[string]bool{
		"no": true, "not": true, "never": true, "nee": true, "niet": true, "geen": true, "nooit": true, "non": true, "pas": true, "jamais": true,
		"nein": true, "nicht": true, "kein": true, "keine": true, "nie": true, "cannot": true,
	}
)

// confirmed tells whether a value says yes, and nowhere no.
func confirmed(value string) bool {
	words := strings.FieldsFunc(value, func(r rune) bool { return !unicode.IsLetter(r) })
	start, begun := "", false
	for i, word := range words {
		word = fold(word)
		if no[word] {
			return false
		}
		if start += word; i < 3 && yes[start] {
			begun = true
		}
	}
	return begun
}
