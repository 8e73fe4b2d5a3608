package lima

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// unveil is a program for bash -c. Its arguments are a script as veilScript writes it, and what that gets, each as veil writes it.
// Its own words are few and short, since a pattern may match them.
const unveil = `printf -v s %b "${1,,}"; shift; w=(); for v; do printf -v v %b "$v"; w+=("$v"); done; set -- "${w[@]}"; eval "$s"`

// veilScript writes a script in capitals, a third as long as veil would make it: patterns are of programs' names, and those are
// in small letters. What bash would not make the same small letters of in every locale, such as an I in a Turkish one, is a number.
func veilScript(script string) string {
	var veiled strings.Builder
	for _, letter := range []byte(script) {
		switch {
		case 'a' <= letter && letter <= 'z' && letter != 'i':
			veiled.WriteByte(letter - 'a' + 'A')
		case letter == 'i' || 'A' <= letter && letter <= 'Z' || letter == '\\' || letter >= utf8.RuneSelf:
			fmt.Fprintf(&veiled, `\%03o`, letter)
		default:
			veiled.WriteByte(letter)
		}
	}
	return veiled.String()
}

// maxVeiled bounds what is written letter by letter, in bytes: four times as many go over the wire.
const maxVeiled = 4 << 10

// veil writes words as bash's `printf %b` reads them, and no pattern for a word matches it unless they are long. What carries a
// command has its words as arguments as long as it runs, and is not what pgrep -f and pkill -f in the guest are to find. What
// sudo writes to the guest's journal has them in that form, too.
func veil(words ...string) []string {
	const digits = "0123456789abcdef"
	size := 0
	for _, word := range words {
		size += len(word)
	}
	veiled := make([]string, len(words))
	for i, word := range words {
		if size > maxVeiled {
			veiled[i] = strings.ReplaceAll(word, `\`, `\\`)
			continue
		}
		var letters []byte
		for _, letter := range []byte(word) {
			letters = append(letters, '\\', 'x', digits[letter>>4], digits[letter&0xf])
		}
		veiled[i] = string(letters)
	}
	return veiled
}
