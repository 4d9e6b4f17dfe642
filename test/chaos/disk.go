package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"agentkeeper/test/rig"
)

// fill takes all room for the store, and with inodes all places for new files.
// Where there is no disk of its own, the running service may write no file any
// more, which is how a quota looks.
func (w *world) fill(inodes bool) error {
	w.full = true
	if !w.mounted {
		return w.quota(0)
	}
	f, err := os.OpenFile(filepath.Join(w.store, "ballast"), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	block := make([]byte, 64<<10)
	for err == nil && !inodes {
		if _, err = f.Write(block); err != nil && len(block) > 1 {
			block, err = block[:len(block)/2], nil
		}
	}
	closed := f.Close()
	for i := 0; err == nil && inodes; i++ {
		err = os.WriteFile(filepath.Join(w.store, "ballast-"+strconv.Itoa(i)), nil, 0o600)
	}
	if !errors.Is(err, unix.ENOSPC) {
		return fmt.Errorf("fill the disk: %w", err)
	}
	return closed
}

// free gives the room back.
func (w *world) free() error {
	w.full = false
	if !w.mounted {
		return w.quota(unix.RLIM_INFINITY)
	}
	all, err := filepath.Glob(filepath.Join(w.store, "ballast*"))
	for _, name := range all {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}

// quota bounds the size of the files that the service may write.
func (w *world) quota(limit uint64) error {
	return unix.Prlimit(w.k.Cmd.Process.Pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: limit, Max: unix.RLIM_INFINITY}, nil)
}

func (t *trial) saysFull() error {
	status, body, err := t.k.Get("/-/ready")
	if err == nil && status != http.StatusServiceUnavailable {
		err = fmt.Errorf("/-/ready: %d %s", status, body)
	}
	return err
}

// diskFull fills the disk under a running service: sessions live on, and the
// service says what is wrong until there is room again.
func diskFull(ctx context.Context, t *trial) error {
	t.excuse = true
	if err := t.fill(false); err != nil {
		return err
	}
	t.need(rig.Await(ctx, patience, "word that the store cannot be written", t.saysFull))
	rest(ctx, 2*time.Second)
	if err := t.free(); err != nil {
		return err
	}
	t.need(rig.Await(ctx, patience, "readiness with room again", t.k.Ready))
	return nil
}

func fullStart(ctx context.Context, t *trial) error { return t.startOn(ctx, false) }

func noInodes(ctx context.Context, t *trial) error {
	if !t.mounted {
		t.absent = "only root may mount a disk with few inodes"
		return nil
	}
	return t.startOn(ctx, true)
}

// startOn kills the service and starts it on a full disk: every session is
// adopted, and with room again the service mends itself.
func (t *trial) startOn(ctx context.Context, inodes bool) error {
	t.excuse = true
	if err := t.fill(inodes); err != nil {
		return err
	}
	began := time.Now()
	t.k.Kill()
	err := t.again(ctx)
	t.away = time.Since(began)
	if err != nil {
		t.broke("promise 9: no start on a full disk: %v", err)
		if err := t.free(); err != nil {
			return err
		}
		err = t.again(ctx)
		t.away = time.Since(began)
		return err
	}
	if err := rig.Await(ctx, window/2, "the adoption of every session that outlives its process", t.adopted); err != nil {
		t.broke("promise 9: on a full disk: %v", err)
	}
	if err := t.free(); err != nil {
		return err
	}
	t.need(rig.Await(ctx, patience, "readiness with room again", t.k.Ready))
	return nil
}

// adopted returns nil when the Huawei and Runtel agents are online. An ECSS
// session ends with its websocket, and while the store cannot be written nobody
// signs in.
func (w *world) adopted() error {
	list, err := w.k.Agents()
	if err != nil {
		return err
	}
	n := 0
	for _, a := range list {
		if a.State == "online" && !strings.HasPrefix(a.ID, "pbx/") {
			n++
		}
	}
	if n < atHQ+atCabinet {
		return fmt.Errorf("%d of %d are online", n, atHQ+atCabinet)
	}
	return nil
}

// slowFsync delays every fsync of the service by strace, which must be there.
func slowFsync(ctx context.Context, t *trial) error {
	strace, missing := exec.LookPath("strace")
	if missing != nil {
		t.absent = "strace is not installed"
		return nil //nolint:nilerr // told in the report
	}
	pid := strconv.Itoa(t.k.Cmd.Process.Pid)
	p, err := rig.Start(rig.Command(strace, "-f", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:delay_exit=300000", "-p", pid))
	if err != nil {
		return err
	}
	if err := rig.Await(ctx, 5*time.Second, "strace", func() error { return attached(p) }); err != nil {
		p.Kill()
		t.absent = fmt.Sprintf("strace cannot attach: %s", lastLines(p.Err.String()))
		return nil //nolint:nilerr // told in the report
	}
	rest(ctx, 4*time.Second)
	// By SIGINT it lets go; by SIGKILL the traced threads would stay as they are.
	if err := p.Signal(unix.SIGINT); err != nil {
		return err
	}
	_, err = p.Code(patience)
	return err
}

func attached(p *rig.Process) error {
	if p.Ended() {
		return errors.New("it ended")
	}
	text := p.Err.String()
	if len(text) == 0 {
		return errors.New("it has said nothing")
	}
	return nil
}
