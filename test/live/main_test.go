package live

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"

	"agentkeeper/test/rig"
)

// programs is where TestMain put the binaries. It is set once, before any test.
var programs string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "agentkeeper-live-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := rig.Build(context.Background(), dir, rig.Tags); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	programs = dir
	moreParallel()
	return m.Run()
}

// moreParallel lets more tests run side by side than there are processors,
// unless the command line says how many: they mostly wait.
func moreParallel() {
	flag.Parse()
	said := false
	flag.Visit(func(f *flag.Flag) { said = said || f.Name == "test.parallel" })
	if !said {
		_ = flag.Set("test.parallel", "6")
	}
}
