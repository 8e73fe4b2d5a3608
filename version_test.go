package main

import (
	"runtime/debug"
	"testing"
)

func TestVersion(t *testing.T) {
	commit := debug.BuildSetting{Key: "vcs.revision", Value: "0123abc"}
	changed := debug.BuildSetting{Key: "vcs.modified", Value: "true"}
	same := debug.BuildSetting{Key: "vcs.modified", Value: "false"}
	for _, c := range []struct {
		module   string
		settings []debug.BuildSetting
		want     string
	}{
		{"v1.2.3", []debug.BuildSetting{commit, same}, "v1.2.3"},
		{"v0.0.0-20260101000000-0123abc+dirty", []debug.BuildSetting{commit, changed}, "v0.0.0-20260101000000-0123abc+dirty"},
		{"(devel)", []debug.BuildSetting{commit, same}, "0123abc"},
		{"", []debug.BuildSetting{commit, changed}, "0123abc+dirty"},
		{"(devel)", []debug.BuildSetting{{Key: "GOOS", Value: "linux"}}, "(devel)"},
	} {
		info := &debug.BuildInfo{Main: debug.Module{Version: c.module}, Settings: c.settings}
		if got := versionIn(info); got != c.want {
			t.Errorf("%q with %v is %q, want %q", c.module, c.settings, got, c.want)
		}
	}
}
