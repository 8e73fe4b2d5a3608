// Package knob reads the LIMATEST_* variables, the only way to steer the stand-in from a test.
package knob

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/kballard/go-shellquote"
)

// Set holds what one invocation was told by its environment.
type Set struct {
	log        string
	delays     map[string]time.Duration
	Quiet      bool
	RefuseRoot bool
	OwnNet     bool
}

// Read takes the knobs from the environment that getenv looks up.
func Read(getenv func(string) string) (Set, error) {
	s := Set{
		log:        getenv("LIMATEST_LOG"),
		Quiet:      getenv("LIMATEST_QUIET") == "1" || getenv("LIMATEST_LOG") != "",
		RefuseRoot: getenv("LIMATEST_REFUSE_ROOT") == "1",
		OwnNet:     getenv("LIMATEST_NET") == "own",
	}
	var err error
	s.delays, err = parseDelays(getenv("LIMATEST_DELAY"))
	return s, err
}

// parseDelays reads "200ms" (every call) or "shell=200ms,boot=2s" (by name).
func parseDelays(text string) (map[string]time.Duration, error) {
	delays := map[string]time.Duration{}
	for item := range strings.SplitSeq(text, ",") {
		item = strings.TrimSpace(item)
		if item == "" {
			continue
		}
		name, value, named := strings.Cut(item, "=")
		if !named {
			name, value = everyVerb, item
		}
		d, err := time.ParseDuration(value)
		if err != nil {
			return nil, fmt.Errorf("LIMATEST_DELAY: %w", err)
		}
		delays[name] = d
	}
	return delays, nil
}

// Delay is how long an invocation of verb waits before it does anything.
func (s Set) Delay(verb string) time.Duration {
	if d, ok := s.delays[verb]; ok {
		return d
	}
	return s.delays[everyVerb]
}

// Boot is how long a guest takes from launch until it answers ("boot"), and from then until
// /run/lima-boot-done appears and start returns ("boot-done").
func (s Set) Boot() (answers, done time.Duration) {
	return s.delays["boot"], s.delays["boot-done"]
}

// Download is how long an image takes to come.
func (s Set) Download() time.Duration { return s.delays["download"] }

// LogCall appends argv to the file of LIMATEST_LOG, as one line in one write, so that calls that run at
// the same time do not mix.
func (s Set) LogCall(argv []string) error {
	if s.log == "" {
		return nil
	}
	f, err := os.OpenFile(s.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(shellquote.Join(argv...) + "\n"); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// Account is Lima's login account in a guest.
type Account struct {
	Name  string
	UID   int
	SubID string // "START:COUNT" of its lines in /etc/subuid and /etc/subgid
}

// ReadAccount says which account a guest gets: the host's user, or "me" where that is root.
func ReadAccount(getenv func(string) string, hostName string, hostUID int) (Account, error) {
	a := Account{Name: hostName, UID: hostUID, SubID: "100000:65536"}
	if hostUID == 0 {
		a.Name, a.UID = "me", 2201
	}
	if text := getenv("LIMATEST_USER"); text != "" {
		name, uid, hasUID := strings.Cut(text, ":")
		a.Name = name
		if hasUID {
			n, err := strconv.Atoi(uid)
			if err != nil {
				return a, fmt.Errorf("LIMATEST_USER: %w", err)
			}
			a.UID = n
		}
	}
	if text := getenv("LIMATEST_SUBID"); text != "" {
		a.SubID = text
	}
	return a, nil
}
