package main

import (
	_ "embed"
	"os"
	"os/exec"
	"path/filepath"
)

//go:embed playbook.yml
var playbook string

// ansible compares a sync with a playbook of the same steps, where there is Ansible. In the stand-in's guest it runs without
// an ssh connection of its own.
func (b *bench) ansible() error {
	if _, err := exec.LookPath("ansible-playbook"); err != nil {
		return nil
	}
	path := b.path("playbook.yml")
	if err := os.WriteFile(path, []byte(playbook), 0o600); err != nil {
		return err
	}
	what := "a sync with nothing to do, and Ansible with the same steps"
	instance := "dvm-" + vmName(1)
	play := command{args: []string{"ansible-playbook", "-i", "lima-" + instance + ",", "--ssh-common-args",
		"-F " + filepath.Join(b.dir, "lima", instance, "ssh.config"), "-e", "vm=" + vmName(1), path}}
	if b.real == "" {
		what += " in the guest itself"
		install := b.inGuest("sh", "-c", "cat >/tmp/playbook.yml")
		install.in = path
		if _, err := b.time(install); err != nil {
			return err
		}
		play = b.inGuest("sudo", "-n", "ansible-playbook", "-c", "local", "-i", "localhost,", "-e", "vm="+vmName(1), "/tmp/playbook.yml")
	}
	took, err := b.medians(3, play, b.ours(vmName(1)))
	if err != nil {
		return err
	}
	b.compare(what, took[0].wall, took[1].wall, 1)
	return nil
}
