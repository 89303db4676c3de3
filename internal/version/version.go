// Package version says which build of coredns-na this is. It reads what the
// linker and the Go toolchain recorded and nothing else.
package version

import "runtime/debug"

// Version is set with -ldflags "-X github.com/coredns-na/coredns-na/internal/version.Version=v1.2.3";
// "dev" stands for a build that did not.
var Version = "dev"

// String returns the version that was linked in, else the module version the
// toolchain recorded ("go install ...@v1.2.3"), else "dev". Never empty.
func String() string {
	info, _ := debug.ReadBuildInfo()
	return choose(Version, info)
}

// Commit returns the first 12 digits of the commit the program was built
// from, with "-dirty" after it if the tree had changes; empty if unknown.
func Commit() string {
	info, _ := debug.ReadBuildInfo()
	return commit(info)
}

func choose(linked string, info *debug.BuildInfo) string {
	if linked != "" && linked != "dev" {
		return linked
	}
	if info != nil && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}

func commit(info *debug.BuildInfo) string {
	if info == nil {
		return ""
	}
	var revision, suffix string
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value[:min(len(s.Value), 12)]
		case s.Key == "vcs.modified" && s.Value == "true":
			suffix = "-dirty"
		}
	}
	if revision == "" {
		return ""
	}
	return revision + suffix
}
