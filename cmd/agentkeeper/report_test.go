package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// unpacked returns a bundle's files by name.
func unpacked(t *testing.T, path string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	files, archive := map[string]string{}, tar.NewReader(z)
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		files[strings.TrimPrefix(h.Name, "agentkeeper-report/")] = string(body)
	}
}

// A report holds what can be had, says what cannot, and has no secret in it.
func TestReport(t *testing.T) {
	dir := t.TempDir()
	socket, conf := filepath.Join(dir, "s"), filepath.Join(dir, "c.yaml")
	log := filepath.Join(dir, "log")
	for path, text := range map[string]string{conf: "password: s3cret # s3cret\nlisten: 127.0.0.1:1\n", log: strings.Repeat("x", 9<<20) + "the end\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch {
		case strings.HasPrefix(req.URL.Path, "/debug"):
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"error":"ask as root"}`)
		case req.URL.Path == "/metrics":
			w.Header().Set("Content-Type", "text/plain")
			_, _ = io.WriteString(w, "metric 1\n")
		default:
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{}`)
		}
	}))
	_ = s.Listener.Close()
	s.Listener = l
	s.Start()
	defer s.Close()
	c := reportCmd{controlFlag: controlFlag{socket}, Config: conf, Log: log, Output: filepath.Join(dir, "out.tar.gz")}
	if err := c.Run(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(c.Output); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	files := unpacked(t, c.Output)
	want := []string{"README", "agents.json", "configuration.yaml", "consumers.json", "log.txt", "metrics.txt", "platforms.json", "service.json", "version.txt", "webhooks.json"}
	if got := slices.Sorted(maps.Keys(files)); !slices.Equal(got, want) {
		t.Errorf("it has %v, want %v", got, want)
	}
	if !strings.Contains(files["README"], "without heap.pprof: ask as root\n") || strings.Contains(files["configuration.yaml"], "s3cret") ||
		!strings.Contains(files["configuration.yaml"], "127.0.0.1:1") || files["metrics.txt"] != "metric 1\n" ||
		len(files["log.txt"]) != reportLog || !strings.HasSuffix(files["log.txt"], "the end\n") {
		t.Errorf("README %q, configuration %q, metrics %q, %d bytes of log", files["README"], files["configuration.yaml"], files["metrics.txt"], len(files["log.txt"]))
	}
	if err := c.Run(); !errors.Is(err, fs.ErrExist) {
		t.Errorf("written over: %v", err)
	}
	c.Output, c.Control = filepath.Join(dir, "without.tar.gz"), filepath.Join(dir, "nobody")
	if err := c.Run(); err != nil {
		t.Fatal(err)
	}
	if files := unpacked(t, c.Output); files["configuration.yaml"] == "" || !strings.Contains(files["README"], "without agents.json: no service at") {
		t.Errorf("without a service: %q", files["README"])
	}
}
