package config

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"agentkeeper/daemon/config/strict"
	"agentkeeper/vendors/option"
)

// agentsFile reads a group's agents from a CSV.
func (l *loader) agentsFile(g *group, list agentsList) {
	text, err := l.readList(list.path, maxFile)
	if err != nil {
		l.Wrong(list.pos, "agents_file %s: %v", list.path, err)
		return
	}
	l.readAgents(g, list, text)
}

func (l *loader) readAgents(g *group, list agentsList, text []byte) {
	file := list.path
	l.AsRows(file)
	text = bytes.TrimPrefix(text, []byte(byteOrderMark))
	if at, found := strict.FirstInvalid(file, text); found {
		l.Wrong(at, "a character that is no text; save the file as UTF-8 without control characters, for example by iconv -f %s -t UTF-8", likelyCharset(text))
		return
	}
	text = withoutSeparatorLine(text)
	comma := separator(text)
	t := &table{loader: l, group: g, list: list, file: file, reader: csv.NewReader(bytes.NewReader(withoutFormulas(text, comma)))}
	t.reader.Comma = comma
	t.reader.FieldsPerRecord = -1
	t.reader.ReuseRecord = true
	t.reader.TrimLeadingSpace = true
	if header := t.next(); t.header(header) {
		t.rows()
	}
}

// likelyCharset is what a file that is not UTF-8 is most often written in.
func likelyCharset(text []byte) string {
	if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) || bytes.IndexByte(text, 0) >= 0 {
		return "UTF-16"
	}
	return "CP1251"
}

// withoutSeparatorLine empties the line "sep=;" that spreadsheets understand,
// so that the lines behind it keep their numbers.
func withoutSeparatorLine(text []byte) []byte {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	if mark := bytes.TrimRight(line, "\r"); len(mark) == len("sep=;") && bytes.EqualFold(mark[:4], []byte("sep=")) {
		return text[len(line):]
	}
	return text
}

// separator is the comma, the semicolon or the tab, whichever the header has
// most of.
func separator(text []byte) rune {
	header, _, _ := bytes.Cut(bytes.TrimLeft(text, "\r\n"), []byte("\n"))
	best := ','
	for _, c := range ";\t" {
		if strings.Count(string(header), string(c)) > strings.Count(string(header), string(best)) {
			best = c
		}
	}
	return best
}

// withoutFormulas lets ="0234" be read as the quoted cell "0234": spreadsheets
// write texts so that are to keep their zeros. The sign becomes a blank, so that
// places stay what they are.
func withoutFormulas(text []byte, comma rune) []byte {
	if !bytes.Contains(text, []byte(`="`)) {
		return text
	}
	text = bytes.Clone(text)
	quoted, begins := false, true
	for i, c := range text {
		switch {
		case c == '"':
			quoted = !quoted
		case c == '=' && begins && !quoted && i+1 < len(text) && text[i+1] == '"':
			text[i] = ' '
		}
		begins = !quoted && (rune(c) == comma || c == '\n' || (begins && c == ' '))
	}
	return text
}

// unquoted takes a spreadsheet's signs for "this is a text" off a cell:
// ="0234" and '0234.
func unquoted(text string) string {
	text = strings.TrimSpace(text)
	if inner, ok := strings.CutPrefix(text, `="`); ok && strings.HasSuffix(inner, `"`) {
		return strings.TrimSpace(strings.ReplaceAll(strings.TrimSuffix(inner, `"`), `""`, `"`))
	}
	return strings.TrimPrefix(text, "'")
}

// table is one CSV under decode.
type table struct {
	*loader
	group   *group
	list    agentsList
	file    string
	reader  *csv.Reader
	columns []column
}

// next returns the next row that has one filled cell at least, nil at the end.
// The row is overwritten by the next call.
func (t *table) next() []string {
	for {
		row, err := t.reader.Read()
		var syntax *csv.ParseError
		switch {
		case errors.As(err, &syntax):
			t.WrongAlike(t.file, syntax.Err.Error(), option.Pos{File: t.file, Line: syntax.StartLine, Col: 1},
				fmt.Sprintf("this row is no CSV: %v; write \"\" for a quote inside a quoted cell and close each quote", syntax.Err))
			continue
		case err != nil:
			if !errors.Is(err, io.EOF) {
				t.Wrong(option.Pos{File: t.file}, "cannot be read: %v", err)
			}
			return nil
		}
		if slices.ContainsFunc(row, func(c string) bool { return strings.TrimSpace(c) != "" }) {
			return row
		}
	}
}

func (t *table) at(field int) option.Pos {
	line, col := t.reader.FieldPos(field)
	return option.Pos{File: t.file, Line: line, Col: col}
}

func (t *table) rows() {
	for row := t.next(); row != nil; row = t.next() {
		if len(row) != len(t.columns) {
			t.Wrong(t.at(min(len(row), len(t.columns))-1), "the row has %d cells, the header %d; leave cells empty for what is not given, and quote a cell that contains a separator",
				len(row), len(t.columns))
			continue
		}
		t.enlist(t.group, t.draft(row))
	}
}

// rounded matches what a spreadsheet makes of a long number: 7,49512E+10.
var rounded = regexp.MustCompile(`^[0-9]([.,][0-9]+)?[eE]\+[0-9]+$`)

// draft reads one row; an empty cell is not given.
func (t *table) draft(row []string) draft {
	d := draft{pos: t.at(0)}
	d.login.pos, d.number.pos = d.pos, d.pos
	for i, text := range row {
		c := t.columns[i]
		if c.name != keyInline {
			text = unquoted(text)
		}
		if text != "" {
			t.fill(&d, c, cell{key: c.name, text: strings.Clone(text), pos: t.at(i)})
		}
	}
	return d
}

func (t *table) fill(d *draft, c column, value cell) {
	if (c.meaning == loginColumn || c.meaning == numberColumn) && rounded.MatchString(value.text) {
		t.Wrong(value.pos, "the %s was rounded by a spreadsheet; format the column as text there and export it again", c.name)
	}
	switch c.meaning {
	case loginColumn:
		d.login = value
	case numberColumn:
		d.number = value
	case labelColumn:
		d.label = value
	case secretColumn:
		d.secrets = append(d.secrets, value)
	case optionColumn:
		if d.options == nil {
			d.options = option.Set{}
		}
		d.options[c.name] = option.Value{Text: value.text, Pos: value.pos}
	case handoverColumn:
		d.handover = append(d.handover, value)
	case unnamedColumn:
		t.Wrong(value.pos, "the column of this cell has no name; name it in the first row, or empty the cell")
	case skippedColumn, unknownColumn:
	}
}
