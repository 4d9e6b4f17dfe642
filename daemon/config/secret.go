package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"agentkeeper/daemon/config/strict"
	"agentkeeper/session"
	"agentkeeper/vendors/option"
)

// maxSecret bounds a secret's size in bytes.
const maxSecret = 64 << 10

// Source is where an agent's password comes from, or a webhook's secret.
type Source struct {
	// Key is the configuration's word for it: password_file, password_env,
	// password_credential, passwords_dir, password or secret_file.
	Key string
	// Path is the file that holds the secret; "" for an environment variable
	// and for one that is written in the configuration.
	Path string
	// Name is the environment variable, the systemd credential or the login.
	Name string
	// Pos is where the source is written, or the agent for passwords_dir.
	Pos option.Pos
	// Inline is the secret itself where Key is password. (A field that fmt
	// could not reach by its methods would be printed.)
	Inline session.Secret
}

// String names the source for people; it contains no secret.
func (s Source) String() string {
	switch {
	case s.Path != "":
		return s.Key + " " + s.Path
	case s.Name != "":
		return s.Key + " " + s.Name
	}
	return s.Key
}

// place is what errors name: a path, but no name, for a password may have been
// written where a name belongs. A file in passwords_dir has its name from the
// login, which stands where the error is placed.
func (s Source) place() string {
	switch {
	case s.Key == keyDir:
		return s.Key + " " + filepath.Dir(s.Path) + ", the file named as this login"
	case s.Path != "":
		return s.Key + " " + s.Path
	}
	return s.Key
}

// Read returns the secret as it is now, without a byte order mark before it and
// without one trailing newline. It may be called again at any time, by several
// goroutines. The error says what to do; it wraps fs.ErrNotExist where a file is
// missing.
func (s Source) Read() (session.Secret, error) {
	secret, _, err := s.read()
	return secret, err
}

// read also returns the permissions of the secret's file, 0 where there is
// none.
func (s Source) read() (secret session.Secret, mode fs.FileMode, err error) {
	text := s.Inline.Reveal()
	switch {
	case s.Key == keyEnv:
		text, err = readEnv(s.Name)
	case s.Path != "":
		var raw []byte
		raw, mode, err = readRegular(s.Path, maxSecret)
		text = string(raw)
	}
	if err != nil {
		return secret, 0, &unreadable{s.place(), err}
	}
	if text = trimNewline(strings.TrimPrefix(text, byteOrderMark)); text == "" {
		return secret, 0, &unreadable{s.place(), errEmptySecret}
	}
	return session.NewSecret(text), mode, nil
}

// byteOrderMark is what some editors write before UTF-8.
const byteOrderMark = "\ufeff"

var errEmptySecret = errors.New("the secret is empty; write it there")

// unreadable is why a secret cannot be read, and where it should be.
type unreadable struct {
	place string
	err   error
}

func (u *unreadable) Error() string { return u.place + ": " + u.err.Error() }
func (u *unreadable) Unwrap() error { return u.err }

// Advice says what is hardly meant about a secret that Read returned, "" for
// nothing: it would be sent as it is, be refused, and count towards a lock-out.
// It repeats nothing of the secret.
func (s Source) Advice(secret session.Secret) string {
	if why := oddSecret(secret.Reveal()); why != "" {
		return s.place() + ": " + why
	}
	return ""
}

// oddSecret is what an editor or a shell did to a secret, and what to do.
func oddSecret(text string) string {
	trimmed := strings.TrimSpace(text)
	switch {
	case text == "": // unread, which is said
		return ""
	case strings.HasPrefix(text, "\xff\xfe"), strings.HasPrefix(text, "\xfe\xff"), strings.Contains(text, "\x00"):
		return "the secret looks like UTF-16 and is sent as it is; save it as UTF-8, for example by iconv -f UTF-16 -t UTF-8"
	case !utf8.ValidString(text):
		return "the secret is no UTF-8, which platforms expect; save it as UTF-8, for example by iconv -f CP1251 -t UTF-8"
	case trimmed == "":
		return "the secret is nothing but blanks; write the secret"
	case strings.ContainsAny(trimmed, "\r\n"):
		return "the secret has several lines and is sent with all of them; keep the one that is the secret"
	case strings.HasSuffix(text, "\n"):
		return "the secret ends with a second newline, which is sent with it; remove the empty line"
	case trimmed != text:
		return "the secret begins or ends with a blank, which is sent with it; remove it unless the account's password has it"
	case strings.Contains(text, byteOrderMark):
		return "there is a byte order mark within the secret, which is sent with it; write the secret anew"
	}
	return ""
}

func readEnv(name string) (string, error) {
	text, ok := os.LookupEnv(name)
	if !ok {
		return "", errors.New("the environment variable of this name is not set; set it for the service")
	}
	return text, nil
}

func trimNewline(text string) string {
	text, ok := strings.CutSuffix(text, "\r\n")
	if !ok {
		text = strings.TrimSuffix(text, "\n")
	}
	return text
}

// The keys that name a secret.
const (
	keyFile       = "password_file"
	keyEnv        = "password_env"
	keyCredential = "password_credential"
	keyInline     = "password"
	keyDir        = "passwords_dir"
)

func secretKeys() []string { return []string{keyFile, keyEnv, keyCredential, keyInline} }

// cell is a text and where it is written.
type cell struct {
	key, text string
	pos       option.Pos
}

// source turns what an agent says about its secret into a Source.
func (l *loader) source(g *group, d draft) (Source, bool) {
	switch len(d.secrets) {
	case 0:
		return l.dirSource(g, d)
	case 1:
		return l.ownSource(d.secrets[0])
	}
	keys := make([]string, len(d.secrets))
	for i, c := range d.secrets {
		keys[i] = c.key
	}
	l.Wrong(d.secrets[1].pos, "the agent has %d sources of its password, %s; keep exactly one",
		len(keys), strings.Join(keys, " and "))
	return Source{}, false
}

func (l *loader) ownSource(c cell) (Source, bool) {
	s := Source{Key: c.key, Pos: c.pos}
	switch c.key {
	case keyFile:
		s.Path = strict.RelativeTo(c.pos.File, c.text)
	case keyEnv:
		s.Name = c.text
	case keyCredential:
		return l.credential(s, c.text)
	case keyInline:
		if !l.secrets.inlineAllowed {
			l.Wrong(c.pos, "a password in the file is refused; move it to a file and name it in password_file, or set allow_inline_secrets: true")
			return s, false
		}
		s.Inline = session.NewSecret(c.text)
		in := l.secrets.inlineIn[c.pos.File]
		if in.count++; in.count == 1 {
			in.pos = c.pos
		}
		l.secrets.inlineIn[c.pos.File] = in
	}
	return s, true
}

func (l *loader) credential(s Source, name string) (Source, bool) {
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	switch {
	case !isFileName(name):
		l.Wrong(s.Pos, "password_credential is no name of a systemd credential; write the name that stands in LoadCredential=")
		return s, false
	case dir == "" && l.rules.absentCredentials:
		l.WarnAlike(s.Pos.File, keyCredential, s.Pos, "password_credential: this process is not the service's unit and has none of systemd's credentials, so this one is not looked at; the unit needs LoadCredential=NAME:/path/of/file")
		return s, false
	case dir == "" && !l.withoutSecrets:
		l.Wrong(s.Pos, "password_credential: systemd has given this process no credentials; run it as a unit with LoadCredential=NAME:/path/of/file")
		return s, false
	}
	s.Name, s.Path = name, filepath.Join(dir, name)
	return s, true
}

func (l *loader) dirSource(g *group, d draft) (Source, bool) {
	switch {
	case g.secretsDirBroken: // said already
		return Source{}, false
	case g.secretsDir == "":
		l.Wrong(d.pos, "the agent has no password; write password_file, password_env or password_credential, or give the group a passwords_dir")
		return Source{}, false
	case d.login.text == "": // said already
		return Source{}, false
	case !isFileName(d.login.text):
		l.Wrong(d.login.pos, "this login cannot be the name of a file in passwords_dir; give the agent a password_file")
		return Source{}, false
	}
	return Source{Key: keyDir, Name: d.login.text, Path: filepath.Join(g.secretsDir, d.login.text), Pos: d.pos}, true
}

// isFileName reports whether joining name to a directory stays in it.
func isFileName(name string) bool {
	return name != "" && name != "." && name != ".." && !strings.ContainsAny(name, "/\x00") && len(name) < 256
}

// password reads the secret and notes files that others can read.
func (l *loader) password(s Source) session.Secret {
	if l.withoutSecrets {
		return session.Secret{}
	}
	secret, mode, err := s.read()
	if err != nil {
		l.WrongAlike(s.alike(), errors.Unwrap(err).Error(), s.Pos, err.Error())
	}
	if mode&0o077 != 0 && s.Key != keyCredential { // systemd guards its own
		l.secrets.exposed.note(s.Path, mode, s.Pos)
	}
	l.adviseSecret(s, secret)
	return secret
}

// adviseSecret warns of what is hardly meant about a secret, once for all of a
// directory.
func (l *loader) adviseSecret(s Source, secret session.Secret) {
	if why := oddSecret(secret.Reveal()); why != "" {
		l.WarnAlike(s.alike(), why, s.Pos, s.place()+": "+why)
	}
}

// alike is what the sources have in common that are told of together.
func (s Source) alike() string {
	if s.Path != "" {
		return s.Key + " " + filepath.Dir(s.Path)
	}
	return s.Key + " " + s.Pos.File
}
