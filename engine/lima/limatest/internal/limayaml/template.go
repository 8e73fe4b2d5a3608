package limayaml

import (
	_ "embed"
	"fmt"
	"strings"
)

//go:embed fedora.yaml
var fedora []byte

//go:embed ubuntu.yaml
var ubuntu []byte

// Template is the text behind template:NAME.
func Template(name string) ([]byte, error) {
	switch strings.TrimSuffix(name, ".yaml") {
	case "fedora", "fedora-44":
		return fedora, nil
	case "default", "ubuntu":
		return ubuntu, nil
	default:
		return nil, fmt.Errorf("template `%s.yaml` not found", strings.TrimSuffix(name, ".yaml"))
	}
}
