package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
)

// versions is what deb and rpm both take.
var versions = regexp.MustCompile(`^[0-9][0-9A-Za-z.+~]*$`)

// identify finds version, commit and time: given ones first, then git's.
func (b *build) identify() error {
	if b.commit == "" {
		b.commit = b.git("rev-parse", "HEAD")
	}
	if b.epoch = os.Getenv("SOURCE_DATE_EPOCH"); b.epoch == "" {
		b.epoch = b.git("log", "-1", "--format=%ct")
	}
	if b.version == "" {
		b.version = b.gitVersion()
	}
	switch {
	case b.version == "" || b.commit == "" || b.epoch == "":
		return errors.New("this is no clone of the repository: give -version, -commit and SOURCE_DATE_EPOCH")
	case !versions.MatchString(b.version):
		return fmt.Errorf("the version %q is none of a package: a digit, then letters, digits and . + ~", b.version)
	}
	return nil
}

// behind is how git describe tells of commits since the tag.
var behind = regexp.MustCompile(`-([0-9]+)-(g[0-9a-f]+)$`)

// gitVersion is the newest tag's, with the number of commits since it; without a
// tag it is 0.0.0 and that number, so that a later commit's is an upgrade. So is
// the release after its candidates: v1.2.3-rc1 is 1.2.3~rc1.
func (b *build) gitVersion() string {
	described := b.git("describe", "--tags", "--match", "v[0-9]*")
	if described == "" {
		count, short := b.git("rev-list", "--count", "HEAD"), b.git("rev-parse", "--short=12", "HEAD")
		if short == "" {
			return ""
		}
		return "0.0.0+" + count + ".g" + short
	}
	version := strings.TrimPrefix(described, "v")
	since := ""
	if found := behind.FindStringSubmatch(version); found != nil {
		version, since = strings.TrimSuffix(version, found[0]), "+"+found[1]+"."+found[2]
	}
	return strings.ReplaceAll(version, "-", "~") + since
}

// git returns what git says, or "" where it cannot.
func (b *build) git(args ...string) string {
	cmd := exec.CommandContext(b.ctx, "git", args...) //nolint:gosec // this file's own commands
	cmd.Dir = b.root
	out, err := cmd.Output()
	if err != nil {
		return ""
	}
	return string(bytes.TrimSpace(out))
}
