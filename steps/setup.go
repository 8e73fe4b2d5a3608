package steps

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"al.essio.dev/pkg/shellescape"

	"dvm/config"
	"dvm/scripts"
)

// setupStep runs a setup script. One of dvm's own tells by its check whether something is to do; of a file of the host the
// guest remembers what was done.
func setupStep(vm config.VM, script config.Script) guestStep {
	step := guestStep{name: "setup " + script.Name, setup: true, force: vm.Force}
	if script.BuiltIn != nil {
		step.script, step.wants, step.builds = script.Body, script.BuiltIn.Meaning, true
		step.turns, step.tells = true, script.BuiltIn.Tells
		step.values, step.private = builtInValues(vm, script.BuiltIn), len(script.BuiltIn.Secrets) > 0
		for _, name := range script.BuiltIn.Secrets {
			if !slices.Contains(vm.Pass, name) {
				step.secrets = append(step.secrets, name)
			}
		}
		return step
	}
	inputs := slices.Concat([]string{script.ID, script.Body}, flat(shared(vm)), slices.Sorted(slices.Values(vm.Pass)))
	step.script, step.file = scripts.Bare(scripts.Setup), true
	step.looks, step.fresh, step.wants = true, true, "run to its end"
	step.needs = []variable{
		{"setup_stamp", hash(script.ID)},
		{"setup_hash", hash(inputs...)}, // with the names of secrets: a hash of their values would be an oracle
	}
	step.values = []variable{
		{"setup_name", script.Name},
		{"setup_id", script.ID},
		{"setup_secrets", exports(vm.Secrets)},
		{"setup_body", script.Body},
	}
	return step
}

// builtInValues are the variables that the script's header asks for, and no others. They are not exported: what a script
// runs sees a secret only where the script hands it over.
func builtInValues(vm config.VM, script *scripts.BuiltIn) (values []variable) {
	for _, name := range script.Variables {
		values = append(values, variable{name, vm.Own[name]})
	}
	for _, secret := range vm.Secrets {
		if slices.Contains(script.Secrets, secret.Name) {
			values = append(values, variable{secret.Name, secret.Value()})
		}
	}
	return values
}

// exports are shell commands that put secrets into the environment of the shell that runs them.
func exports(secrets []config.Secret) string {
	var text strings.Builder
	for _, secret := range secrets {
		text.WriteString("export " + secret.Name + "=" + shellescape.Quote(secret.Value()) + "\n")
	}
	return text.String()
}

func flat(values []variable) []string {
	var words []string
	for _, v := range values {
		words = append(words, v.name, v.value)
	}
	return words
}

// hash tells lists of words apart, also where their concatenation is the same.
func hash(words ...string) string {
	sum := sha256.New()
	for _, word := range words {
		_, _ = fmt.Fprintf(sum, "%d:%s", len(word), word)
	}
	return hex.EncodeToString(sum.Sum(nil))[:32]
}
