package config

import (
	"errors"
	"slices"
	"strings"
)

// Problem is something wrong with a variable or an argument.
type Problem struct {
	Where string // the variable's or argument's name
	Err   error  // what it wants and what it got
}

// Error names the place first, so that a reader knows where to look.
func (p Problem) Error() string { return p.Where + " " + p.Err.Error() }

// Unwrap gives what is wrong.
func (p Problem) Unwrap() error { return p.Err }

// Problems is everything wrong with a command's configuration.
type Problems []Problem

// Error is one line a problem.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.Error()
	}
	return strings.Join(lines, "\n")
}

// unique drops repetitions, as several VMs make of what they share.
func (p Problems) unique() Problems {
	var kept Problems
	for _, problem := range p {
		if !slices.ContainsFunc(kept, func(other Problem) bool { return other.Error() == problem.Error() }) {
			kept = append(kept, problem)
		}
	}
	return kept
}

// withoutSecrets leaves out the values of the variables named, and of those that override them for one VM.
func (p Problems) withoutSecrets(names []string) Problems {
	for i, problem := range p {
		base, _, _ := strings.Cut(problem.Where, "__")
		var bad *mismatch
		if errors.As(problem.Err, &bad) && (slices.Contains(names, problem.Where) || slices.Contains(names, base)) {
			p[i].Err = bad.withoutValue()
		}
	}
	return p
}

// inVariable makes a problem of each error that err joins; none of nil.
func inVariable(name string, err error) Problems {
	if err == nil {
		return nil
	}
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		var all Problems
		for _, one := range joined.Unwrap() {
			all = append(all, inVariable(name, one)...)
		}
		return all
	}
	return Problems{{Where: name, Err: err}}
}
