package limayaml

import (
	"log/slog"
	"strings"

	"github.com/mikefarah/yq/v4/pkg/yqlib"
)

// Join makes one yq expression of several.
func Join(exprs []string) string { return strings.Join(exprs, " | ") }

// Edit evaluates a yq expression on a YAML document, with the operators that reach out of it disabled.
func Edit(expr string, content []byte) ([]byte, error) {
	if expr == "" {
		return content, nil
	}
	prefs := yqlib.NewDefaultYamlPreferences()
	prefs.CompactSequenceIndent = true
	out, err := evaluate(expr, string(content), yqlib.NewYamlEncoder(prefs))
	return []byte(out), err
}

// QueryJSON evaluates a yq expression on a JSON object; a string result is printed bare, anything else as JSON.
func QueryJSON(expr, object string) (string, error) {
	prefs := yqlib.NewDefaultJsonPreferences()
	prefs.Indent = 0
	prefs.UnwrapScalar = true
	prefs.ColorsEnabled = false
	return evaluate(expr, object, yqlib.NewJSONEncoder(prefs))
}

func evaluate(expr, content string, encoder yqlib.Encoder) (string, error) {
	yqlib.GetLogger().SetLevel(slog.LevelError + 1)
	yqlib.InitExpressionParser()
	yqlib.ConfiguredSecurityPreferences = yqlib.SecurityPreferences{DisableEnvOps: true, DisableFileOps: true}
	decoder := yqlib.NewYamlDecoder(yqlib.NewDefaultYamlPreferences())
	return yqlib.NewStringEvaluator().EvaluateAll(expr, content, encoder, decoder)
}
