package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// eachKey visits every key of the tables, with its path in the file.
func eachKey(s *section, path string, visit func(path string, k key)) {
	for _, k := range s.keys {
		visit(path+k.name, k)
		switch {
		case k.of == nil:
		case k.kind == kindNamed:
			eachKey(k.of, path+k.name+".*.", visit)
		case k.kind == kindList:
			eachKey(k.of, path+k.name+"[].", visit)
		default:
			eachKey(k.of, path+k.name+".", visit)
		}
	}
}

// The defaults of the table are values of their kinds.
func TestDefaultsOfTheTable(t *testing.T) {
	eachKey(&rootSection, "", func(path string, k key) {
		bad := false
		switch k.kind {
		case kindDuration:
			d, err := time.ParseDuration(k.fallback)
			bad = k.fallback != "" && (err != nil || d <= 0)
		case kindSize:
			_, ok := parseSize(k.fallback)
			bad = !ok
		case kindChoice:
			bad = !slices.Contains(k.choices, k.fallback)
		case kindFlag:
			bad = k.fallback != "false"
		case kindAddress:
			bad = !isAddress(k.fallback)
		case kindCount:
			n, err := strconv.Atoi(k.fallback)
			bad = err != nil || n < 1 || n > k.most
		case kindFilled, kindRate:
			bad = k.fallback == ""
		case kindSection, kindNamed, kindList:
			bad = k.of == nil && !k.later
		}
		if bad {
			t.Errorf("%s: kind %d cannot have the default %q", path, k.kind, k.fallback)
		}
		if k.doc == "" && (k.of == nil || k.of.doc == "") {
			t.Errorf("%s is not documented", path)
		}
	})
}

// wrongValue is what no key of that kind takes.
func wrongValue(k kind) string {
	switch k {
	case kindSection, kindNamed, kindList, kindOptions, kindDays, kindWorkdays, kindTexts, kindColumns:
		return "x"
	}
	return "{x: 1}"
}

// Every key of the table is decoded: a value of a wrong kind is noticed.
func TestEveryKeyIsDecoded(t *testing.T) {
	eachKey(&rootSection, "", func(path string, k key) {
		text, col := nested(path, wrongValue(k.kind))
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
