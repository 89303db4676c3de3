package page

// words is what the frame around a text says in a language.
type words struct {
	Language string // what it calls itself
	Warning  string // above the title
	Name     string // before the name that is redirected
	By       string // before the authority
	Mail     string
	Site     string
	Hosted   string // by the registry
	Registry string // about the registry
	Abuse    string
	Switch   string // of the list of languages, for who hears the page
	Nothing  [2]string
}

var frames = map[string]words{
	"nl": {
		Language: "Nederlands", Warning: "Waarschuwing", Name: "Domeinnaam", By: "In opdracht van",
		Mail: "E-mail", Site: "Website",
		Hosted:   "Deze pagina wordt in opdracht van de autoriteit aangeboden door het register van de domeinnaam:",
		Registry: "DNS Belgium", Abuse: "Misbruik melden", Switch: "Taal van deze pagina",
		Nothing: [2]string{"Hier is niets", "Dit is een server van waarschuwingspagina’s. De pagina die u hebt gevraagd, hoort er niet bij."},
	},
	"fr": {
		Language: "Français", Warning: "Avertissement", Name: "Nom de domaine", By: "Sur ordre de",
		Mail: "E-mail", Site: "Site web",
		Hosted:   "Cette page est hébergée, sur ordre de l’autorité, par le registre du nom de domaine :",
		Registry: "DNS Belgium", Abuse: "Signaler un abus", Switch: "Langue de cette page",
		Nothing: [2]string{"Il n’y a rien ici", "Ceci est un serveur de pages d’avertissement. L’adresse que vous avez demandée n’en fait pas partie."},
	},
	"de": {
		Language: "Deutsch", Warning: "Warnung", Name: "Domainname", By: "Auf Anordnung von",
		Mail: "E-Mail", Site: "Website",
		Hosted:   "Diese Seite wird auf Anordnung der Behörde von der Registrierungsstelle des Domainnamens bereitgestellt:",
		Registry: "DNS Belgium", Abuse: "Missbrauch melden", Switch: "Sprache dieser Seite",
		Nothing: [2]string{"Hier ist nichts", "Dies ist ein Server für Warnseiten. Die Adresse, die Sie aufgerufen haben, gehört nicht dazu."},
	},
	"en": {
		Language: "English", Warning: "Warning", Name: "Domain name", By: "By order of",
		Mail: "E-mail", Site: "Website",
		Hosted:   "This page is hosted, by order of the authority, by the registry of the domain name:",
		Registry: "DNS Belgium", Abuse: "Report abuse", Switch: "Language of this page",
		Nothing: [2]string{"There is nothing here", "This is a server of warning pages. The address that you asked for is not one of its own."},
	},
}
