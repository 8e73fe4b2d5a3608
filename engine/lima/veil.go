package lima

import "strings"

// unveil is a program for bash -c. Its arguments are a script and what the script gets, each as veil writes it.
const unveil = `words=() && for word; do printf -v word %b "$word" && words+=("$word"); done && set -- "${words[@]:1}" && eval "${words[0]}"`

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
