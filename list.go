package main

import (
	"context"
	"errors"
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
	found   lima.Instance
}

func (v verb) list(ctx context.Context) error {
	cfg, err := v.load(config.LoadAny, nil)
	if err != nil {
		return err
	}
	rows, err := listVMs(ctx, newViewer(cfg))
	if err != nil {
		return err
	}
	for i := range rows {
		rows[i].Differs = steps.Differences(configured(rows[i].VM), &rows[i].found)
	}
	if len(rows) == 0 {
		v.term.Line("dvm: there are no VMs yet")
		v.term.Hint("dvm app, for a VM called app")
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

// ownInstances names those that have dvm's prefix, whether Lima can read them or not.
func ownInstances(ctx context.Context, client *lima.Client) (own []string, err error) {
	names, err := client.Names(ctx)
	for _, name := range names {
		if strings.HasPrefix(name, config.InstancePrefix) {
			own = append(own, name)
		}
	}
	return own, err
}

// listEach asks for dvm's instances one by one.
func listEach(ctx context.Context, client *lima.Client) (instances []lima.Instance, err error) {
	names, err := ownInstances(ctx, client)
	for _, name := range names {
		found, err := client.Find(ctx, name)
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case err != nil:
			instances = append(instances, lima.Instance{Name: name})
		case found != nil:
			instances = append(instances, *found)
		}
	}
	return instances, err
}

func listVMs(ctx context.Context, client *lima.Client) ([]listed, error) {
	instances, err := client.List(ctx)
	if _, failed := errors.AsType[*lima.CommandError](err); failed { // up to Lima 2.1 at an instance that it can't read
		instances, err = listEach(ctx, client)
	}
	if err != nil {
		return nil, err
	}
	var rows []listed
	for _, found := range instances {
		name, ours := strings.CutPrefix(found.Name, config.InstancePrefix)
		if !ours {
			continue
		}
		row := listed{VM: name, Status: string(found.Status), CPUs: found.CPUs,
			Memory: float64(config.InGiB(found.Memory)), Disk: float64(config.InGiB(found.Disk)), Ports: []string{}, found: found}
		if row.Status == "" {
			row.Status = "unreadable"
		}
		if found.Config != nil {
			for _, rule := range found.Config.PortForwards {
				if !rule.Ignore && rule.GuestPort > 0 {
					row.Ports = append(row.Ports, config.PortForward{Host: rule.HostPort, Guest: rule.GuestPort}.String())
				}
			}
		}
		rows = append(rows, row)
	}
	return rows, nil
}
