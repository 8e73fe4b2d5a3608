package lima

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Pair is a port of the host's loopback address and the port of the guest that is behind it.
type Pair struct{ Host, Guest int }

// String is the pair as --port-forward takes it.
func (p Pair) String() string { return strconv.Itoa(p.Host) + ":" + strconv.Itoa(p.Guest) }

// Forwards are the rules for ports that are dvm's in an instance's lima.yaml. Others are its template's or its owner's.
type Forwards struct {
	Pairs []Pair
	Only  bool // nothing else leaves the guest
}

// Two forms of rules are dvm's: that which --port-forward makes, and this one. It has to be exactly so: Lima's own last rule
// forwards what no other rule matches, and an ignoring rule for the default address leaves listeners on all addresses to it.
const onlyRule = `{"guestIP": "0.0.0.0", "guestIPMustBeZero": false, "guestPortRange": [1, 65535], "proto": "any", "ignore": true}`

const (
	isPair = `(has("guestPort") and has("hostPort") and .static == false and (keys | length) == 3)`
	isOnly = `(.ignore == true and .guestIP == "0.0.0.0" and .guestIPMustBeZero == false and .proto == "any" and ` +
		`.guestPortRange[0] == 1 and .guestPortRange[1] == 65535 and (keys | length) == 5)`
)

// Expression is the yq expression that puts these rules in the place of dvm's, behind all others: of two rules that match
// a listener, Lima takes the first.
func (f Forwards) Expression() string {
	var rules []string
	for _, pair := range f.Pairs {
		rules = append(rules, fmt.Sprintf(`{"guestPort": "%d", "hostPort": "%d", "static": false}`, pair.Guest, pair.Host))
	}
	if f.Only {
		rules = append(rules, onlyRule)
	}
	return fmt.Sprintf(`.portForwards = [(.portForwards // [])[] | select((%s or %s) | not)] + [%s]`, isPair, isOnly, strings.Join(rules, ", "))
}

// Forwards reads the rules in an instance's lima.yaml, which limactl's list mixes with those of Lima's own configuration.
func (c *Client) Forwards(instance string) (found Forwards, err error) {
	var content struct {
		PortForwards []map[string]any `yaml:"portForwards"`
	}
	if err := c.readConfig(instance, &content); err != nil {
		return Forwards{}, fmt.Errorf("read the port forwards of %s: %w", instance, err)
	}
	for _, rule := range content.PortForwards {
		found.add(rule)
	}
	return found, nil
}

// add takes a rule that is dvm's; another it leaves.
func (f *Forwards) add(rule map[string]any) (ours bool) {
	host, guest := port(rule["hostPort"]), port(rule["guestPort"])
	switch {
	case len(rule) == 3 && host > 0 && guest > 0 && rule["static"] == false:
		f.Pairs = append(f.Pairs, Pair{Host: host, Guest: guest})
	case len(rule) == 5 && rule["ignore"] == true && rule["guestIP"] == "0.0.0.0" && rule["guestIPMustBeZero"] == false &&
		rule["proto"] == "any" && fmt.Sprint(rule["guestPortRange"]) == "[1 65535]":
		f.Only = true
	default:
		return false
	}
	return true
}

// rest is a hash of all that an instance's lima.yaml says but for dvm's rules, however it is written.
func (c *Client) rest(instance string) (string, error) {
	var content map[string]any
	if err := c.readConfig(instance, &content); err != nil {
		return "", err
	}
	var others []any
	rules, _ := content["portForwards"].([]any)
	for _, rule := range rules {
		if fields, ok := rule.(map[string]any); !ok || !new(Forwards).add(fields) {
			others = append(others, rule)
		}
	}
	delete(content, "portForwards")
	text, err := yaml.Marshal([]any{content, others})
	return fmt.Sprintf("%x", sha256.Sum256(text)), err
}

func (c *Client) configPath(instance string) string {
	return filepath.Join(c.Dir(instance), "lima.yaml")
}

func (c *Client) readConfig(instance string, content any) error {
	path := c.configPath(instance)
	text, err := os.ReadFile(path)
	if err == nil {
		err = yaml.Unmarshal(text, content)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// port reads a port, which Lima takes as text too; 0 is none.
func port(value any) int {
	number, err := strconv.Atoi(fmt.Sprint(value))
	if err != nil {
		return 0
	}
	return number
}
