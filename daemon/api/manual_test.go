package api

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var route = regexp.MustCompile(`"((?:GET|POST) )?(/(?:api/v1/|metrics|-/)[^" ]*)"`)

// Every route stands in the manual.
func TestRoutesAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/http.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		code, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range route.FindAllStringSubmatch(string(code), -1) {
			path := strings.Replace(r[2], "{verb}", "sign-in", 1)
			if found++; !strings.Contains(string(page), path+"`") {
				t.Errorf("%s: daemon/docs/http.md does not have %s%s", file, r[1], path)
			}
		}
	}
	if found < 20 {
		t.Errorf("%d routes were found", found)
	}
}
