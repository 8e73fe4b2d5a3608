// Package sudo is the guest's sudo: enough of the real one for the scripts that run in a guest.
package sudo

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// call is a parsed command line of sudo.
type call struct {
	user     string
	group    string
	login    bool // -i
	shell    bool // -s
	setHome  bool // -H
	list     bool // -l
	validate bool // -v
	forget   bool // -k, -K
	env      []string
	argv     []string
}

// usageError is a command line that sudo does not take.
type usageError string

func (e usageError) Error() string { return string(e) }

// parse reads sudo's words; its options end at the first other word.
func parse(args []string) (call, error) {
	var c call
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		word := args[0]
		args = args[1:]
		if word == "--" {
			break
		}
		var err error
		if strings.HasPrefix(word, "--") {
			args, err = c.long(word, args)
		} else {
			args, err = c.short(word[1:], args)
		}
		if err != nil {
			return c, err
		}
	}
	for len(args) > 0 && isAssignment(args[0]) {
		c.env = append(c.env, args[0])
		args = args[1:]
	}
	c.argv = args
	if len(args) == 0 && !c.login && !c.shell && !c.list && !c.validate && !c.forget {
		return c, usageError("usage: sudo [-n] [-H] [-i] [-u user] [-g group] [VAR=value] command")
	}
	return c, nil
}

// long takes one --option, with its value from rest where it has one.
func (c *call) long(word string, rest []string) ([]string, error) {
	name, value, hasValue := strings.Cut(strings.TrimPrefix(word, "--"), "=")
	letters := map[string]string{
		"non-interactive": "n", "set-home": "H", "login": "i", "shell": "s", "user": "u", "group": "g",
		"list": "l", "validate": "v", "reset-timestamp": "k", "remove-timestamp": "K", "preserve-env": "E",
	}
	letter, ok := letters[name]
	if !ok {
		return nil, usageError("sudo: unrecognized option '" + word + "'")
	}
	if hasValue {
		return c.short(letter+value, rest)
	}
	return c.short(letter, rest)
}

// short takes a cluster of letters, the last of which may have its value in rest.
func (c *call) short(letters string, rest []string) ([]string, error) {
	for i, letter := range letters {
		switch letter {
		case 'n', 'S', 'b':
		case 'H':
			c.setHome = true
		case 'i':
			c.login = true
		case 's':
			c.shell = true
		case 'l':
			c.list = true
		case 'v':
			c.validate = true
		case 'k', 'K':
			c.forget = true
		case 'u', 'g':
			value := letters[i+1:]
			if value == "" {
				if len(rest) == 0 {
					return nil, usageError(fmt.Sprintf("sudo: option requires an argument -- '%c'", letter))
				}
				value, rest = rest[0], rest[1:]
			}
			if letter == 'u' {
				c.user = value
			} else {
				c.group = value
			}
			return rest, nil
		case 'E':
			return nil, usageError("sudo: sorry, you are not allowed to preserve the environment")
		default:
			return nil, usageError(fmt.Sprintf("sudo: invalid option -- '%c'", letter))
		}
	}
	return rest, nil
}

// isAssignment says whether a word before the command sets a variable for it.
func isAssignment(word string) bool {
	name, _, ok := strings.Cut(word, "=")
	return ok && name != "" && !strings.ContainsAny(name, "/ ")
}

// Main runs sudo with its words and returns its exit code. Every call is counted in the file at logPath.
func Main(args []string, logPath string, stderr io.Writer) int {
	if err := count(logPath, args); err != nil {
		fmt.Fprintln(stderr, "sudo: the stand-in's log:", err)
		return 1
	}
	c, err := parse(args)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	code, err := c.run(os.Stdout)
	if err != nil {
		fmt.Fprintln(stderr, "sudo:", err)
		return 1
	}
	return code
}
