// Command package builds the packages: deb and rpm for amd64 and arm64, one of
// the service, with the program, its units, manual, completions, example of a
// configuration, alert rules, dashboard, documentation and the licences of its
// libraries, and one of the simulators; their bills of material, and the checksums. From the repository's
// root:
//
//	go run ./systemd/package                       # dist/, version from git's newest tag v*
//	go run ./systemd/package -version 1.2.3 -out /tmp/packages
//	go run ./systemd/package -licences agentkeeper # prints the licences of its libraries, for an image
//
// It writes a line about each file that it has made to standard output, and what
// it is at to standard error. The same source, version and Go make the same bytes:
// nothing of the machine, the directory or the time goes in. SOURCE_DATE_EPOCH, or
// else the time of the commit, is the time of every file. Where there is no git,
// -version, -commit and SOURCE_DATE_EPOCH are needed. nfpm and cyclonedx-gomod
// come from tools.mod, which keeps them out of the program's own dependencies.
package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

// architectures are those that packages are built for.
var architectures = []string{"amd64", "arm64"}

const usage = `Usage: go run ./systemd/package [OPTIONS]

Builds deb and rpm packages of agentkeeper, and of vendorsim, the simulators. Run it
from the repository's root. It prints each file that it has made, with size and
SHA-256, and leaves SHA256SUMS beside them. The first run downloads and compiles the
tools that it uses, which takes some minutes.

`

const environment = `
Environment:
  SOURCE_DATE_EPOCH  the time of every file, in seconds (default: the commit's)
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b := build{ctx: ctx, artefacts: os.Stdout, progress: os.Stderr}
	if err := b.parse(os.Args[1:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		stop()
		os.Exit(2) // the flags' own parser has said why
	}
	if err := b.run(); err != nil {
		stop()
		fmt.Fprintln(os.Stderr, "package:", err)
		os.Exit(1)
	}
}

// parse reads the command line. It fails with [flag.ErrHelp] where that was asked
// for.
func (b *build) parse(args []string) error {
	flags := flag.NewFlagSet("package", flag.ContinueOnError)
	flags.SetOutput(b.progress)
	flags.Usage = func() {
		_, _ = io.WriteString(flags.Output(), usage+"Options:\n")
		flags.PrintDefaults()
		_, _ = io.WriteString(flags.Output(), environment)
	}
	flags.StringVar(&b.out, "out", "dist", "`directory` for the packages; files of the same names are replaced")
	flags.StringVar(&b.version, "version", "", "`version`, without a v (default: from git's newest tag v*)")
	flags.StringVar(&b.commit, "commit", "", "`commit` that the programs tell (default: git's)")
	flags.StringVar(&b.licencesOf, "licences", "", "print the licences of the libraries in this `program` to standard output, and build nothing")
	only := flags.String("arch", strings.Join(architectures, ","), "`architectures`, separated by commas")
	if err := flags.Parse(args); err != nil {
		return err
	}
	b.architectures = strings.Split(*only, ",")
	var err error
	for _, arch := range b.architectures {
		if !slices.Contains(architectures, arch) {
			err = fmt.Errorf("-arch: there are no packages for %q, only for %s", arch, strings.Join(architectures, " and "))
		}
	}
	if flags.NArg() > 0 {
		err = fmt.Errorf("%q is no option; see --help", flags.Arg(0))
	}
	if err != nil {
		fmt.Fprintln(b.progress, "package:", err)
	}
	return err
}

// build is one run of the command.
type build struct {
	ctx                  context.Context // ends the programs that it runs
	artefacts, progress  io.Writer
	out, version, commit string
	licencesOf           string // the program whose licences are printed; "": packages are built
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
	if b.licencesOf != "" {
		text, err := b.licences(runtime.GOARCH, b.licencesOf)
		if err == nil {
			_, err = b.artefacts.Write(text)
		}
		return err
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

// product is a program with a package of its own. The package's contents are in
// the file template.
type product struct{ program, pack, template string }

var products = []product{
	{"agentkeeper", "agentkeeper", "nfpm.yaml"},
	{"vendorsim", "agentkeeper-vendorsim", "nfpm-vendorsim.yaml"},
}

// make builds everything, in the order of what needs what.
func (b *build) make() error {
	b.tell("version %s of commit %s, for %s", b.version, b.commit, strings.Join(b.architectures, " and "))
	made, err := b.say()
	if err != nil {
		return err
	}
	var sums strings.Builder
	for _, arch := range b.architectures {
		for _, p := range products {
			files, err := b.produce(p, arch, made)
			if err != nil {
				return err
			}
			for _, name := range files {
				line, err := b.show(name)
				if err != nil {
					return err
				}
				sums.WriteString(line)
			}
		}
	}
	return b.sum(sums.String())
}

// produce makes the files of one product for one architecture, and returns their
// names.
func (b *build) produce(p product, arch string, made []made) ([]string, error) {
	stage := filepath.Join(b.work, p.program+"-"+arch)
	if err := os.Mkdir(stage, 0o750); err != nil {
		return nil, err
	}
	b.tell("compiling %s for %s", p.program, arch)
	if err := b.compile(p.program, arch, filepath.Join(stage, p.program)); err != nil {
		return nil, err
	}
	b.tell("packing %s for %s", p.pack, arch)
	bill, err := b.bill(p, arch, stage)
	if err != nil {
		return nil, err
	}
	if err := b.terms(p, arch, stage); err != nil {
		return nil, err
	}
	packages, err := b.pack(p, arch, stage, made)
	return append([]string{bill}, packages...), err
}

// tell says what the command is at.
func (b *build) tell(format string, args ...any) { fmt.Fprintf(b.progress, format+"\n", args...) }

// show prints a file that was made, and returns its line of SHA256SUMS.
func (b *build) show(name string) (string, error) {
	path := filepath.Join(b.out, name)
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	fmt.Fprintf(b.artefacts, "%s %d bytes sha256:%x\n", path, len(text), sum)
	return fmt.Sprintf("%x  %s\n", sum, name), nil
}

// common is a file that several packages have.
func (b *build) common(name string) string { return filepath.Join(b.work, name) }
