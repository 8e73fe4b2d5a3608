package config

import (
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestReadScript(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("echo "+name), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	refused := func(path, why string) {
		t.Helper()
		if _, err := readScript(path); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: error is %v, want one with %q", path, err, why)
		}
	}

	plain := write("plain.sh", 0o644)
	link := filepath.Join(dir, "link.sh")
	if err := os.Symlink(plain, link); err != nil {
		t.Fatal(err)
	}
	script, err := readScript(link)
	if err != nil {
		t.Fatal(err)
	}
	if script.ID != link || script.Body != "echo plain.sh" {
		t.Errorf("a symlink is read as %+v; want the name as given and the file that it leads to", script)
	}

	refused(dir, "a directory")
	refused(filepath.Join(dir, "missing.sh"), "no such file")
	refused(write("open.sh", 0o666), "chmod go-w")
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	refused(fifo, "regular file")
	refused("plain.sh", "./plain.sh")

	for body, why := range map[string]string{
		"#!/usr/bin/env python3\nprint()":         "for bash",
		"#! /bin/zsh\necho $x[1]":                 "for bash",
		"#!/usr/bin/env -S A=b fish --private\nx": "for bash",
		"echo a\r\necho b\r\n":                    "CRLF",
		"#!/bin/bash\r\n":                         "CRLF",
		"\uFEFFecho a\n":                          "byte order mark",
		"#!/usr/bin/env -S bash -e\necho a\r\n":   "",
		"#!/bin/sh -e\n":                          "",
		"#!\n":                                    "",
		"# no interpreter\n":                      "",
	} {
		path := write("first.sh", 0o644)
		if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		if why != "" {
			refused(path, why)
		} else if _, err := readScript(path); err != nil {
			t.Errorf("%q: %v", body, err)
		}
	}

	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	group, err := user.LookupGroupId(me.Gid)
	if err != nil {
		t.Fatal(err)
	}
	shared := write("group.sh", 0o664)
	if _, err := readScript(shared); (err == nil) != (group.Name == me.Username) {
		t.Errorf("writable by group %s of user %s: %v", group.Name, me.Username, err)
	}
	closed := write("closed.sh", 0o000)
	if os.Getuid() != 0 {
		refused(closed, "permission denied")
		t.Log("only root can make a file of another owner: that case is not run")
		return
	}
	if err := syscall.Seteuid(65534); err != nil { // root can read everything
		t.Fatal(err)
	}
	refused(closed, "permission denied")
	if err := syscall.Seteuid(0); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(shared, 0, 1); err != nil {
		t.Fatal(err)
	}
	refused(shared, "chmod g-w")
	if err := os.Chown(plain, 1234, 1234); err != nil {
		t.Fatal(err)
	}
	refused(plain, "owned by you or root")
}
