package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/sys/unix"
)

// printHash reads a password, one line of in, and writes its hash as basic_auth_users
// of a web_config_file takes it. On a terminal it asks, and shows nothing of what is
// typed.
func printHash(in *os.File, prompt, out io.Writer) error {
	restore, asked := withoutEcho(in)
	if asked {
		fmt.Fprint(prompt, "Password: ")
	}
	line, err := bufio.NewReader(in).ReadString('\n')
	if restore(); asked {
		fmt.Fprintln(prompt)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the password: %w", err)
	}
	password := strings.TrimRight(line, "\r\n")
	if password == "" {
		return usage("no password came in; write it, and a newline, to standard input")
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.DefaultCost)
	if errors.Is(err, bcrypt.ErrPasswordTooLong) {
		return usage("the password has more than 72 bytes, of which bcrypt takes no notice; choose a shorter one")
	}
	if err != nil {
		return fmt.Errorf("hash the password: %w", err)
	}
	_, err = fmt.Fprintf(out, "%s\n", hash)
	return err
}

// withoutEcho has a terminal not show what is typed until restore is called; asked
// is false where f is no terminal.
func withoutEcho(f *os.File) (restore func(), asked bool) {
	fd := int(f.Fd())
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return func() {}, false
	}
	quiet := *before
	quiet.Lflag &^= unix.ECHO
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, &quiet); err != nil {
		return func() {}, true
	}
	return func() { _ = unix.IoctlSetTermios(fd, unix.TCSETS, before) }, true
}
