package cli

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/pflag"
	"golang.org/x/term"
)

// globals are the flags that stand before or after the command.
type globals struct {
	logLevel  string
	logFormat string
	debug     bool
	tty       bool
	yes       bool
	defined   bool
}

// flagSet defines the global flags. Each set it makes writes to the same values, so that what one has read stays when
// the next is read.
func (g *globals) flagSet(stdout *os.File) *pflag.FlagSet {
	if !g.defined {
		*g = globals{logFormat: "text", tty: term.IsTerminal(int(stdout.Fd())), defined: true}
	}
	f := pflag.NewFlagSet("limactl", pflag.ContinueOnError)
	f.Usage = func() {}
	f.StringVar(&g.logLevel, "log-level", g.logLevel, "Set the logging level [trace, debug, info, warn, error]")
	f.StringVar(&g.logFormat, "log-format", g.logFormat, "Set the logging format [text, json]")
	f.BoolVar(&g.debug, "debug", g.debug, "Debug mode")
	f.BoolVar(&g.tty, "tty", g.tty, "Enable TUI interactions such as opening an editor. Defaults to true when stdout is a terminal. Set to false for automation.")
	f.BoolVarP(&g.yes, "yes", "y", g.yes, "Alias of --tty=false")
	return f
}

// apply sets the invocation up as the global flags say.
func (g *globals) apply(a *App, command string) error {
	if g.debug {
		a.log.max = debug
	}
	if g.logLevel != "" {
		lv, err := parseLevel(g.logLevel)
		if err != nil {
			return err
		}
		a.log.max = lv
	}
	switch g.logFormat {
	case "json":
		a.log.json = true
	case "text":
	default:
		return fmt.Errorf("unsupported log-format: %#q", g.logFormat)
	}
	if !a.flags.Changed("yes") {
		return nil
	}
	if a.flags.Changed("tty") {
		return errors.New("cannot use both --tty and --yes flags at the same time")
	}
	switch command {
	case "clone", "edit", "rename":
		a.log.warnf("--yes flag is deprecated (--tty=false is still supported and works in the same way. Also consider using --start)")
	}
	if g.yes {
		return a.flags.Set("tty", "false")
	}
	return nil
}
