// Package examples keeps what the manual shows of the examples the same as what is
// tested.
package examples

import (
	"os"
	"strings"
	"testing"
)

// The manual shows each example from its first function on.
func TestExamplesAreShown(t *testing.T) {
	page, err := os.ReadFile("../../daemon/docs/working.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"answerecss/main.go", "answerhuawei/main.go"} {
		code, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, shown, found := strings.Cut(string(code), "\n)\n\n")
		if !found || !strings.Contains(string(page), "```go\n"+shown+"```\n") {
			t.Errorf("daemon/docs/working.md does not show %s as it is", file)
		}
	}
}
