// Style measures the shape of the code: how long its functions are, how wide its
// structs, and what the house does without.
//
//	go run ./test/style          # the table of test/README.md
//	go run ./test/style -list    # and where everything is that stands out
//
// The tests of this package hold what there must be none of.
package main

import (
	"flag"
	"fmt"
	"os"
	"text/tabwriter"
)

func main() {
	root := flag.String("root", ".", "the checkout")
	list := flag.Bool("list", false, "say where everything is that stands out")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "style takes no arguments; -root names the checkout")
		os.Exit(2)
	}
	if err := run(*root, *list); err != nil {
		fmt.Fprintln(os.Stderr, "style:", err)
		os.Exit(1)
	}
}

func run(root string, list bool) error {
	m, err := measure(root)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	for _, row := range m.table() {
		fmt.Fprintf(w, "%s\t%s\n", row[0], row[1])
	}
	if err := w.Flush(); err != nil || !list {
		return err
	}
	for _, f := range m.findings {
		fmt.Println(f)
	}
	return nil
}
