package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"agentkeeper/daemon/address"
	"agentkeeper/daemon/config/strict"
)

// eachKey visits every key of the tables, with its path in the file.
func eachKey(s *strict.Section, path string, visit func(path string, k strict.Key)) {
	for _, k := range s.Keys {
		visit(path+k.Name, k)
		switch {
		case k.Of == nil:
		case k.Kind == kindNamed:
			eachKey(k.Of, path+k.Name+".*.", visit)
		case k.Kind == kindList:
			eachKey(k.Of, path+k.Name+"[].", visit)
		default:
			eachKey(k.Of, path+k.Name+".", visit)
		}
	}
}

// The defaults of the table are values of their kinds.
func TestDefaultsOfTheTable(t *testing.T) {
	eachKey(&rootSection, "", func(path string, k strict.Key) {
		bad := false
		switch k.Kind {
		case kindDuration:
			d, err := time.ParseDuration(k.Fallback)
			bad = k.Fallback != "" && (err != nil || d <= 0)
		case kindSize:
			_, ok := strict.ParseSize(k.Fallback)
			bad = !ok
		case kindChoice:
			bad = !slices.Contains(k.Choices, k.Fallback)
		case kindFlag:
			bad = k.Fallback != "false"
		case kindAddress:
			bad = !address.Valid(k.Fallback)
		case kindCount:
			n, err := strconv.Atoi(k.Fallback)
			bad = err != nil || n < 1 || n > k.Most
		case kindFilled, kindRate:
			bad = k.Fallback == ""
		case kindSection, kindNamed, kindList:
			bad = k.Of == nil && !k.Later
		}
		if bad {
			t.Errorf("%s: kind %d cannot have the default %q", path, k.Kind, k.Fallback)
		}
		if k.Doc == "" && (k.Of == nil || k.Of.Doc == "") {
			t.Errorf("%s is not documented", path)
		}
	})
}

// wrongValue is what no key of that kind takes.
func wrongValue(k strict.Kind) string {
	switch k {
	case kindSection, kindNamed, kindList, kindOptions, kindDays, kindWorkdays, kindTexts, kindColumns:
		return "x"
	}
	return "{x: 1}"
}

// Every key of the table is decoded: a value of a wrong kind is noticed.
func TestEveryKeyIsDecoded(t *testing.T) {
	eachKey(&rootSection, "", func(path string, k strict.Key) {
		text, col := nested(path, wrongValue(k.Kind))
		inDir(t, map[string]string{main: text})
		_, _, err := load(t)
		place := fmt.Sprintf("%s:1:%d:", main, col)
		if said := problemLines(t, err); !slices.ContainsFunc(said, func(s string) bool {
			return strings.HasPrefix(s, place) && !strings.Contains(s, "unknown key")
		}) {
			t.Errorf("%s: nobody minds %s; said:\n%s", path, text, strings.Join(said, "\n"))
		}
	})
}

// nested is a configuration in one line with value at path, and its column.
func nested(path, value string) (text string, col int) {
	closing := ""
	for part := range strings.SplitSeq(path, ".") {
		name, isList := strings.CutSuffix(strings.Replace(part, "*", "hq", 1), "[]")
		text, closing = text+"{"+name+": ", "}"+closing
		if isList {
			text, closing = text+"[", "]"+closing
		}
	}
	return text + value + closing + "\n", len(text) + 1
}
