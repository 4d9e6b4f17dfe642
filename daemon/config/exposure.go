package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"agentkeeper/daemon/address"
	"agentkeeper/daemon/config/strict"
	"agentkeeper/vendors/option"
)

// exposure counts the secret files that others can read, by directory, so
// that a fleet's worth of them is one warning.
type exposure struct {
	dirs  map[string]*exposed
	order []*exposed
}

type exposed struct {
	count   int
	example string
	mode    fs.FileMode
	pos     option.Pos
}

func (e *exposure) note(path string, mode fs.FileMode, pos option.Pos) {
	dir := filepath.Dir(path)
	if known, ok := e.dirs[dir]; ok {
		known.count++
		return
	}
	first := &exposed{count: 1, example: path, mode: mode, pos: pos}
	e.dirs[dir] = first
	e.order = append(e.order, first)
}

func (e *exposure) warn(r *strict.Report) {
	for _, x := range e.order {
		others := ""
		if x.count > 1 {
			others = fmt.Sprintf(" and %d more files beside it", x.count-1)
		}
		r.Warn(x.pos, "%s%s can be read by other users (mode %04o); chmod 0600", x.example, others, x.mode)
	}
}

// CheckListen says why text is no address that `listen` may have.
func CheckListen(text string) error {
	if !address.Valid(text) {
		return errors.New("is no address; write host:port, for example 127.0.0.1:9464")
	}
	return nil
}

// adviseListen warns of a status page that other hosts reach without TLS or
// without a password. web is the web configuration, nil for none.
func (l *loader) adviseListen(m *strict.Mapping, web []byte) {
	host, _, err := net.SplitHostPort(l.config.Listen)
	if err != nil || address.Loopback(host) {
		return
	}
	var has struct {
		TLS struct {
			ClientAuth string `yaml:"client_auth_type"`
		} `yaml:"tls_server_config"`
		Users map[string]string `yaml:"basic_auth_users"`
	}
	var given struct {
		TLS *yaml.Node `yaml:"tls_server_config"`
	}
	if yaml.Unmarshal(web, &has) != nil || yaml.Unmarshal(web, &given) != nil {
		return // not the exporters' format, which was said
	}
	var lacks []string
	if given.TLS == nil {
		lacks = append(lacks, "TLS (tls_server_config)")
	}
	if len(has.Users) == 0 && has.TLS.ClientAuth != "RequireAndVerifyClientCert" {
		lacks = append(lacks, "a password (basic_auth_users)")
	}
	if len(lacks) > 0 {
		l.Warn(m.At("listen"), "listen is an address that other hosts may reach, without %s: whoever does sees agents, platforms and events; write it in a web_config_file, or listen on 127.0.0.1",
			strings.Join(lacks, " and "))
	}
}

// inline is the passwords that stand in one file themselves.
type inline struct {
	count int
	pos   option.Pos // of the first
}

// warnExposed tells about secrets that other users of the machine can read, or
// whoever comes by a copy of the file.
func (l *loader) warnExposed() {
	for _, file := range slices.Sorted(maps.Keys(l.secrets.inlineIn)) {
		in := l.secrets.inlineIn[file]
		if mode, err := l.modeOf(file); err == nil && mode&0o077 != 0 {
			l.Warn(in.pos, "%s holds passwords and can be read by other users (mode %04o); chmod 0600",
				filepath.Base(file), mode)
		}
		l.Warn(in.pos, "%s holds passwords itself (%d), and so does every copy and backup of it; password_file or passwords_dir keep them apart",
			filepath.Base(file), in.count)
	}
	l.secrets.exposed.warn(&l.Report)
}

// modeOf returns a file's permissions; none of one that somebody else has read.
func (l *loader) modeOf(file string) (fs.FileMode, error) {
	if l.texts != nil {
		return 0, nil
	}
	info, err := os.Stat(file)
	if err != nil {
		return 0, err
	}
	return info.Mode().Perm(), nil
}
