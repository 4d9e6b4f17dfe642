package config

import (
	_ "embed" // the sample
	"fmt"
	"strings"

	"agentkeeper/vendors"
	"agentkeeper/vendors/option"
)

//go:embed sample.yaml
var sample string

// optionsMark begins the line of the sample that stands for a vendor's options.
const optionsMark = "#@options "

// Sample returns the commented reference configuration: every key with its
// meaning and default, the vendors' options out of their tables.
func Sample() string {
	var out strings.Builder
	for line := range strings.Lines(sample) {
		indent, name, found := strings.Cut(strings.TrimSuffix(line, "\n"), optionsMark)
		if !found {
			out.WriteString(line)
			continue
		}
		for _, spec := range vendors.Table[name].Options {
			out.WriteString(sampleOption(indent, spec))
		}
	}
	return out.String()
}

// sampleOption is one option, commented out, under its documentation.
func sampleOption(indent string, spec option.Spec) string {
	value := " " + spec.Default
	switch {
	case spec.Kind == option.String:
		value = fmt.Sprintf(" %q", spec.Default)
	case spec.Default == "":
		value = ""
	}
	return fmt.Sprintf("%s# %s\n%s# %s:%s\n", indent, spec.Text(), indent, spec.Name, value)
}
