package main

import "runtime/debug"

// version is that of the module, or of the commit where it was built in a checkout without a tag.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown)"
	}
	return versionIn(info)
}

// versionIn reads what the go command has noted.
func versionIn(info *debug.BuildInfo) string {
	if info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	revision, changed := "", ""
	for _, setting := range info.Settings {
		switch {
		case setting.Key == "vcs.revision":
			revision = setting.Value
		case setting.Key == "vcs.modified" && setting.Value == "true":
			changed = "+dirty"
		}
	}
	if revision == "" {
		return "(devel)"
	}
	return revision + changed
}
