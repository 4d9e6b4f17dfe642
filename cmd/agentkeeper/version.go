package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version and stampedCommit are stamped at build time with
// -ldflags "-X main.version=… -X main.stampedCommit=…".
var version, stampedCommit string

type versionCmd struct {
	Output string `short:"o" enum:"text,json" default:"text" help:"text or json (default: ${default})."`
}

// Run prints the version.
func (c versionCmd) Run() error {
	v, commit := buildVersion()
	if c.Output == "json" {
		return printJSON(map[string]string{"version": v, "commit": commit, "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH})
	}
	fmt.Printf("agentkeeper %s (commit %s, %s, %s/%s)\n", v, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}

func buildVersion() (v, commit string) {
	v, commit = version, "unknown"
	if stampedCommit != "" {
		commit = stampedCommit[:min(12, len(stampedCommit))]
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v, commit
	}
	if v == "" {
		v = info.Main.Version
	}
	if v == "" || v == "(devel)" {
		v = "development"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && stampedCommit == "" {
			commit = s.Value[:min(12, len(s.Value))]
		}
	}
	return v, commit
}
