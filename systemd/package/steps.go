package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"text/template"
)

// command runs a program in the repository, for one architecture ("": this
// machine's), and returns what it writes.
func (b *build) command(arch, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(b.ctx, name, args...) //nolint:gosec // this file's own commands
	cmd.Dir = b.root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "SOURCE_DATE_EPOCH="+b.epoch)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s%s", name, strings.Join(args, " "), err, out, complaint.Bytes()) // nfpm complains on standard output
	}
	return out, nil
}

// compile builds a program as it is shipped: static, without paths, stamped.
func (b *build) compile(program, arch, to string) error {
	stamp := fmt.Sprintf("-s -w -buildid= -X main.version=%s -X main.stampedCommit=%s", b.version, b.commit)
	_, err := b.command(arch, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", stamp, "-o", to, "./cmd/"+program)
	return err
}

// made is a file that the program itself writes, and its place in a package.
type made struct{ Source, Place string }

// say has the programs and the tools write what goes with them.
func (b *build) say() (files []made, err error) {
	b.tell("compiling for this machine what writes manual, completions and examples")
	program := b.common("host")
	if err := b.compile("agentkeeper", runtime.GOARCH, program); err != nil {
		return nil, err
	}
	sample, err := b.command("", program, "check", "--sample")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(b.common("agentkeeper.yaml"), sample, 0o600); err != nil {
		return nil, err
	}
	if err := b.changelogs(); err != nil {
		return nil, err
	}
	if err := b.simulatorManual(); err != nil {
		return nil, err
	}
	for _, f := range []struct {
		place string
		args  []string
	}{
		{"/usr/share/bash-completion/completions/agentkeeper", []string{"completion", "bash"}},
		{"_agentkeeper", []string{"completion", "zsh"}}, // whose place differs
		{"/usr/share/fish/vendor_completions.d/agentkeeper.fish", []string{"completion", "fish"}},
		{"/usr/share/agentkeeper/agentkeeper.schema.json", []string{"check", "--schema"}},
	} {
		text, err := b.command("", program, f.args...)
		if err != nil {
			return nil, err
		}
		at := b.common(filepath.Base(f.place) + "." + f.args[1])
		if err := os.WriteFile(at, text, 0o600); err != nil {
			return nil, err
		}
		if filepath.IsAbs(f.place) {
			files = append(files, made{at, f.place})
		}
	}
	pages, err := b.manual(program)
	return append(files, pages...), err
}

// tool runs one of tools.mod.
func (b *build) tool(name string, args ...string) error {
	path, err := b.toolPath(name)
	if err == nil {
		_, err = b.command("", path, args...)
	}
	return err
}

// toolPath builds a tool for this machine, without paths, for its checksum
// stands in what it makes; go's cache has it from the second time on.
func (b *build) toolPath(name string) (string, error) {
	cmd := exec.CommandContext(b.ctx, "go", "tool", "-modfile=systemd/package/tools.mod", "-n", name) //nolint:gosec // one of two names
	cmd.Dir = b.root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-trimpath "+os.Getenv("GOFLAGS"))
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("build the tool %s: %w", name, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// bill writes down of what a program is made, and returns the file's name. A
// copy for the package is beside the program.
func (b *build) bill(p product, arch, stage string) (name string, err error) {
	at := filepath.Join(stage, "sbom.cdx.json")
	if err := b.tool("cyclonedx-gomod", "bin", "-json", "-std", "-noserial", "-notimestamp",
		"-version", "v"+b.version, "-output", at, filepath.Join(stage, p.program)); err != nil {
		return "", err
	}
	name = fmt.Sprintf("%s_%s_%s.cdx.json", p.pack, b.version, arch)
	return name, copyFile(at, filepath.Join(b.out, name))
}

// pack makes a product's packages for one architecture and returns their names.
func (b *build) pack(p product, arch, stage string, files []made) (names []string, err error) {
	source := filepath.Join(b.root, "systemd", "package")
	text, err := os.ReadFile(filepath.Join(source, p.template))
	if err != nil {
		return nil, err
	}
	t, err := template.New(p.template).Option("missingkey=error").Parse(string(text))
	if err != nil {
		return nil, err
	}
	dirs, manual, err := documents(b.root)
	if err != nil {
		return nil, err
	}
	var config bytes.Buffer
	if err := t.Execute(&config, map[string]any{
		"Arch": arch, "Version": b.version, "Source": source, "Stage": stage, "Common": b.work,
		"Units": filepath.Dir(source), "Root": b.root, "Made": files, "Directories": dirs, "Documents": manual,
	}); err != nil {
		return nil, err
	}
	at := filepath.Join(stage, "nfpm.yaml")
	if err := os.WriteFile(at, config.Bytes(), 0o600); err != nil {
		return nil, err
	}
	for _, format := range []string{"deb", "rpm"} {
		name := fmt.Sprintf("%s_%s_%s.%s", p.pack, b.version, arch, format)
		if err := b.tool("nfpm", "package", "--config", at, "--packager", format, "--target", filepath.Join(b.out, name)); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

// sum writes the checksums, as sha256sum -c reads them.
func (b *build) sum(lines string) error {
	if err := os.WriteFile(filepath.Join(b.out, "SHA256SUMS"), []byte(lines), 0o644); err != nil { //nolint:gosec // for everybody to read
		return err
	}
	_, err := b.show("SHA256SUMS")
	return err
}

func copyFile(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o644) //nolint:gosec // for everybody to read
}
