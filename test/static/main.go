// Command static fails unless every program named is a Linux executable that
// is statically linked: one that asks for no interpreter and no library.
package main

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
)

func main() {
	code := 0
	for _, path := range os.Args[1:] {
		if err := check(path); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", path, err)
			code = 1
		}
	}
	os.Exit(code)
}

func check(path string) error {
	f, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("read the executable: %w", err)
	}
	defer func() { _ = f.Close() }()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return errors.New("dynamically linked: it asks for an interpreter")
		}
	}
	libraries, err := f.ImportedLibraries()
	if err == nil && len(libraries) > 0 {
		return fmt.Errorf("dynamically linked: it needs %v", libraries)
	}
	return nil
}
