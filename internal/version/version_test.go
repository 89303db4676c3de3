package version

import (
	"runtime/debug"
	"testing"
)

func TestChoose(t *testing.T) {
	module := func(v string) *debug.BuildInfo { return &debug.BuildInfo{Main: debug.Module{Version: v}} }
	tests := []struct {
		name   string
		linked string
		info   *debug.BuildInfo
		want   string
	}{
		{"linked wins", "v1.2.3", module("v1.0.0"), "v1.2.3"},
		{"module version when nothing was linked", "dev", module("v1.0.0"), "v1.0.0"},
		{"a build in the work tree", "dev", module("(devel)"), "dev"},
		{"no module version", "dev", module(""), "dev"},
		{"no build information", "dev", nil, "dev"},
		{"linked empty", "", nil, "dev"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := choose(tt.linked, tt.info); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCommit(t *testing.T) {
	settings := func(kv ...string) *debug.BuildInfo {
		info := &debug.BuildInfo{}
		for i := 0; i < len(kv); i += 2 {
			info.Settings = append(info.Settings, debug.BuildSetting{Key: kv[i], Value: kv[i+1]})
		}
		return info
	}
	tests := []struct {
		name string
		info *debug.BuildInfo
		want string
	}{
		{"clean", settings("vcs.revision", "0123456789abcdef", "vcs.modified", "false"), "0123456789ab"},
		{"changed", settings("vcs.modified", "true", "vcs.revision", "0123456789abcdef"), "0123456789ab-dirty"},
		{"short", settings("vcs.revision", "0123"), "0123"},
		{"no revision", settings("vcs.modified", "true"), ""},
		{"no build information", nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := commit(tt.info); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestNeverEmpty(t *testing.T) {
	if String() == "" {
		t.Error("got an empty version")
	}
}
