package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"dvm/config"
	"dvm/config/completion"
	"dvm/logs"
	"dvm/scripts"
	"dvm/steps"
)

// The commands that answer about dvm and this host, and touch no VM.

// writeObjects prints rows as JSON, an object a line.
func writeObjects[T any](stdout io.Writer, rows []T) error {
	encoder := json.NewEncoder(stdout)
	for _, row := range rows {
		if err := encoder.Encode(row); err != nil {
			return err
		}
	}
	return nil
}

// showEnvironment prints a table for a person, lines for a shell, or JSON.
func showEnvironment(report config.Report, cfg config.Config, stdout io.Writer) error {
	switch {
	case cfg.JSON:
		return writeObjects(stdout, report.Settings)
	case logs.IsTerminal(stdout):
		return logs.Table(stdout, report.Rows())
	}
	_, err := io.WriteString(stdout, report.Exports())
	return err
}

// doctor prints what it finds, and fails where something would stop a sync.
func doctor(ctx context.Context, stdout io.Writer, term *logs.Terminal) error {
	cfg, wrong := config.Check()
	found := steps.Doctor(ctx, newViewer(cfg), cfg, logs.Dirs(cfg.StateDir), wrong)
	if ctx.Err() != nil {
		return context.Cause(ctx) // it is no verdict of limactl's
	}
	for _, diagnosis := range found {
		var err error
		if cfg.JSON {
			err = json.NewEncoder(stdout).Encode(diagnosis)
		} else {
			err = term.Verdict(stdout, string(diagnosis.Health), diagnosis.Check+": "+diagnosis.Text, diagnosis.Remedy)
		}
		if err != nil {
			return err
		}
	}
	return steps.WouldFail(found)
}

// complete prints a shell's script, or answers it what may come next. A wrong environment is no reason to say nothing.
func complete(ctx context.Context, args []string, stdout io.Writer) error {
	if args[0] != "next" {
		script := completion.Script(args[0])
		if script == "" || len(args) > 1 {
			return config.Problems{{Where: "completion", Err: fmt.Errorf("wants one of %s, got %q",
				strings.Join(completion.Shells(), ", "), strings.Join(args, " "))}}
		}
		_, err := io.WriteString(stdout, script)
		return err
	}
	words := append([]string{""}, args[1:]...)
	next := completion.After(args[1:])
	var vms []string
	if next.VMs {
		// A wrong variable does not hide them, where they can be found all the same.
		if cfg, _ := config.LoadAny(nil); cfg.LimaHome != "" && len(cfg.Limactl) > 0 {
			client := newViewer(cfg)
			if next.AtOnce || cfg.StateDir == "" {
				vms = steps.VMsSeen(client)
			} else {
				vms = steps.RecentVMs(ctx, client, cfg.StateDir)
			}
		}
	}
	_, err := io.WriteString(stdout, next.Lines(words[len(words)-1], vms))
	return err
}

// showScripts prints the built-in setup scripts, or the one that is named.
func showScripts(names []string, stdout io.Writer) error {
	if len(names) > 0 {
		script, err := config.BuiltIn(names[0])
		if err == nil {
			_, err = io.WriteString(stdout, script.Text)
		}
		return err
	}
	// What is wrong with the variables must not hide the names that would mend it.
	if cfg, _ := config.LoadAny(nil); !cfg.JSON {
		return logs.Table(stdout, scripts.Rows())
	}
	return writeObjects(stdout, scripts.BuiltIns())
}

func help(topic []string, stdout io.Writer) error {
	if slices.Equal(topic, []string{"env"}) {
		if err := logs.Table(stdout, config.ReferenceRows()); err != nil {
			return err
		}
		return logs.Text(stdout, config.Rules()...)
	}
	rows := [][]string{{"dvm VM...", "the same as dvm sync VM..."}, {"dvm", "dvm sync where DVM_NAME is set, else dvm ls"}}
	for _, verb := range config.Verbs() {
		rows = append(rows, []string{strings.TrimSpace("dvm " + verb.Name + " " + verb.Args), verb.Meaning})
	}
	rows = append(rows, []string{"", ""})
	for _, entry := range config.Reference() {
		if entry.Common {
			rows = append(rows, []string{entry.Name, entry.Meaning})
		}
	}
	rows = append(rows, []string{"", ""}, []string{"dvm help env", "all variables, and their defaults"})
	err := logs.Text(stdout, "dvm gives every project its own Fedora VM. Everything is set by variables; there are no flags.", "")
	if err != nil {
		return err
	}
	return logs.Table(stdout, rows)
}
