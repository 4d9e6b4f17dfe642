package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

func TestPrintHash(t *testing.T) {
	for _, tt := range []struct{ in, password string }{
		{"s3cret\n", "s3cret"}, {"two words\r\n", "two words"}, {"without a newline", "without a newline"},
		{"", ""}, {"\n", ""}, {strings.Repeat("x", 73) + "\n", ""},
	} {
		path := filepath.Join(t.TempDir(), "password")
		if err := os.WriteFile(path, []byte(tt.in), 0o600); err != nil {
			t.Fatal(err)
		}
		in, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		var prompt, out bytes.Buffer
		err = printHash(in, &prompt, &out)
		_ = in.Close()
		if prompt.Len() > 0 {
			t.Errorf("%q: a file is asked %q", tt.in, prompt.String())
		}
		if tt.password == "" {
			if _, code := describe(err); code != exitUsage || out.Len() > 0 {
				t.Errorf("%q: %v, %q", tt.in, err, out.String())
			}
			continue
		}
		if hash := strings.TrimSuffix(out.String(), "\n"); err != nil || bcrypt.CompareHashAndPassword([]byte(hash), []byte(tt.password)) != nil {
			t.Errorf("%q: %v, %q is no hash of %q", tt.in, err, hash, tt.password)
		}
	}
}
