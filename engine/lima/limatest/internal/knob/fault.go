package knob

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// everyVerb is the verb of a rule or delay that holds for all of them.
const everyVerb = "any"

// Dir is the folder under LIMA_HOME where the stand-in keeps what real Lima has no place for. Lima ignores
// names that begin with an underscore.
func Dir(limaHome string) string { return filepath.Join(limaHome, "_limatest") }

// Rule is one fault: VERB[#N] ACTION[=ARG].
type Rule struct {
	Verb   string
	Nth    int // 0: every call
	Action string
	Arg    string
}

// Faults are the rules that hold for one invocation of one verb, counting done.
type Faults struct {
	rules []Rule
	calls map[Rule]int
}

// ReadFaults takes the rules of LIMATEST_FAULT and of $LIMA_HOME/_limatest/faults that concern verb, and counts
// this call for those that count. A rule counts the calls since it was first seen, so that a test which sets
// one in its middle need not know how many calls came before.
func ReadFaults(getenv func(string) string, limaHome, verb string) (Faults, error) {
	text := getenv("LIMATEST_FAULT")
	file, err := os.ReadFile(filepath.Join(Dir(limaHome), "faults"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Faults{}, err
	}
	all, err := parseRules(text + "\n" + string(file))
	if err != nil {
		return Faults{}, err
	}
	f := Faults{calls: map[Rule]int{}}
	for _, r := range all {
		if r.Verb != verb && r.Verb != everyVerb {
			continue
		}
		n, err := r.count(limaHome)
		if err != nil {
			return Faults{}, err
		}
		if r.Nth == 0 || r.Nth == n {
			f.rules = append(f.rules, r)
			f.calls[r] = n
		}
	}
	return f, nil
}

func parseRules(text string) ([]Rule, error) {
	var rules []Rule
	for item := range strings.FieldsFuncSeq(text, func(c rune) bool { return c == ';' || c == '\n' }) {
		item = strings.TrimSpace(item)
		if item == "" || strings.HasPrefix(item, "#") {
			continue
		}
		verb, action, ok := strings.Cut(item, " ")
		if !ok {
			return nil, fmt.Errorf("LIMATEST_FAULT: %q wants VERB[#N] ACTION[=ARG]", item)
		}
		var r Rule
		var nth string
		r.Verb, nth, ok = strings.Cut(verb, "#")
		if ok {
			n, err := strconv.Atoi(nth)
			if err != nil || n < 1 {
				return nil, fmt.Errorf("LIMATEST_FAULT: %q: not a count: %q", item, nth)
			}
			r.Nth = n
		}
		r.Action, r.Arg, _ = strings.Cut(strings.TrimSpace(action), "=")
		rules = append(rules, r)
	}
	return rules, nil
}

// count says the how many-th call of its verb this one is, seen by this rule.
func (r Rule) count(limaHome string) (int, error) {
	if err := os.MkdirAll(Dir(limaHome), 0o700); err != nil {
		return 0, err
	}
	key := fmt.Sprintf("count.%s.%x", r.Verb, sha256.Sum256(fmt.Appendf(nil, "%+v", r)))
	f, err := os.OpenFile(filepath.Join(Dir(limaHome), key[:len("count.")+len(r.Verb)+9]), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if err := lock(f); err != nil {
		return 0, err
	}
	var n int
	if _, err := fmt.Fscan(f, &n); err != nil {
		n = 0
	}
	n++
	if _, err := f.WriteAt(fmt.Appendln(nil, n), 0); err != nil {
		return 0, err
	}
	return n, nil
}

// Arg returns the argument of the rule with this action, if one holds.
func (f Faults) Arg(action string) (string, bool) {
	for _, r := range f.rules {
		if r.Action == action {
			return r.Arg, true
		}
	}
	return "", false
}

// Has says whether a rule with this action holds.
func (f Faults) Has(action string) bool {
	_, ok := f.Arg(action)
	return ok
}

// Within says whether this call is among the first so many that the action's argument names.
func (f Faults) Within(action string) bool {
	for _, r := range f.rules {
		if n, err := strconv.Atoi(r.Arg); r.Action == action && err == nil && f.calls[r] <= n {
			return true
		}
	}
	return false
}

// Code is the exit code that the action asks for: its argument, else 1.
func (f Faults) Code(action string) (int, bool) {
	arg, ok := f.Arg(action)
	if !ok {
		return 0, false
	}
	if n, err := strconv.Atoi(arg); err == nil {
		return n, true
	}
	return 1, true
}

// Duration is the action's argument as a duration.
func (f Faults) Duration(action string) (time.Duration, bool) {
	arg, ok := f.Arg(action)
	if !ok {
		return 0, false
	}
	d, err := time.ParseDuration(arg)
	return d, err == nil
}
