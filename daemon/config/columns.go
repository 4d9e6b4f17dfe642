package config

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"agentkeeper/daemon/config/strict"
	"agentkeeper/vendors/option"
)

// agentsList is a CSV that a group names, with what its columns are called
// where that differs.
type agentsList struct {
	path    string
	pos     option.Pos
	columns []cell // key: our name; text: what stands in the first row
	ignore  []cell
}

// agentsList decodes agents_file: a path, or a mapping; ok is false where there
// is none.
func (l *loader) agentsList(m *strict.Mapping, g *group) (list agentsList, ok bool) {
	const key = "agents_file"
	list.pos = m.At(key)
	if !m.Has(key) || m.IsText(key) {
		list.path = m.Path(key)
		return list, list.path != ""
	}
	s := m.Section(key)
	if list.path = s.Path("path"); list.path == "" {
		s.Missing("path", "name the CSV")
	}
	list.columns = l.mappedColumns(s.Names("columns"), g)
	for _, n := range s.List("ignore") {
		if c, ok := l.headerCell(s.File, n, "ignore"); ok {
			list.ignore = append(list.ignore, c)
		}
	}
	s.Done(nil)
	return list, list.path != ""
}

// mappedColumns decodes which of our columns has which name in the list.
func (l *loader) mappedColumns(m *strict.Mapping, g *group) (columns []cell) {
	for _, e := range m.Entries {
		name := strict.Target(e.Key).Value
		if !slices.Contains(g.columnNames(), name) {
			if g.place != nil && g.place.known {
				l.Wrong(m.PosOf(e.Key), "agents_file.columns begins with a name that no column has here; write login, number, label, password_file or the name of an option of the vendor, then what stands in the list%s",
					option.DidYouMean(name, g.columnNames()))
			}
			continue
		}
		c, ok := l.headerCell(m.File, e.Value, name)
		switch {
		case !ok:
		case slices.ContainsFunc(columns, func(o cell) bool { return strings.EqualFold(o.text, c.text) }):
			l.Wrong(c.pos, "agents_file.columns.%s is another column's name already; write each once", name)
		default:
			columns = append(columns, c)
		}
	}
	return columns
}

// headerCell reads what stands in the first row of the list.
func (l *loader) headerCell(file string, n *yaml.Node, key string) (cell, bool) {
	value := strict.Target(n)
	c := cell{key: key, text: strings.TrimSpace(value.Value), pos: strict.Position(file, n)}
	if value.Kind != yaml.ScalarNode || c.text == "" {
		l.Wrong(c.pos, "agents_file has something for %s that is no name of a column; write what stands in the first row of the list", key)
		return c, false
	}
	return c, true
}

// column says what the cells below a name of the header are.
type column struct {
	name    string
	meaning meaning
}

type meaning uint8

const (
	unknownColumn meaning = iota // reported once, in the header
	skippedColumn                // as the configuration says
	loginColumn
	numberColumn
	labelColumn
	secretColumn
	optionColumn
	handoverColumn
	unnamedColumn // spreadsheets add some; nothing may stand in them
)

// header reads the columns' names and reports whether rows can be read.
func (t *table) header(names []string) bool {
	if names == nil {
		t.Wrong(option.Pos{File: t.file, Line: 1, Col: 1}, "the file is empty; begin with a header row, for example login,number,password_file")
		return false
	}
	for _, name := range names {
		t.columns = append(t.columns, t.columnOf(unquoted(name)))
	}
	t.checkMapped(names)
	if slices.Contains(t.columns, column{"login", loginColumn}) {
		t.checkColumns()
		return true
	}
	if !t.mapped("login") { // else said already
		t.Wrong(t.at(0), "the first row has no column login; name the columns there, for example login,number,password_file, or say in agents_file: {path, columns: {login: …}} what it is called")
	}
	return false // this may be a row of data, perhaps with secrets: do not repeat it
}

// columnOf finds out what a column is by its name in the list.
func (t *table) columnOf(name string) column {
	isIt := func(c cell) bool { return strings.EqualFold(c.text, name) }
	if i := slices.IndexFunc(t.list.columns, isIt); i >= 0 {
		name = t.list.columns[i].key
		return column{name, t.meaningOf(name)}
	}
	if slices.ContainsFunc(t.list.ignore, isIt) {
		return column{name, skippedColumn}
	}
	name = t.spelled(name)
	if t.mapped(name) {
		return column{name, unknownColumn}
	}
	return column{name, t.meaningOf(name)}
}

// mapped reports whether the configuration says what one of our columns is
// called in the list.
func (t *table) mapped(name string) bool {
	return slices.ContainsFunc(t.list.columns, func(c cell) bool { return c.key == name })
}

// checkMapped tells of names in the configuration that the list does not have.
func (t *table) checkMapped(header []string) {
	has := func(c cell) bool {
		return slices.ContainsFunc(header, func(name string) bool { return strings.EqualFold(unquoted(name), c.text) })
	}
	for _, c := range t.list.columns {
		if !has(c) {
			t.Wrong(c.pos, "agents_file.columns.%s: the first row of %s has no column of this name; write it as it stands there", c.key, t.file)
		}
	}
	for _, c := range t.list.ignore {
		if !has(c) {
			t.Warn(c.pos, "agents_file.ignore: the first row of %s has no column of this name; leave it out", t.file)
		}
	}
}

func (t *table) checkColumns() {
	for i, c := range t.columns {
		switch {
		case c.meaning == unnamedColumn, c.meaning == skippedColumn:
		case c.meaning == unknownColumn:
			if text := t.unknown(i, c.name); text != "" {
				t.Wrong(t.at(i), "%s", text)
			}
		case slices.Contains(t.columns[:i], c):
			t.Wrong(t.at(i), "column %q is written twice; keep one", c.name)
			t.columns[i].meaning = skippedColumn
		}
	}
}

// spelled returns a column's own name for one that differs in case only, which
// no two columns do.
func (t *table) spelled(name string) string {
	for _, known := range t.group.columnNames() {
		if strings.EqualFold(known, name) {
			return known
		}
	}
	return name
}

// columnNames lists the names that a column may have.
func (g *group) columnNames() []string {
	names := slices.Concat([]string{"login", "number", "label"}, secretKeys(), handoverKeys())
	for _, s := range g.specs() {
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
	case name == "label":
		return labelColumn
	case slices.Contains(secretKeys(), name):
		return secretColumn
	case isHandoverKey(name):
		return handoverColumn
	case hasOption(t.group.specs(), name):
		return optionColumn
	}
	return unknownColumn
}

// unknown names a column by its place and not by what stands there: the header
// may have run together with a row, and hold a secret. It says nothing of what
// may be an option of a vendor that is not known.
func (t *table) unknown(i int, name string) string {
	place := fmt.Sprintf("unknown column %d (%s in a spreadsheet)", i+1, letters(i))
	if t.mapped(name) {
		return place + "; agents_file.columns says that another one is meant: list this one in agents_file.ignore"
	}
	if guess := option.DidYouMean(name, t.group.columnNames()); guess != "" {
		return place + guess
	}
	if t.group.place == nil || !t.group.place.known {
		return ""
	}
	return place + "; write login, number, label, password_file or the name of an option of the vendor, or say in agents_file: {path, columns: {number: …}, ignore: […]} what it is"
}

// letters is what spreadsheets call a column: A to Z, then AA.
func letters(i int) string {
	if i < 26 {
		return string(rune('A' + i))
	}
	return letters(i/26-1) + string(rune('A'+i%26))
}
