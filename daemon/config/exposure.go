package config

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

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

func (e *exposure) warn(r *report) {
	for _, x := range e.order {
		others := ""
		if x.count > 1 {
			others = fmt.Sprintf(" and %d more files beside it", x.count-1)
		}
		r.warn(x.pos, "%s%s can be read by other users (mode %04o); chmod 0600", x.example, others, x.mode)
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
	for _, file := range slices.Sorted(maps.Keys(l.inlineIn)) {
		in := l.inlineIn[file]
		if mode, err := l.modeOf(file); err == nil && mode&0o077 != 0 {
			l.warn(in.pos, "%s holds passwords and can be read by other users (mode %04o); chmod 0600",
				filepath.Base(file), mode)
		}
		l.warn(in.pos, "%s holds passwords itself (%d), and so does every copy and backup of it; password_file or passwords_dir keep them apart",
			filepath.Base(file), in.count)
	}
	l.exposed.warn(&l.report)
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
