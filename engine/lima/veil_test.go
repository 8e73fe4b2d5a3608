package lima

import (
	"strings"
	"testing"

	"dvm/scripts"
)

// TestVeilScript: what carries a script has none of its small letters, nor an I, of which bash makes no i in a Turkish locale.
func TestVeilScript(t *testing.T) {
	for name, script := range map[string]string{
		"command": scripts.Ahead + scripts.Command, "login": scripts.Terminal + scripts.Login, "authorize": scripts.Authorize, "bytes": "ÄßIi\\I\xff",
	} {
		veiled := veilScript(script)
		if at := strings.IndexAny(veiled, "abcdefghijklmnopqrstuvwxyzI"); at >= 0 {
			t.Errorf("%s: %q", name, veiled[at:min(len(veiled), at+20)])
		}
		for _, letter := range []byte(veiled) {
			if letter > 0x7f {
				t.Errorf("%s: a byte %x is not ASCII", name, letter)
			}
		}
	}
}
