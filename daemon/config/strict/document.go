package strict

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"agentkeeper/vendors/option"
)

// Parse returns the one document of a YAML file, or nil after a mistake that
// leaves nothing to decode. least is what a file must hold at least, for the
// message about an empty one.
func Parse(r *Report, file string, text []byte, least string) *yaml.Node {
	if pos, ok := FirstInvalid(file, text); ok {
		r.Wrong(pos, "a character that is no text; save the file as UTF-8 without control characters")
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var doc, second yaml.Node
	switch err := decoder.Decode(&doc); {
	case errors.Is(err, io.EOF) || (err == nil && IsNull(doc.Content[0])):
		r.Wrong(option.Pos{File: file, Line: 1, Col: 1},
			"the file is empty; write at least %s", least)
		return nil
	case err != nil:
		r.Problems = append(r.Problems, syntaxProblem(file, string(text), err))
		return nil
	}
	switch err := decoder.Decode(&second); {
	case err == nil:
		r.Wrong(Position(file, &second), "a second document begins here; keep one and remove the --- line")
	case !errors.Is(err, io.EOF):
		r.Problems = append(r.Problems, syntaxProblem(file, string(text), err))
	}
	checkTags(r, file, &doc)
	return doc.Content[0]
}

// Position is where a node begins.
func Position(file string, n *yaml.Node) option.Pos {
	return option.Pos{File: file, Line: max(1, n.Line), Col: max(1, n.Column)}
}

// FirstInvalid finds the first character that is no text, which the YAML library
// would refuse without saying where.
func FirstInvalid(file string, text []byte) (option.Pos, bool) {
	line, col := 1, 1
	for len(text) > 0 {
		c, size := utf8.DecodeRune(text)
		if (c == utf8.RuneError && size == 1) || !printable(c) {
			return option.Pos{File: file, Line: line, Col: col}, true
		}
		text = text[size:]
		col++
		if c == '\n' {
			line, col = line+1, 1
		}
	}
	return option.Pos{}, false
}

// printable follows YAML 1.2, section 5.1; a byte order mark is let pass.
func printable(c rune) bool {
	switch {
	case c == '\t', c == '\n', c == '\r', c == 0x85:
		return true
	case c < ' ', c >= 0x7f && c < 0xa0, c == 0xfffe, c == 0xffff:
		return false
	}
	return true
}

// syntaxLine matches the library's "yaml: line 3: what".
var syntaxLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// syntaxProblem maps the library's syntax error to a place. Its scanner counts
// lines from one, its parser from zero, and neither names the first line.
func syntaxProblem(file, text string, err error) option.Problem {
	line, what := 1, err.Error()
	if found := syntaxLine.FindStringSubmatch(what); found != nil {
		what = found[2]
		if found[1] != "" {
			line, _ = strconv.Atoi(found[1])
			line += parserOffset(what)
		}
	}
	pos := option.Pos{File: file, Line: clamp(line, text), Col: 1}
	if name, ok := strings.CutPrefix(what, "unknown anchor '"); ok {
		name, _, _ = strings.Cut(name, "'")
		return option.Problem{Pos: find(file, text, "*"+name),
			Text: "an alias to an anchor that is not defined; quote a text that begins with *"}
	}
	return option.Problem{Pos: pos, Text: oneLine(fmt.Sprintf("this is no YAML: %s%s", what, remedy(what)))}
}

// parserOffset is 1 for the messages of the library's parser.
func parserOffset(what string) int {
	for _, prefix := range []string{
		"did not find expected key", "did not find expected ','", "did not find expected '-'",
		"did not find expected node", "did not find expected <", "found undefined tag handle",
	} {
		if strings.HasPrefix(what, prefix) {
			return 1
		}
	}
	return 0
}

// remedy says what usually causes a syntax error.
func remedy(what string) string {
	for _, known := range [...]struct{ part, remedy string }{
		{"mapping values are not allowed", `; quote a value that contains ": ", and indent keys of one level alike`},
		{"could not find expected ':'", `; write "key: value"`},
		{"unexpected end of stream", "; close the quote that was opened before"},
		{"tab character", "; indent with spaces"},
		{"cannot start any token", "; quote a value that begins with a special character, and indent with spaces"},
		{"did not find expected ','", "; close the bracket that was opened here"},
		{"did not find expected key", "; indent the keys of one level alike"},
		{"did not find expected '-'", `; begin each element of the list with "- "`},
		{"unknown escape", "; use single quotes for a text with backslashes"},
	} {
		if strings.Contains(what, known.part) {
			return known.remedy
		}
	}
	return "; check indentation, quotes and brackets here"
}

func clamp(line int, text string) int {
	lines := strings.Count(strings.TrimSuffix(text, "\n"), "\n") + 1
	return max(1, min(line, lines))
}

// find is the place of the first occurrence of part.
func find(file, text, part string) option.Pos {
	before, _, _ := strings.Cut(text, part)
	line := strings.Count(before, "\n") + 1
	col := utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
	return option.Pos{File: file, Line: clamp(line, text), Col: col}
}

// checkTags refuses tags beyond YAML's own: nothing here would obey them.
func checkTags(r *Report, file string, n *yaml.Node) {
	if n.Style&yaml.TaggedStyle != 0 {
		switch n.Tag {
		case "!!str", "!!int", "!!float", "!!bool", "!!null", "!!seq", "!!map", "!!timestamp":
		default:
			r.Wrong(Position(file, n), "a YAML tag has no meaning here; remove the tag, or quote a text that begins with !")
		}
	}
	for _, child := range n.Content {
		checkTags(r, file, child)
	}
}

// Target follows an alias.
func Target(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// IsNull reports whether a node is null, which counts as left out.
func IsNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

func isEmpty(n *yaml.Node) bool {
	return (n.Kind == yaml.ScalarNode && n.Value == "") || (n.Kind != yaml.ScalarNode && len(n.Content) == 0)
}

// KindOf names a node's kind for people.
func KindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	return "a single value"
}
