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

	"agentkeeper/vendors/option"
)

// agentsFile reads a group's agents from a CSV.
func (l *loader) agentsFile(g *group, file string, pos option.Pos) {
	text, err := l.readList(file, maxFile)
	if err != nil {
		l.wrong(pos, "agents_file %s: %v", file, err)
		return
	}
	l.readAgents(g, file, text)
}

func (l *loader) readAgents(g *group, file string, text []byte) {
	l.asRows(file)
	text = bytes.TrimPrefix(text, []byte(byteOrderMark))
	if at, found := firstInvalid(file, text); found {
		l.wrong(at, "a character that is no text; save the file as UTF-8 without control characters, for example by iconv -f %s -t UTF-8", likelyCharset(text))
		return
	}
	text = withoutSeparatorLine(text)
	t := &table{loader: l, group: g, file: file, reader: csv.NewReader(bytes.NewReader(text))}
	t.reader.Comma = separator(text)
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

// table is one CSV under decode.
type table struct {
	*loader
	group   *group
	file    string
	reader  *csv.Reader
	columns []column
}

// column says what the cells below a name of the header are.
type column struct {
	name    string
	meaning meaning
}

type meaning uint8

const (
	ignored meaning = iota // reported once, in the header
	loginColumn
	numberColumn
	secretColumn
	optionColumn
	handoverColumn
	unnamedColumn // spreadsheets add some; nothing may stand in them
)

// next returns the next row that has one filled cell at least, nil at the end.
// The row is overwritten by the next call.
func (t *table) next() []string {
	for {
		row, err := t.reader.Read()
		var syntax *csv.ParseError
		switch {
		case errors.As(err, &syntax):
			t.wrongAlike(t.file, syntax.Err.Error(), option.Pos{File: t.file, Line: syntax.StartLine, Col: 1},
				fmt.Sprintf("this row is no CSV: %v; write \"\" for a quote inside a quoted cell and close each quote", syntax.Err))
			continue
		case err != nil:
			if !errors.Is(err, io.EOF) {
				t.wrong(option.Pos{File: t.file}, "cannot be read: %v", err)
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

// header reads the columns' names and reports whether rows can be read.
func (t *table) header(names []string) bool {
	if names == nil {
		t.wrong(option.Pos{File: t.file, Line: 1, Col: 1}, "the file is empty; begin with a header row, for example login,number,password_file")
		return false
	}
	for _, name := range names {
		name = t.spelled(strings.TrimSpace(name))
		t.columns = append(t.columns, column{name, t.meaningOf(name)})
	}
	if !slices.Contains(t.columns, column{"login", loginColumn}) {
		t.wrong(t.at(0), "the first row has no column login; name the columns there, for example login,number,password_file")
		return false // this is a row of data, perhaps with secrets: do not repeat it
	}
	t.checkColumns()
	return true
}

func (t *table) checkColumns() {
	for i, c := range t.columns {
		switch {
		case c.meaning == unnamedColumn:
		case c.meaning == ignored:
			if text := t.unknown(c.name); text != "" {
				t.wrong(t.at(i), "%s", text)
			}
		case slices.Contains(t.columns[:i], c):
			t.wrong(t.at(i), "column %q is written twice; keep one", c.name)
			t.columns[i].meaning = ignored
		}
	}
}

// spelled returns a column's own name for one that differs in case only, which
// no two columns do.
func (t *table) spelled(name string) string {
	for _, known := range t.known() {
		if strings.EqualFold(known, name) {
			return known
		}
	}
	return name
}

// known lists the names that a column may have.
func (t *table) known() []string {
	names := slices.Concat([]string{"login", "number"}, secretKeys(), handoverKeys())
	for _, s := range t.group.specs() {
		names = append(names, s.Name)
	}
	return names
}

func (t *table) meaningOf(name string) meaning {
	switch {
	case name == "":
		return unnamedColumn
	case name == "login":
		return loginColumn
	case name == "number":
		return numberColumn
	case slices.Contains(secretKeys(), name):
		return secretColumn
	case isHandoverKey(name):
		return handoverColumn
	case hasOption(t.group.specs(), name):
		return optionColumn
	}
	return ignored
}

// unknown repeats only a name that resembles a column's: the header may have
// run together with a row, and hold a secret. It says nothing of what may be an
// option of a vendor that is not known.
func (t *table) unknown(name string) string {
	if guess := didYouMean(name, t.known()); guess != "" {
		return "unknown column" + guess
	}
	if t.group.place == nil || !t.group.place.known {
		return ""
	}
	return "unknown column; write login, number, password_file or the name of an option of the vendor"
}

func (t *table) rows() {
	for row := t.next(); row != nil; row = t.next() {
		if len(row) != len(t.columns) {
			t.wrong(t.at(min(len(row), len(t.columns))-1), "the row has %d cells, the header %d; leave cells empty for what is not given, and quote a cell that contains a separator",
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
			text = strings.TrimSpace(text)
		}
		if text != "" {
			t.fill(&d, c, cell{key: c.name, text: strings.Clone(text), pos: t.at(i)})
		}
	}
	return d
}

func (t *table) fill(d *draft, c column, value cell) {
	if (c.meaning == loginColumn || c.meaning == numberColumn) && rounded.MatchString(value.text) {
		t.wrong(value.pos, "the %s was rounded by a spreadsheet; format the column as text there and export it again", c.name)
	}
	switch c.meaning {
	case loginColumn:
		d.login = value
	case numberColumn:
		d.number = value
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
		t.wrong(value.pos, "the column of this cell has no name; name it in the first row, or empty the cell")
	case ignored:
	}
}
