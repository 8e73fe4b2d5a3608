package config

import (
	"slices"

	"github.com/hbollon/go-edlib"
)

// near lists the known words that word may be a typing error of: those with the fewest edits or transpositions, where
// these are no more than allowed.
func near(word string, known []string, allowed func(candidate string) int) (found []string) {
	fewest := -1
	for _, candidate := range known {
		edits := edlib.OSADamerauLevenshteinDistance(word, candidate)
		switch {
		case edits > allowed(candidate) || fewest >= 0 && edits > fewest:
		case edits == fewest:
			found = append(found, candidate)
		default:
			fewest, found = edits, []string{candidate}
		}
	}
	slices.Sort(found)
	return found
}

const (
	shortestVerb = 4 // letters of a verb that a typing error of is refused: shorter ones are a VM's name too easily
	longName     = 8 // letters of a variable's name, without DVM_, from which on two edits are a typing error
)

func allowedInVerb(verb string) int {
	if len(verb) < shortestVerb {
		return -1
	}
	return 1
}

func allowedInVariable(name string) int {
	if len(name) < longName {
		return 1
	}
	return 2
}
