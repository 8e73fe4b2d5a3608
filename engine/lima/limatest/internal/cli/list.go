package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"text/template"

	"github.com/spf13/pflag"

	"dvm/engine/lima/limatest/internal/limayaml"
	"dvm/engine/lima/limatest/internal/store"
)

func listFlags(f *pflag.FlagSet) {
	f.StringP("format", "f", "table", "Output format, one of: json, yaml, table, go-template")
	f.Bool("json", false, "Same as --format=json")
	f.BoolP("quiet", "q", false, "Only show names")
	f.StringArray("yq", nil, "Apply yq expression to each instance")
	f.StringArrayP("filter", "l", nil, "Filter instances using yq expression (equivalent to --yq 'select(EXPR)')")
}

var errUnmatched = errors.New("unmatched instances")

func (a *App) listInstances(args []string) error {
	format, err := a.listFormat()
	if err != nil {
		return err
	}
	all, err := a.home.Names()
	if err != nil {
		return err
	}
	a.warnOfStrays(all)
	if len(args) == 0 && len(all) == 0 {
		a.log.warnf("No instance found. Run `limactl create` to create an instance.")
		return nil
	}
	names, unmatched := a.matching(args, all)
	yq, filters := a.list("yq"), a.list("filter")
	if a.bool("quiet") && len(yq) == 0 && len(filters) == 0 {
		for _, name := range names {
			fmt.Fprintln(a.Stdout, name)
		}
		return unmatched
	}
	instances, err := a.inspectAll(names)
	if err != nil {
		return err
	}
	if instances, err = filterInstances(instances, filters); err != nil {
		return err
	}
	for _, inst := range instances {
		if len(inst.Errors) > 0 {
			a.log.record(warning, fields{"errors": fmt.Sprint([]error(inst.Errors))}, "instance %#q has errors", inst.Name)
		}
	}
	if a.bool("quiet") {
		yq = append(yq, ".name")
	}
	return errors.Join(a.printInstances(instances, format, yq), unmatched)
}

// listFormat settles what the flags ask for.
func (a *App) listFormat() (string, error) {
	format := a.text("format")
	if a.bool("json") {
		format = "json"
		if a.flags.Changed("format") {
			return "", errors.New("option --json conflicts with option --format")
		}
	}
	if a.bool("quiet") && format != "table" {
		return "", errors.New("option --quiet can only be used with '--format table'")
	}
	if len(a.list("yq")) > 0 {
		if a.flags.Changed("format") && format != "json" && format != "yaml" {
			return "", errors.New("option --yq only works with --format json or yaml")
		}
		format = "json"
	}
	return format, nil
}

// warnOfStrays warns of the first directory that is no instance.
func (a *App) warnOfStrays(names []string) {
	for _, name := range names {
		if _, err := os.Stat(yamlPath(a.home.Dir(name))); err != nil {
			a.log.warnf("The directory %#q does not look like a valid Lima directory: %v", string(a.home), err)
			return
		}
	}
}

// matching are the instances that the words name; all of them without words.
func (a *App) matching(args, all []string) (names []string, unmatched error) {
	if len(args) == 0 {
		return all, nil
	}
	for _, arg := range args {
		if slices.Contains(all, arg) {
			names = append(names, arg)
		} else {
			a.log.warnf("No instance matching %v found.", arg)
			unmatched = errUnmatched
		}
	}
	return names, unmatched
}

func (a *App) inspectAll(names []string) ([]*store.Instance, error) {
	broken := a.faults.Within("broken")
	var instances []*store.Instance
	for _, name := range names {
		inst, err := a.inspect(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			inst = a.home.BrokenInstance(name, err)
		case err != nil:
			return nil, fmt.Errorf("unable to load instance %s: %w", name, err)
		}
		if broken && inst.Status == store.Running {
			inst.Status = store.Broken
			inst.Errors = append(inst.Errors, errors.New("stand-in: told to say so"))
		}
		instances = append(instances, inst)
	}
	return instances, nil
}

func filterInstances(instances []*store.Instance, filters []string) ([]*store.Instance, error) {
	if len(filters) == 0 {
		return instances, nil
	}
	var kept []*store.Instance
	for _, inst := range instances {
		object, err := json.Marshal(inst)
		if err != nil {
			return nil, err
		}
		out, err := limayaml.QueryJSON("select("+strings.Join(filters, ") | select(")+")", string(object))
		if err != nil {
			return nil, err
		}
		if strings.TrimSpace(out) != "" {
			kept = append(kept, inst)
		}
	}
	return kept, nil
}

func (a *App) printInstances(instances []*store.Instance, format string, yq []string) error {
	switch format {
	case "json":
		return printJSON(a.Stdout, instances, yq)
	case "table":
		return a.printTable(instances)
	case "yaml":
		return errors.New("not implemented in the stand-in: list --format yaml")
	}
	funcs := template.FuncMap{"json": func(v any) (string, error) {
		out, err := json.Marshal(v)
		return string(out), err
	}}
	t, err := template.New("format").Funcs(funcs).Parse(format)
	if err != nil {
		return fmt.Errorf("invalid go template: %w", err)
	}
	for _, inst := range instances {
		if err := t.Execute(a.Stdout, inst); err != nil {
			return err
		}
		fmt.Fprintln(a.Stdout)
	}
	return nil
}

// printJSON prints an object a line, and has Lima's limit: it reads its own lines back with a scanner of at most
// 64 KiB, and what is longer ends the whole list.
func printJSON(w io.Writer, instances []*store.Instance, yq []string) error {
	var lines bytes.Buffer
	e := json.NewEncoder(&lines)
	e.SetEscapeHTML(false)
	for _, inst := range instances {
		if err := e.Encode(inst); err != nil {
			return err
		}
	}
	s := bufio.NewScanner(&lines)
	for s.Scan() {
		line := s.Text() + "\n"
		if len(yq) > 0 {
			var err error
			if line, err = limayaml.QueryJSON(limayaml.Join(yq), line); err != nil {
				return err
			}
		}
		if _, err := io.WriteString(w, line); err != nil {
			return err
		}
	}
	return s.Err()
}

func (a *App) printTable(instances []*store.Instance) error {
	w := tabwriter.NewWriter(a.Stdout, 4, 8, 4, ' ', 0)
	fmt.Fprintln(w, "NAME\tSTATUS\tSSH\tVMTYPE\tARCH\tCPUS\tMEMORY\tDISK\tDIR")
	for _, i := range instances {
		dir := i.Dir
		if rest, ok := strings.CutPrefix(dir, a.userDir); ok {
			dir = "~" + rest
		}
		fmt.Fprintf(w, "%s\t%s\t%s:%d\t%s\t%s\t%d\t%s\t%s\t%s\n", i.Name, i.Status, i.SSHAddress, i.SSHLocalPort,
			i.VMType, i.Arch, i.CPUs, limayaml.FormatSize(i.Memory), limayaml.FormatSize(i.Disk), dir)
	}
	return w.Flush()
}
