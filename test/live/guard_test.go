package live

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Users and groups that own nothing on any machine.
const (
	serviceUser  = 61_501
	foreignUser  = 61_502
	foreignGroup = 61_503
)

// as lets a command run as somebody else.
func as(cmd *exec.Cmd, uid, gid uint32) *exec.Cmd {
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid, NoSetGroups: false}}
	return cmd
}

// needRoot skips where the test cannot become other users.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: only root can run the service and its visitors as different users")
	}
}

// giveTo makes a site's directory the service user's, and the way to it and to
// the programs passable.
func (s *site) giveTo(uid, gid int) {
	s.t.Helper()
	for _, dir := range []string{programs, filepath.Dir(s.dir), s.dir} {
		if err := os.Chmod(dir, 0o711); err != nil {
			s.t.Fatal(err)
		}
	}
	err := filepath.WalkDir(s.dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chown(path, uid, gid)
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// asService is a site whose service runs as a user of its own.
func asService(t *testing.T, env ...string) *service {
	t.Helper()
	names := logins(291, 2)
	s := newSite(t, simulate(t, "huawei", names, "--hold", "1s"), names)
	s.url = newTap(t, s.platform).url
	s.tls = ""
	s.place = []string{"options: {hold: 1s}"}
	s.write()
	s.giveTo(serviceUser, serviceUser)
	cmd := as(command("agentkeeper", "run", "-c", s.path()), serviceUser, serviceUser)
	cmd.Dir, cmd.Env = s.dir, append(cmd.Env, env...)
	shell := []string{"/bin/sh", "-c", `ulimit -c unlimited 2>/dev/null; exec "$0" "$@"`, cmd.Path}
	cmd.Args, cmd.Path = append(shell, cmd.Args[1:]...), "/bin/sh"
	k := s.launchAs(cmd)
	s.await(k)
	s.awaitOnline(k)
	return k
}

// visit runs a program to its end as somebody.
func visit(uid, gid uint32, program string, args ...string) (code int, out string) {
	return visitWith(nil, uid, gid, program, args...)
}

// visitWith is visit with further groups.
func visitWith(groups []uint32, uid, gid uint32, program string, args ...string) (code int, out string) {
	var text bytes.Buffer
	cmd := as(exec.Command(program, args...), uid, gid)
	cmd.SysProcAttr.Credential.Groups = groups
	cmd.Dir = "/"
	cmd.Stdout = &text
	cmd.Stderr = &text
	_ = cmd.Run() // the code says it
	return cmd.ProcessState.ExitCode(), text.String()
}

// TestMemoryIsGuarded looks at the service's memory, environment and files as
// another process of its user would, and lets it crash.
func TestMemoryIsGuarded(t *testing.T) {
	t.Parallel()
	needRoot(t)
	const word = "umgebungsgeheimnis-4c1"
	k := asService(t, "GOTRACEBACK=crash", "AGENTKEEPER_SOMETHING="+word)
	of := func(name string) string { return fmt.Sprintf("/proc/%d/%s", k.cmd.Process.Pid, name) }
	for _, name := range []string{"environ", "mem", "maps", "auxv"} {
		if code, out := visit(serviceUser, serviceUser, "/bin/dd", "if="+of(name), "of=/dev/null", "bs=1", "count=1"); code == 0 {
			t.Errorf("a process of the same user reads %s: %s", of(name), out)
		}
	}
	if code, out := visit(serviceUser, serviceUser, "/bin/ls", "-l", of("fd")); code == 0 {
		t.Errorf("a process of the same user lists the open files: %s", out)
	}
	if code, out := visit(serviceUser, serviceUser, "/bin/cat", of("cmdline")); code != 0 || !strings.Contains(out, "agentkeeper") {
		t.Errorf("the command line cannot be read any more: %d %s", code, out)
	}
	for _, name := range []string{"process_open_fds", "process_max_fds", "process_resident_memory_bytes", "process_start_time_seconds", "process_cpu_seconds_total"} {
		if value, err := k.metric(name); err != nil || value <= 0 {
			t.Errorf("the process's own metric %s: %v %v", name, value, err)
		}
	}
	k.signal(syscall.SIGQUIT) // with GOTRACEBACK=crash the runtime aborts
	<-k.done
	status, ok := k.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() || status.CoreDump() {
		t.Errorf("the crash ended as %v, want by a signal and without a core", k.cmd.ProcessState)
	}
	if cores, _ := filepath.Glob(filepath.Join(k.dir, "core*")); len(cores) > 0 {
		t.Errorf("core files: %v", cores)
	}
	if !strings.Contains(k.err.String(), "goroutine ") || strings.Contains(k.err.String(), word) {
		t.Error("the crash shows no goroutines, or the environment")
	}
}

// TestControlIsGuarded asks the control socket as different users: the file's
// mode keeps strangers out, and where somebody opened it, who asks does.
func TestControlIsGuarded(t *testing.T) {
	t.Parallel()
	needRoot(t)
	k := asService(t)
	status := []string{"status", "--control", k.socket()}
	program := filepath.Join(programs, "agentkeeper")
	var many []uint32
	for i := range uint32(100) {
		many = append(many, foreignGroup+1+i)
	}
	visitors := []struct {
		name     string
		uid, gid uint32
		groups   []uint32
		admitted bool
	}{
		{"root", 0, 0, nil, true},
		{"the service's user", serviceUser, foreignGroup, nil, true},
		{"a member of its group", foreignUser, serviceUser, nil, true},
		{"a member by a further group", foreignUser, foreignGroup, append([]uint32{serviceUser}, many...), true},
		{"a stranger", foreignUser, foreignGroup, many, false},
	}
	look := func(when string) {
		for _, v := range visitors {
			code, out := visitWith(v.groups, v.uid, v.gid, program, status...)
			if (code == 0) != v.admitted || strings.Contains(out, "hq/291") != v.admitted {
				t.Errorf("%s, %s: exit code %d, want admitted: %v\n%s", when, v.name, code, v.admitted, out)
			}
		}
	}
	look("the socket as it is")
	if err := os.Chmod(k.socket(), 0o777); err != nil {
		t.Fatal(err)
	}
	look("the socket opened to all")
	for _, path := range []string{"store", "secrets/291", "agentkeeper.yaml"} {
		if code, out := visit(foreignUser, foreignGroup, "/bin/ls", "-R", filepath.Join(k.dir, path)); path == "store" && code == 0 {
			t.Errorf("a stranger lists %s: %s", path, out)
		}
		if code, _ := visit(foreignUser, foreignGroup, "/bin/cat", filepath.Join(k.dir, path)); code == 0 {
			t.Errorf("a stranger reads %s", path)
		}
	}
	k.stop()
}
