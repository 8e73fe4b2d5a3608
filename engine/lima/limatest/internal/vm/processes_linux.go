package vm

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Processes are the host agents and guests that run for instances of a LIMA_HOME, agents first. It finds them by their
// words, so that also one counts that has not written its PID file yet.
func Processes(limaHome string) ([]int, error) {
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return nil, err
	}
	var agents, guests []int
	for _, path := range all {
		content, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		words := strings.Split(string(bytes.TrimRight(content, "\x00")), "\x00")
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil || !servesUnder(words, limaHome) {
			continue
		}
		if words[1] == AgentVerb {
			agents = append(agents, pid)
		} else {
			guests = append(guests, pid)
		}
	}
	return slices.Concat(agents, guests), nil
}

// servesUnder says whether words are those of a host agent or a guest of the LIMA_HOME.
func servesUnder(words []string, limaHome string) bool {
	if len(words) < 3 || !slices.Contains([]string{AgentVerb, GuestVerb, MappedVerb}, words[1]) {
		return false
	}
	var spec Spec
	return json.Unmarshal([]byte(words[len(words)-1]), &spec) == nil && filepath.Dir(spec.Dir) == limaHome
}
