package config

import (
	"io/fs"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"

	"agentkeeper/daemon/config/strict"
	"agentkeeper/vendors/option"
)

// CredentialFile is where an agent's credential is written for other programs.
type CredentialFile struct {
	Path string      // absolute, or relative to the working directory; "" = nowhere
	Mode fs.FileMode // 0600 by default
	GID  int         // the group that is to own it; -1 = the process's own
}

const (
	keyCredentialFile  = "credential_file"  //nolint:gosec // a key's name
	keyCredentialMode  = "credential_mode"  //nolint:gosec // a key's name
	keyCredentialGroup = "credential_group" //nolint:gosec // a key's name
)

// handoverKeys are an agent's keys, and a CSV's columns, about its credential.
func handoverKeys() []string {
	return []string{keyCredentialFile, keyCredentialMode, keyCredentialGroup}
}

// handover decodes an agent's credential file from its cells.
func (l *loader) handover(cells []cell) CredentialFile {
	f := CredentialFile{Mode: 0o600, GID: -1}
	for _, c := range cells {
		switch c.key {
		case keyCredentialFile:
			f.Path = strict.RelativeTo(c.pos.File, c.text)
			l.uniqueCredential(f.Path, c.pos)
		case keyCredentialMode:
			f.Mode = l.credentialMode(c)
		case keyCredentialGroup:
			f.GID = l.credentialGroup(c)
		}
	}
	if f.Path == "" && len(cells) > 0 {
		l.Wrong(cells[0].pos, "%s without credential_file; write where the credential goes, or leave it out", cells[0].key)
	}
	return f
}

func (l *loader) uniqueCredential(path string, pos option.Pos) {
	path = filepath.Clean(path)
	if first, twice := l.first.credentials[path]; twice {
		l.Wrong(pos, "credential_file %s is another agent's already, at %s; give each agent a file of its own", path, first)
		return
	}
	l.first.credentials[path] = pos
}

func (l *loader) credentialMode(c cell) fs.FileMode {
	n, err := strconv.ParseUint(c.text, 8, 32)
	if err != nil || n > 0o777 || n&0o600 != 0o600 {
		l.Wrong(c.pos, "credential_mode is no mode that the service itself can write and read; write for example 0640")
		return 0o600
	}
	if n&0o007 != 0 {
		l.Warn(c.pos, "credential_mode lets every user of this host act as the agent; 0640 with credential_group is enough")
	}
	return fs.FileMode(n)
}

func (l *loader) credentialGroup(c cell) int {
	if gid, err := strconv.Atoi(c.text); err == nil && gid >= 0 {
		return gid
	}
	g, err := user.LookupGroup(c.text)
	if err != nil {
		l.Wrong(c.pos, "credential_group is no group of this host; write its name or number")
		return -1
	}
	gid, _ := strconv.Atoi(g.Gid)
	return gid
}

// handoverCells collects the keys that are written in an agent's mapping.
func handoverCells(m *strict.Mapping) (cells []cell) {
	for _, key := range handoverKeys() {
		if c := cellOf(m, key); c.text != "" {
			cells = append(cells, c)
		}
	}
	return cells
}

func isHandoverKey(name string) bool { return slices.Contains(handoverKeys(), name) }
