package main

import (
	"os/exec"
	"regexp"
	"testing"
)

// TestIdentify asks a repository without tags, at a tag and behind it.
func TestIdentify(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git")
	}
	t.Setenv("SOURCE_DATE_EPOCH", "")
	b := build{ctx: t.Context(), root: t.TempDir()}
	git := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-c", "user.name=t", "-c", "user.email=t@example.org"}, args...)...)
		cmd.Dir = b.root
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	want := func(pattern string) {
		t.Helper()
		found := build{ctx: b.ctx, root: b.root}
		if err := found.identify(); err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile("^"+pattern+"$").MatchString(found.version) || len(found.commit) != 40 || found.epoch == "" {
			t.Errorf("version %q, commit %q, time %q; want version %s", found.version, found.commit, found.epoch, pattern)
		}
	}
	if b.identify() == nil {
		t.Error("no repository, and yet a version")
	}
	git("init", "-q")
	git("commit", "-q", "--allow-empty", "-m", "first")
	want(`0\.0\.0\+1\.g[0-9a-f]{12}`)
	git("tag", "v1.2.3")
	want(`1\.2\.3`)
	git("commit", "-q", "--allow-empty", "-m", "second")
	want(`1\.2\.3\+1\.g[0-9a-f]+`)
	git("tag", "v1.3.0-rc1")
	want(`1\.3\.0~rc1`)
	git("commit", "-q", "--allow-empty", "-m", "third")
	want(`1\.3\.0~rc1\+1\.g[0-9a-f]+`)
}

func TestVersions(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1")
	for version, good := range map[string]bool{"1.2.3": true, "1.2.3~rc1": true, "1.2.3+4.gabc": true, "v1.2.3": false, "1.2-3": false, "1 2": false} {
		b := build{ctx: t.Context(), root: t.TempDir(), version: version, commit: "c"}
		if err := b.identify(); (err == nil) != good {
			t.Errorf("%s: %v", version, err)
		}
	}
}
