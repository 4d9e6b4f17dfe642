// Command chaos breaks things around a running agentkeeper and counts what its
// agents notice. It builds the programs, runs the service against simulators of
// three vendors in processes of their own, injects one fault after the other,
// waits for everybody's return, and prints what the platforms counted.
//
//	go run ./test/chaos               the short form, which continuous integration runs
//	go run ./test/chaos -long         10 minutes and 30 kills
//	go run ./test/chaos -leaks 1h     churn: goroutines, files, consumers and memory must stay flat
//	go run ./test/chaos -fault stop,disk-full -seed 7
//
// It exits with 1 where a promise broke, and says which. A fault that cannot be
// had here (no root, no strace) is told, and is no failure.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"agentkeeper/test/rig"
)

// form is how much is done.
type form struct {
	long   bool
	last   time.Duration // how long the long form goes on
	kills  int           // of the long form
	leaks  time.Duration // churn for that long instead of faults
	seed   uint64
	faults []string      // their names; none: those of the form
	within time.Duration // no fault is begun later; 0: whenever
	keep   bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	f, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(2)
	}
	if err := run(ctx, f); err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		stop()
		os.Exit(1)
	}
}

// parse reads the command line.
func parse(args []string) (form, error) {
	f := form{}
	set := flag.NewFlagSet("chaos", flag.ContinueOnError)
	set.BoolVar(&f.long, "long", false, "every fault, and then kills and faults by lot for -for")
	set.DurationVar(&f.last, "for", 10*time.Minute, "how long the long form goes on")
	set.IntVar(&f.kills, "kills", 30, "kills in the long form")
	set.DurationVar(&f.leaks, "leaks", 0, "churn for so long, and compare what the service takes at the beginning and at the end")
	set.DurationVar(&f.within, "within", 0, "begin no fault later than this; those that are left are told")
	set.Uint64Var(&f.seed, "seed", uint64(time.Now().UnixNano()%1e6), "of everything that is chosen by lot")
	set.BoolVar(&f.keep, "keep", false, "leave the directory with configuration, logs and store, and say where it is")
	names := set.String("fault", "", "only these, divided by commas; -fault list tells them")
	if err := set.Parse(args); err != nil {
		return f, err
	}
	if *names == "list" {
		for _, x := range faults() {
			fmt.Printf("%-16s %s\n", x.name, x.about)
		}
		return f, flag.ErrHelp
	}
	for name := range strings.SplitSeq(*names, ",") {
		if name == "" {
			continue
		}
		if !slices.ContainsFunc(faults(), func(x fault) bool { return x.name == name }) {
			return f, fmt.Errorf("-fault: no fault is named %q: -fault list tells them", name)
		}
		f.faults = append(f.faults, name)
	}
	return f, nil
}

var errBroken = errors.New("promises broke")

// run builds, breaks and counts.
func run(ctx context.Context, f form) (err error) {
	dir, err := os.MkdirTemp("", "agentkeeper-chaos-")
	if err != nil {
		return err
	}
	defer func() {
		if f.keep {
			fmt.Println("left:", dir)
			return
		}
		err = errors.Join(err, os.RemoveAll(dir))
	}()
	raiseFiles()
	fmt.Printf("seed %d\n", f.seed)
	if err := rig.Build(ctx, dir, rig.Tags); err != nil {
		return err
	}
	w, err := newWorld(ctx, dir, f)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	if f.leaks > 0 {
		return leaks(ctx, w, f.leaks)
	}
	return inject(ctx, w, f)
}

// raiseFiles lets this process have as many open files as it may.
func raiseFiles() {
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &l) == nil {
		l.Cur = l.Max
		_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &l)
	}
}
