package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// level is how grave a record is; a logger shows those up to its own.
type level int

const (
	fatal level = iota + 1
	failure
	warning
	info
	debug
)

func (l level) String() string {
	return [...]string{"panic", "fatal", "error", "warning", "info", "debug", "trace"}[l]
}

// parseLevel reads the names that logrus takes, in any case.
func parseLevel(text string) (level, error) {
	switch strings.ToLower(text) {
	case "panic", "fatal":
		return fatal, nil
	case "error":
		return failure, nil
	case "warn", "warning":
		return warning, nil
	case "info":
		return info, nil
	case "debug":
		return debug, nil
	case "trace":
		return debug + 1, nil
	}
	return 0, fmt.Errorf("not a valid logrus Level: %q", text)
}

// fields are a record's values beside level, message and time.
type fields map[string]string

// logger writes records as Lima's logrus does: text where they are read by a program, coloured on a terminal, or JSON.
type logger struct {
	w        io.Writer
	max      level
	json     bool
	terminal bool
	began    time.Time
}

func (l *logger) record(lv level, f fields, format string, args ...any) {
	if lv > l.max {
		return
	}
	msg := fmt.Sprintf(format, args...)
	var line string
	switch {
	case l.json:
		line = jsonRecord(lv, msg, f)
	case l.terminal:
		line = l.terminalRecord(lv, msg, f)
	default:
		line = textRecord(lv, msg, f)
	}
	// There is nobody left to tell that stderr is closed.
	_, _ = io.WriteString(l.w, line+"\n")
}

func (l *logger) fatalf(format string, args ...any) { l.record(fatal, nil, format, args...) }
func (l *logger) warnf(format string, args ...any)  { l.record(warning, nil, format, args...) }
func (l *logger) infof(format string, args ...any)  { l.record(info, nil, format, args...) }

func textRecord(lv level, msg string, f fields) string {
	var b strings.Builder
	fmt.Fprintf(&b, "time=%s level=%s msg=%s", strconv.Quote(now()), lv, quoteValue(msg))
	for _, key := range slices.Sorted(maps.Keys(f)) {
		fmt.Fprintf(&b, " %s=%s", key, quoteValue(f[key]))
	}
	return b.String()
}

func jsonRecord(lv level, msg string, f fields) string {
	all := fields{"level": lv.String(), "msg": msg, "time": now()}
	maps.Copy(all, f)
	line, err := json.Marshal(all)
	if err != nil {
		return err.Error()
	}
	return string(line)
}

func (l *logger) terminalRecord(lv level, msg string, f fields) string {
	colour := map[level]int{fatal: 31, failure: 31, warning: 33, info: 36}[lv]
	name := strings.ToUpper(lv.String())[:4]
	seconds := int(time.Since(l.began).Seconds())
	line := fmt.Sprintf("\x1b[%dm%s\x1b[0m[%04d] %-44s", colour, name, seconds, msg)
	for _, key := range slices.Sorted(maps.Keys(f)) {
		line += fmt.Sprintf(" \x1b[%dm%s\x1b[0m=%s", colour, key, quoteValue(f[key]))
	}
	return strings.TrimRight(line, " ") + " "
}

func now() string { return time.Now().UTC().Format(time.RFC3339) }

// quoteValue quotes what does not consist of letters, digits and a few signs.
func quoteValue(text string) string {
	plain := !strings.ContainsFunc(text, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-._/@^+", c))
	})
	if plain {
		return text
	}
	return strconv.Quote(text)
}
