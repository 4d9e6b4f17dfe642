// Command package builds the packages: deb and rpm for amd64 and arm64, each
// with the program, its units, manual, completions, reference configuration and
// bill of materials, and their checksums. From the repository's root:
//
//	go run ./systemd/package                       # dist/, version from git's newest tag v*
//	go run ./systemd/package -version 1.2.3 -out /tmp/packages
//
// The same source, version and Go make the same bytes: nothing of the machine,
// the directory or the time goes in. SOURCE_DATE_EPOCH, or else the time of the
// commit, is the time of every file. Where there is no git, -version, -commit
// and SOURCE_DATE_EPOCH are needed. nfpm and cyclonedx-gomod come from
// tools.mod, which keeps them out of the program's own dependencies.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// architectures are those that packages are built for.
var architectures = []string{"amd64", "arm64"}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b := build{ctx: ctx}
	flag.StringVar(&b.out, "out", "dist", "directory for the packages; what it holds of them is replaced")
	flag.StringVar(&b.version, "version", "", "version, without a v (default: from git)")
	flag.StringVar(&b.commit, "commit", "", "commit (default: from git)")
	only := flag.String("arch", strings.Join(architectures, ","), "architectures")
	flag.Parse()
	b.architectures = strings.Split(*only, ",")
	if err := b.run(); err != nil {
		stop()
		fmt.Fprintln(os.Stderr, "package:", err)
		os.Exit(1)
	}
}

// build is one run of the command.
type build struct {
	ctx                  context.Context // ends the programs that it runs
	out, version, commit string
	architectures        []string
	epoch                string // seconds, for every time
	root                 string // of the repository
	work                 string // thrown away at the end
}

func (b *build) run() (err error) {
	if b.root, err = os.Getwd(); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(b.root, "systemd", "package", "nfpm.yaml")); err != nil {
		return errors.New("run it from the repository's root: go run ./systemd/package")
	}
	if err := b.identify(); err != nil {
		return err
	}
	if b.out, err = filepath.Abs(b.out); err != nil {
		return err
	}
	if err := os.MkdirAll(b.out, 0o750); err != nil {
		return err
	}
	if b.work, err = os.MkdirTemp("", "agentkeeper-package-"); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(b.work) }()
	return b.make()
}

// make builds everything, in the order of what needs what.
func (b *build) make() error {
	host := filepath.Join(b.work, "host")
	if err := b.compile(runtime.GOARCH, host); err != nil {
		return err
	}
	made, err := b.say(host)
	if err != nil {
		return err
	}
	var files []string
	for _, arch := range b.architectures {
		stage := filepath.Join(b.work, arch)
		if err := os.Mkdir(stage, 0o750); err != nil {
			return err
		}
		if err := b.compile(arch, filepath.Join(stage, "agentkeeper")); err != nil {
			return err
		}
		bill, err := b.bill(arch, stage)
		if err != nil {
			return err
		}
		packages, err := b.pack(arch, stage, made)
		if err != nil {
			return err
		}
		files = append(append(files, bill), packages...)
	}
	return b.sum(files)
}

// common is a file that every package has.
func (b *build) common(name string) string { return filepath.Join(b.work, name) }
