package scripts

import "strings"

// Bare is a script without its comments, for the wire: each costs quoting, twice over, and time to read it. Its lines keep
// their numbers. A line that begins with # must be a comment, and so not stand in a here-document.
func Bare(script string) string {
	var bare strings.Builder
	for line := range strings.Lines(script) {
		if code := strings.TrimLeft(line, "\t "); strings.HasPrefix(code, "#") {
			line = "\n"
		}
		bare.WriteString(line)
	}
	return bare.String()
}
