package main

import (
	"cmp"
	"context"
	"strconv"
	"strings"

	"dvm/config"
	"dvm/engine/lima"
	"dvm/logs"
	"dvm/steps"
)

// listed is one VM as ls shows it.
type listed struct {
	VM      string   `json:"vm"`
	Status  string   `json:"status"`
	CPUs    int      `json:"cpus"`
	Memory  float64  `json:"memory_gib"`
	Disk    float64  `json:"disk_gib"`
	Ports   []string `json:"ports"`
	Differs []string `json:"differs,omitempty"` // how its sizes differ from variables that are set for it
}

func (v verb) list(ctx context.Context) error {
	cfg, err := v.load(config.LoadAny, nil)
	if err != nil {
		return err
	}
	instances, err := steps.Instances(ctx, newViewer(cfg))
	if err != nil {
		return err
	}
	rows := make([]listed, len(instances))
	for i := range instances {
		rows[i] = asListed(&instances[i])
	}
	if len(rows) == 0 {
		v.term.Line("dvm: there are no VMs yet")
		v.term.Hint("for a VM called app: dvm app")
		return nil
	}
	if cfg.JSON {
		return writeObjects(v.stdout, rows)
	}
	table := [][]string{{"VM", "STATUS", "CPUS", "MEMORY", "DISK", "PORTS"}}
	for _, row := range rows {
		table = append(table, []string{row.VM, row.Status, strconv.Itoa(row.CPUs), gib(row.Memory), gib(row.Disk), strings.Join(row.Ports, " ")})
	}
	if err := logs.Table(v.stdout, table); err != nil {
		return err
	}
	for _, row := range rows {
		for _, difference := range row.Differs {
			v.term.Warn(row.VM + ": " + difference)
		}
	}
	return nil
}

func gib(size float64) string { return config.GiB(size).String() + " GiB" }

// configured is a VM with all that the environment gives it, or without anything where dvm can't have given it its name.
func configured(name string) config.VM {
	own, err := config.LoadWork([]string{name})
	if err != nil || len(own.VMs) == 0 {
		return config.VM{}
	}
	return own.VMs[0]
}

// asListed is an instance as ls shows it.
func asListed(found *lima.Instance) listed {
	name := strings.TrimPrefix(found.Name, config.InstancePrefix)
	row := listed{VM: name, Status: cmp.Or(string(found.Status), "unreadable"), CPUs: found.CPUs,
		Memory: float64(config.InGiB(found.Memory)), Disk: float64(config.InGiB(found.Disk)), Ports: []string{},
		Differs: steps.Differences(configured(name), found)}
	if found.Config != nil {
		for _, rule := range found.Config.PortForwards {
			if !rule.Ignore && rule.GuestPort > 0 {
				row.Ports = append(row.Ports, lima.Pair{Host: rule.HostPort, Guest: rule.GuestPort}.String())
			}
		}
	}
	return row
}
