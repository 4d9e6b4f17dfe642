package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"time"

	"agentkeeper/daemon/config"
)

type reportCmd struct {
	controlFlag
	Config string `short:"c" placeholder:"FILE" help:"Configuration file (default: /etc/agentkeeper/agentkeeper.yaml)."`
	Log    string `placeholder:"FILE" help:"The service's log, if it is not in the journal of systemd. The bundle contains its end."`
	Unit   string `default:"agentkeeper" placeholder:"UNIT" help:"The unit whose journal is read without --log (default: ${default})."`
	Output string `short:"o" placeholder:"FILE" help:"File to write the bundle to, a .tar.gz (default: agentkeeper-report-TIME.tar.gz in this directory)."`
}

// Help is shown by report --help.
func (reportCmd) Help() string {
	return `Writes a bundle for a bug report: version, configuration, agents, platforms,
health of the service and its store, webhooks, consumers of the stream, metrics
and the end of the log; for root also the goroutines and a heap profile. It
changes nothing. If the service does not run, it writes what can be had without
it. Standard error and the bundle's README say what is missing.

Secrets, comments, and the part of a URL after the host are removed from the
configuration; the other parts contain no secrets. Names of agents, telephone
numbers and addresses stay in it, so look through the bundle before you send it.

    agentkeeper report
    agentkeeper report -c /etc/agentkeeper/agentkeeper.yaml -o /tmp/report.tar.gz

Exit codes: 0 good, also where parts are missing, 1 the bundle cannot be written.`
}

// The bounds of a bundle's parts.
const (
	reportPart    = 64 << 20 // bytes of one
	reportLog     = 8 << 20  // bytes of the end of the log
	reportEntries = "5000"   // entries of the journal
	reportTime    = 30 * time.Second
)

// part is one file of the bundle.
type part struct {
	name string
	text []byte
	err  error // why it is missing
}

// Run collects, writes and tells.
func (c reportCmd) Run() error {
	path := c.Output
	if path == "" {
		path = "agentkeeper-report-" + time.Now().UTC().Format("20060102T150405Z") + ".tar.gz"
	}
	ctx, cancel := context.WithTimeout(context.Background(), 4*reportTime)
	defer cancel()
	parts := c.collect(ctx)
	bundle, err := packed(parts, time.Now())
	if err != nil {
		return err
	}
	if err := writeNew(path, bundle); err != nil {
		return err
	}
	for _, p := range parts {
		if p.err != nil {
			fmt.Fprintf(os.Stderr, "without %s: %v\n", p.name, p.err)
		}
	}
	fmt.Println(path)
	return nil
}

// collect asks for every part; one that cannot be had does not keep the others
// out.
func (c reportCmd) collect(ctx context.Context) []part {
	cl := newClient(c.Control, reportTime)
	v, commit := buildVersion()
	parts := []part{{name: "version.txt", text: fmt.Appendf(nil, "agentkeeper %s %s (of this command; the service's is in service.json)\n", v, commit)}, c.configuration()}
	for _, from := range []struct{ name, path string }{
		{"service.json", "/api/v1/service"}, {"agents.json", "/api/v1/agents"}, {"platforms.json", "/api/v1/platforms"},
		{"webhooks.json", "/api/v1/webhooks"}, {"consumers.json", "/api/v1/consumers"}, {"metrics.txt", "/metrics"},
		{"goroutines.txt", "/debug/pprof/goroutine?debug=1"}, {"heap.pprof", "/debug/pprof/heap"},
	} {
		text, err := cl.fetch(ctx, from.path)
		parts = append(parts, part{from.name, text, err})
	}
	return append(parts, c.log(ctx))
}

func (c reportCmd) configuration() part {
	p, path := part{name: "configuration.yaml"}, c.Config
	if path == "" {
		path = config.DefaultPath
	}
	text, err := os.ReadFile(path)
	if err != nil {
		p.err = err
		return p
	}
	p.text, p.err = config.Redacted(text)
	return p
}

// log returns the end of the log: of a file, or of the journal.
func (c reportCmd) log(ctx context.Context) part {
	p := part{name: "log.txt"}
	if c.Log != "" {
		p.text, p.err = tail(c.Log, reportLog)
		return p
	}
	ctx, cancel := context.WithTimeout(ctx, reportTime)
	defer cancel()
	out, err := exec.CommandContext(ctx, "journalctl", "--unit="+c.Unit, "--lines="+reportEntries, "--output=json", "--no-pager").Output() //nolint:gosec // the unit is the caller's own word, and no shell reads it
	if err != nil {
		p.err = fmt.Errorf("journalctl: %w; give the log's file to --log", err)
	}
	p.text = out[max(len(out)-reportLog, 0):]
	return p
}

// tail returns the last n bytes of a file.
func tail(path string, n int64) (text []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if end, err := f.Seek(0, io.SeekEnd); err == nil {
		_, _ = f.Seek(max(end-n, 0), io.SeekStart)
	}
	return io.ReadAll(io.LimitReader(f, n))
}

// packed returns the parts as one compressed archive, and a README that tells
// what is missing.
func packed(parts []part, now time.Time) ([]byte, error) {
	readme := "agentkeeper report, " + now.UTC().Format(time.RFC3339) + ". Secrets are taken out; names of agents and addresses are in it.\n"
	for _, p := range parts {
		if p.err != nil {
			readme += fmt.Sprintf("without %s: %v\n", p.name, p.err)
		}
	}
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	archive := tar.NewWriter(z)
	for _, p := range append([]part{{name: "README", text: []byte(readme)}}, parts...) {
		if len(p.text) == 0 {
			continue
		}
		h := tar.Header{Name: "agentkeeper-report/" + p.name, Mode: 0o600, Size: int64(len(p.text)), ModTime: now}
		if err := archive.WriteHeader(&h); err != nil {
			return nil, fmt.Errorf("write the bundle: %w", err)
		}
		if _, err := archive.Write(p.text); err != nil {
			return nil, fmt.Errorf("write the bundle: %w", err)
		}
	}
	if err := errors.Join(archive.Close(), z.Close()); err != nil {
		return nil, fmt.Errorf("write the bundle: %w", err)
	}
	return out.Bytes(), nil
}

// writeNew writes a file that is not there yet, for its owner alone.
func writeNew(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write the bundle: %w; name another file with -o", err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write the bundle: %w", err)
	}
	return nil
}

// fetch gets a path of the service's, of any type.
func (c *client) fetch(ctx context.Context, path string) (text []byte, err error) {
	res, err := c.send(ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	return io.ReadAll(io.LimitReader(res.Body, reportPart))
}
