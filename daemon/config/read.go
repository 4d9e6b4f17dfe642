package config

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

// reading is how one Load reads files.
type reading struct {
	ctx            context.Context   // ends a Load that takes too long
	texts          map[string]string // where not nil: the files, read by somebody else
	record         map[string]string // where not nil: notes what was read
	withoutSecrets bool
	full           bool // there are as many agents as may be; more are left out
}

// errNotSent is about a file that whoever read the configuration did not give.
var errNotSent = errors.New("was not given together with the configuration; name a file that you can read yourself")

// readList reads a file without secrets: the configuration, a list of agents or
// days, certificates.
func (r *reading) readList(path string, limit int64) ([]byte, error) {
	path = filepath.Clean(path)
	var text []byte
	if r.texts != nil {
		given, ok := r.texts[path]
		switch {
		case !ok:
			return nil, errNotSent
		case int64(len(given)) > limit:
			return nil, tooLarge(limit)
		}
		text = []byte(given)
	} else {
		var err error
		if text, _, err = readRegular(path, limit); err != nil {
			return nil, err
		}
	}
	if r.record != nil {
		r.record[path] = string(text)
	}
	return text, nil
}

// givenUp reports whether the Load has taken too long.
func (r *reading) givenUp() bool { return r.ctx.Err() != nil }

// readRegular reads a whole regular file of at most limit bytes, and its
// permissions. Pipes, devices and directories are refused: opening or reading
// one may block, act or never end. It looks before it opens, and again at what
// it opened, which may have been put there in between.
func readRegular(path string, limit int64) ([]byte, fs.FileMode, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, 0, fileError(err)
	}
	if !info.Mode().IsRegular() {
		return nil, 0, errNotRegular
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, 0, fileError(err)
	}
	defer func() { _ = f.Close() }()
	switch info, err = f.Stat(); {
	case err != nil:
		return nil, 0, fileError(err)
	case !info.Mode().IsRegular():
		return nil, 0, errNotRegular
	case info.Size() > limit:
		return nil, 0, tooLarge(limit)
	}
	text, err := io.ReadAll(io.LimitReader(f, limit+1)) // a file may grow, and those under /proc tell no size
	switch {
	case err != nil:
		return nil, 0, fileError(err)
	case int64(len(text)) > limit:
		return nil, 0, tooLarge(limit)
	}
	return text, info.Mode().Perm(), nil
}

var errNotRegular = errors.New("not a regular file; check the path")

func tooLarge(limit int64) error {
	return fmt.Errorf("larger than %d bytes; is it the right file?", limit)
}

// fileError says what to do about a file that cannot be read, without its
// path, which the caller names.
func fileError(err error) error {
	remedy := "check the path"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		remedy = "create it or correct the path"
	case errors.Is(err, fs.ErrPermission):
		remedy = "let the user who runs this read it"
	}
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		err = pathError.Err
	}
	return fmt.Errorf("%w; %s", err, remedy)
}

// inLine matches the places in a YAML decoder's errors.
var inLine = regexp.MustCompile(`line \d+`)

// placesIn keeps of another package's error about a file where in the file it
// is, "" for nowhere. All else may be the file's content, a password's hash for
// example.
func placesIn(err error) string {
	found := inLine.FindAllString(err.Error(), 5)
	if len(found) == 0 {
		return ""
	}
	return " (" + strings.Join(found, ", ") + ")"
}
