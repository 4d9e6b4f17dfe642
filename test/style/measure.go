package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// What stands out.
const (
	wideStruct   = 20  // fields; above is several values
	longFile     = 500 // lines
	longFunction = 60  // lines
	manyTargets  = 3   // of one assignment; a call that returns as many is none
)

// The kinds of findings.
const (
	kindParallel = "parallel assignment"
	kindMixed    = "|| and && without parentheses"
	kindStruct   = "struct"
	kindFile     = "file"
	kindFunction = "function"
	kindUnsaid   = "exported without a comment"
)

// finding is one place that stands out.
type finding struct {
	kind  string
	where string // file:line
	text  string
	test  bool // in a test's file
}

func (f finding) String() string {
	return fmt.Sprintf("%s: %s: %s", f.where, f.kind, f.text)
}

// measures are those of one checkout.
type measures struct {
	product   int   // lines of Go that ship, or make what ships
	tests     int   // lines of tests, simulators and tools for them
	functions []int // lines of each, of the product
	readme    int64 // bytes
	findings  []finding
}

// measure reads all Go files below root.
func measure(root string) (measures, error) {
	var m measures
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return filepath.SkipDir
		case d.IsDir(), filepath.Ext(path) != ".go":
			return nil
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return m.file(filepath.ToSlash(name), src)
	})
	if err != nil {
		return m, err
	}
	slices.Sort(m.functions)
	readme, err := os.Stat(filepath.Join(root, "README.md"))
	if err != nil {
		return m, err
	}
	m.readme = readme.Size()
	return m, nil
}

// file measures one file of Go.
func (m *measures) file(name string, src []byte) error {
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	r := reader{measures: m, set: set, name: name, test: strings.HasPrefix(name, "test/") || strings.HasSuffix(name, "_test.go")}
	lines := strings.Count(string(src), "\n")
	if r.test {
		m.tests += lines
	} else {
		m.product += lines
	}
	if lines > longFile {
		r.found(kindFile, parsed.Pos(), fmt.Sprintf("%d lines", lines))
	}
	for _, decl := range parsed.Decls {
		r.decl(decl)
	}
	ast.Inspect(parsed, r.node)
	return nil
}

// reader goes through one file.
type reader struct {
	*measures
	set  *token.FileSet
	name string
	test bool
}

func (r reader) found(kind string, at token.Pos, text string) {
	where := fmt.Sprintf("%s:%d", r.name, r.set.Position(at).Line)
	r.findings = append(r.findings, finding{kind: kind, where: where, text: text, test: r.test})
}

// decl measures a declaration at the top of the file.
func (r reader) decl(decl ast.Decl) {
	if r.test {
		return
	}
	switch d := decl.(type) {
	case *ast.FuncDecl:
		lines := r.set.Position(d.End()).Line - r.set.Position(d.Pos()).Line + 1
		r.functions = append(r.functions, lines)
		if lines > longFunction {
			r.found(kindFunction, d.Pos(), fmt.Sprintf("%s has %d lines", d.Name.Name, lines))
		}
		if d.Doc == nil && d.Name.IsExported() && d.Recv == nil {
			r.found(kindUnsaid, d.Pos(), d.Name.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			if t, ok := spec.(*ast.TypeSpec); ok && d.Doc == nil && t.Doc == nil && t.Name.IsExported() {
				r.found(kindUnsaid, t.Pos(), t.Name.Name)
			}
		}
	}
}

// node measures what may stand anywhere.
func (r reader) node(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.AssignStmt:
		if len(n.Lhs) >= manyTargets && len(n.Rhs) == len(n.Lhs) {
			r.found(kindParallel, n.Pos(), fmt.Sprintf("%d targets", len(n.Lhs)))
		}
	case *ast.ValueSpec:
		if len(n.Names) >= manyTargets && len(n.Values) == len(n.Names) {
			r.found(kindParallel, n.Pos(), fmt.Sprintf("%d targets", len(n.Names)))
		}
	case *ast.BinaryExpr:
		if n.Op == token.LOR && (isAnd(n.X) || isAnd(n.Y)) {
			r.found(kindMixed, n.OpPos, "which binds first?")
		}
	case *ast.TypeSpec:
		if s, ok := n.Type.(*ast.StructType); ok && s.Fields.NumFields() > wideStruct {
			r.found(kindStruct, n.Pos(), fmt.Sprintf("%s has %d fields", n.Name.Name, s.Fields.NumFields()))
		}
	}
	return true
}

func isAnd(e ast.Expr) bool {
	b, ok := e.(*ast.BinaryExpr)
	return ok && b.Op == token.LAND
}

// count returns how many findings of a kind there are in the product.
func (m measures) count(kind string) int {
	n := 0
	for _, f := range m.findings {
		if f.kind == kind && !f.test {
			n++
		}
	}
	return n
}

// table returns the rows that are shown.
func (m measures) table() [][2]string {
	number := func(n int) string { return fmt.Sprint(n) }
	at := func(share float64) int { return m.functions[int(share*float64(len(m.functions)-1))] }
	everywhere := func(kind string) string {
		n := len(m.of(kind))
		return fmt.Sprintf("%d, and %d in tests", m.count(kind), n-m.count(kind))
	}
	return [][2]string{
		{"lines of the product", number(m.product)},
		{"lines of tests, simulators and tools", number(m.tests)},
		{"functions of the product", number(len(m.functions))},
		{"their lines: median, p90, max", fmt.Sprintf("%d, %d, %d", at(0.5), at(0.9), at(1))},
		{fmt.Sprintf("functions over %d lines", longFunction), number(m.count(kindFunction))},
		{fmt.Sprintf("structs over %d fields", wideStruct), everywhere(kindStruct)},
		{fmt.Sprintf("files over %d lines", longFile), everywhere(kindFile)},
		{fmt.Sprintf("assignments of %d or more values at once", manyTargets), everywhere(kindParallel)},
		{kindMixed, everywhere(kindMixed)},
		{"exported functions and types without a comment", number(m.count(kindUnsaid))},
		{"README.md, bytes", fmt.Sprint(m.readme)},
	}
}

// of returns the findings of a kind.
func (m measures) of(kind string) []finding {
	var list []finding
	for _, f := range m.findings {
		if f.kind == kind {
			list = append(list, f)
		}
	}
	return list
}
