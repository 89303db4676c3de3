package zonegen

import (
	"strconv"

	"golang.org/x/net/idna"
)

// No word in trades or accented is a prefix of another in the same list, none
// starts with "my", and no town is "shop": that alone makes every label of
// label distinct, without remembering those already given out.
var (
	trades = []string{
		"advocaat", "apotheek", "architect", "bakkerij", "banque", "bloemen", "boekhandel", "boucherie",
		"brouwerij", "camping", "carrosserie", "coiffure", "dakwerken", "dierenarts", "drukkerij",
		"ecole", "electro", "fietsen", "fleuriste", "frituur", "garage", "hotel", "immo", "jardin",
		"kapper", "keukens", "librairie", "loodgieter", "menuiserie", "notaris", "opticien", "peinture",
		"pharmacie", "plombier", "restaurant", "schilder", "slagerij", "taxi", "traiteur", "velo", "yoga",
	}
	accented = []string{
		"bière", "café", "crêperie", "élégance", "fête", "forêt", "geïntegreerd", "hôtellerie", "ménage",
		"noël", "pâtisserie", "reünie", "société", "straße", "théâtre", "vélodrome", "zoölogie",
	}
	towns = []string{
		"aalst", "antwerpen", "arlon", "bastogne", "brugge", "bruxelles", "charleroi", "damme", "diest",
		"dinant", "durbuy", "eupen", "geel", "genk", "gent", "halle", "hasselt", "huy", "ieper", "knokke",
		"kortrijk", "leuven", "liege", "lier", "lokeren", "mechelen", "mons", "namur", "ninove", "oostende",
		"roeselare", "ronse", "spa", "tienen", "tongeren", "tournai", "turnhout", "verviers", "waterloo",
		"wavre",
	}
)

// label returns the i-th generated label as an A-label. Two in a hundred are
// internationalised, and one in ten is another label with something put before
// or behind it, so that a match on less than the whole label would be seen.
func label(i int) (string, error) {
	switch {
	case i%50 == 7:
		return idna.Registration.ToASCII(compose(accented, i/50))
	case i%20 == 3:
		return "my" + compose(trades, i-1), nil
	case i%20 == 4:
		return compose(trades, i-2) + "-shop", nil
	default:
		return compose(trades, i), nil
	}
}

// compose reads i as a number in mixed radix whose digits are the first word,
// the separator, the town and a count.
func compose(words []string, i int) string {
	word := words[i%len(words)]
	i /= len(words)
	if i%2 == 1 {
		word += "-"
	}
	i /= 2
	word += towns[i%len(towns)]
	if i /= len(towns); i > 0 {
		word += strconv.Itoa(i + 1)
	}
	return word
}
