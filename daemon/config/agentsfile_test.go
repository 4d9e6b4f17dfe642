package config

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"agentkeeper/session"
)

// withCSV is a configuration whose one group takes its agents from bots.csv.
const withCSV = hq + `groups: [{name: g, platform: hq, passwords_dir: d, agents_file: lists/bots.csv}]` + "\n"

func TestAgentsFile(t *testing.T) {
	type row struct {
		Login, Number, Password string
		Options                 decodedOptions
		Line                    int
	}
	usual := decodedOptions{4, 10 * time.Second, []string{"all"}}
	for _, test := range []struct {
		name, csv string
		want      []row
	}{
		{"comma", "login,number\n1,21\n2,22\n", []row{{"1", "21", "dir 1", usual, 2}, {"2", "22", "dir 2", usual, 3}}},
		{"semicolon, byte order mark, CRLF", "\ufefflogin;number\r\n1;21\r\n", []row{{"1", "21", "dir 1", usual, 2}}},
		{"tab, quotes, names in capitals", "Login\tNUMBER\tStatus\r\n\"1\"\t21\t5\r\n", []row{{"1", "21", "dir 1", decodedOptions{5, 10 * time.Second, []string{"all"}}, 2}}},
		{"a spreadsheet's line for the separator", "\ufeffsep=;\r\nlogin;number\r\n1;21\r\n", []row{{"1", "21", "dir 1", usual, 3}}},
		{"columns in any order, spaces", " number , login \n 21 , 1 \n", []row{{"1", "21", "dir 1", usual, 2}}},
		{"empty lines and rows of empty cells", "\nlogin,number\n\n,\n1,21\n , \n", []row{{"1", "21", "dir 1", usual, 5}}},
		{"quoted cells", "\"login\",\"number\"\n\"1\",\"21\"\n", []row{{"1", "21", "dir 1", usual, 2}}},
		{"no final newline", "login,number\n1,21", []row{{"1", "21", "dir 1", usual, 2}}},
		{"no agents", "login,number\n", nil},
		{"columns that a spreadsheet added", "login,number,,\n1,21,,\n", []row{{"1", "21", "dir 1", usual, 2}}},
		{"secrets of every kind", "login,number,password_file,password_env\n1,21,own,\n2,22,,AGENT\n3,23,,\n",
			[]row{{"1", "21", "beside the list", usual, 2}, {"2", "22", "of the environment", usual, 3}, {"3", "23", "dir 3", usual, 4}}},
		{"options, an empty one is the group's", "login,number,status,hold,skills\n1,21,5,,7;8\n2,22,,3s,\n",
			[]row{{"1", "21", "dir 1", decodedOptions{5, 10 * time.Second, []string{"7", "8"}}, 2},
				{"2", "22", "dir 2", decodedOptions{4, 3 * time.Second, []string{"all"}}, 3}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("AGENT", "of the environment")
			c, _ := mustLoad(t, map[string]string{
				main: withCSV, "lists/bots.csv": test.csv, "lists/own": "beside the list\n",
				"d/1": "dir 1", "d/2": "dir 2", "d/3": "dir 3",
			})
			var got []row
			for _, a := range c.Agents {
				got = append(got, row{a.ID.Login, a.Number, a.Password.Reveal(), a.Options.(decodedOptions), a.Pos.Line})
			}
			equal(t, got, test.want)
		})
	}
}

func TestAgentsFileMistakes(t *testing.T) {
	for _, test := range []struct{ name, csv, want string }{
		{"empty", "", "1:1: the file is empty; begin with a header row, for example login,number,password_file"},
		{"no header", "291,40038\n292,40039\n", "1:1: the first row has no column login; name the columns there, for example login,number,password_file, or say in agents_file: {path, columns: {login: …}} what it is called"},
		{"unknown column", "login,numbr,number\n1,1,2\n", `1:7: unknown column 2 (B in a spreadsheet); did you mean "number"?`},
		{"another unknown column", "login,number,hunter2\n1,2,\n", "1:14: unknown column 3 (C in a spreadsheet); write login, number, label, password_file or the name of an option of the vendor, or say in agents_file: {path, columns: {number: …}, ignore: […]} what it is"},
		{"column twice", "login,number,number\n1,2,3\n", `1:14: column "number" is written twice; keep one`},
		{"mode of no credential", "login,number,credential_mode\n1,2,\n2,2,0640\n", "3:5: credential_mode without credential_file; write where the credential goes, or leave it out"},
		{"cell of a column without a name", "login,number,\n1,2,\n2,2,x\n", "3:5: the column of this cell has no name; name it in the first row, or empty the cell"},
		{"too few cells", "login,number,status\n1,2\n", "2:3: the row has 2 cells, the header 3; leave cells empty for what is not given, and quote a cell that contains a separator"},
		{"too many cells", "login,number\n1,2,3\n", "2:3: the row has 3 cells, the header 2; leave cells empty for what is not given, and quote a cell that contains a separator"},
		{"two broken rows", "login,number\na\"b,2\n1,2\n\"c\"d,2\n",
			"2:1: this row is no CSV: bare \" in non-quoted-field; write \"\" for a quote inside a quoted cell and close each quote\n" +
				"4:1: this row is no CSV: extraneous or missing \" in quoted-field; write \"\" for a quote inside a quoted cell and close each quote"},
		{"open quote", "login,number\n\"1,2\n2,2\n",
			"2:1: this row is no CSV: extraneous or missing \" in quoted-field; write \"\" for a quote inside a quoted cell and close each quote"},
		{"of another encoding", "login,number\n1,\xc0\xc1\n", "2:3: a character that is no text; save the file as UTF-8 without control characters, for example by iconv -f CP1251 -t UTF-8"},
		{"of a third encoding", "\xff\xfel\x00o\x00", "1:1: a character that is no text; save the file as UTF-8 without control characters, for example by iconv -f UTF-16 -t UTF-8"},
		{"rounded numbers", "login,number\n1,\"7,49512E+10\"\n", `2:3: the number was rounded by a spreadsheet; format the column as text there and export it again`},
		{"a column in two cases", "login,number,Login\n1,2,3\n", `1:14: column "login" is written twice; keep one`},
		{"no login", "login,number\n,2\n", "2:1: the agent has no login; write login"},
		{"no number", "login,number\n1,\n", `2:1: the agent has no number; write the telephone number to seat it at`},
		{"login twice", "login,number\n1,2\n1,3\n", `3:1: this login appears twice on platform "hq", first at lists/bots.csv:2:1; remove one`},
		{"option's value", "login,number,status\n1,2,idle\n", `2:5: option "status": no whole number`},
		{"option's relation", "login,number,hold\n1,2,5m\n", "2:5: hold is not below the window; lower it"},
		{"inline secret", "login,number,password\n1,2,hunter2\n", "2:5: a password in the file is refused; move it to a file and name it in password_file, or set allow_inline_secrets: true"},
		{"no file", "login,number,password_file\n1,2,none\n", "2:5: password_file lists/none: no such file or directory; create it or correct the path"},
		{"two secrets", "login,number,password_file,password_env\n1,2,a,B\n", "2:7: the agent has 2 sources of its password, password_file and password_env; keep exactly one"},
		{"login leaves the directory", "login,number\n../d/1,2\n", `2:1: this login cannot be the name of a file in passwords_dir; give the agent a password_file`},
		{"no file in the directory", "login,number\n9,2\n", "2:1: passwords_dir d, the file named as this login: no such file or directory; create it or correct the path"},
	} {
		t.Run(test.name, func(t *testing.T) {
			inDir(t, map[string]string{main: withCSV, "lists/bots.csv": test.csv, "d/1": "p", "d/2": "p"})
			_, _, err := load(t)
			var want []string
			for _, line := range strings.Split(test.want, "\n") {
				want = append(want, "lists/bots.csv:"+line)
			}
			equal(t, problemLines(t, err), want)
		})
	}
}

// A login that stands in the list and in the CSV is one mistake at the CSV,
// which names the list.
func TestLoginInListAndCSV(t *testing.T) {
	inDir(t, map[string]string{"d/1": "p", "a.csv": "login,number\n1,2\n", main: hq +
		"groups: [{name: g, platform: hq, passwords_dir: d, agents_file: a.csv, agents: [{login: 1, number: 2}]}]\n"})
	_, _, err := load(t)
	equal(t, problemLines(t, err), []string{
		`a.csv:2:1: this login appears twice on platform "hq", first at agentkeeper.yaml:2:89; remove one`})
}

// Columns may be options of the vendor that a person mistyped: one mistake.
func TestAgentsFileOfUnknownVendor(t *testing.T) {
	inDir(t, map[string]string{"d/1": "p", "a.csv": "login,number,status,autoanswer\n1,2,4,true\n", main: `
platforms: {a: {vendor: huawie, url: "https://h"}}
groups: [{name: g, platform: a, passwords_dir: d, agents_file: a.csv}]
`})
	_, _, err := load(t)
	equal(t, problemLines(t, err), []string{
		`agentkeeper.yaml:2:25: unknown vendor; write one of ecss, huawei; did you mean "huawei"?`})
}

// The same login on two platforms is two agents.
func TestLoginOnTwoPlatforms(t *testing.T) {
	c, _ := mustLoad(t, map[string]string{"d/1": "p", main: `
platforms: {a: {vendor: huawei, url: "https://h"}, b: {vendor: huawei, url: "https://h"}}
groups:
- {name: a, platform: a, passwords_dir: d, agents: [{login: 1, number: 2}]}
- {name: b, platform: b, passwords_dir: d, agents: [{login: 1, number: 2}]}
`})
	var got []session.ID
	for _, a := range c.Agents {
		got = append(got, a.ID)
	}
	equal(t, got, []session.ID{{Platform: "a", Login: "1"}, {Platform: "b", Login: "1"}})
}

// fleet is a CSV of n agents, every one with an option of its own.
func fleet(n int) string {
	var out strings.Builder
	out.WriteString("login,number,password_env,status\n")
	for i := range n {
		fmt.Fprintf(&out, "%d,%d,AGENTS,%d\n", 10000+i, 50000+i, 3+i%3)
	}
	return out.String()
}

func BenchmarkLoad20000(b *testing.B) {
	b.Setenv("AGENTS", "one for all")
	inDir(b, map[string]string{main: withCSV, "lists/bots.csv": fleet(20000), "d/x": ""})
	for b.Loop() {
		c, _, err := load(b)
		if err != nil || len(c.Agents) != 20000 {
			b.Fatal(err)
		}
	}
}

func BenchmarkLoad20000SecretFiles(b *testing.B) {
	files := map[string]string{main: withCSV}
	var list strings.Builder
	list.WriteString("login,number\n")
	for i := range 20000 {
		fmt.Fprintf(&list, "%d,%d\n", 10000+i, 50000+i)
		files[fmt.Sprintf("d/%d", 10000+i)] = "secret\n"
	}
	files["lists/bots.csv"] = list.String()
	inDir(b, files)
	for b.Loop() {
		if _, _, err := load(b); err != nil {
			b.Fatal(err)
		}
	}
}

// A list that another program made: cells as spreadsheets write texts, columns
// of other names, and some that are not for us.
func TestAgentsFileOfAnotherProgram(t *testing.T) {
	const mapped = hq + `groups:
- name: g
  platform: hq
  passwords_dir: d
  agents_file: {path: lists/bots.csv, columns: {login: Табельный, number: телефон, label: ФИО}, ignore: [отдел, "Принят "]}
`
	for _, test := range []struct{ name, config, csv string }{
		{"formulas", withCSV, "login,number,label\n=\"0234\",=\"021\",=\"Иванова, А.\"\n"},
		{"formulas in quotes", withCSV, "login;number;label\n\"=\"\"0234\"\"\";\"=\"\"021\"\"\";\"=\"\"Иванова, А.\"\"\"\n"},
		{"formulas with blanks before", withCSV, "login;number;label\n =\"0234\"; =\"021\"; =\"Иванова, А.\"\n"},
		{"apostrophes", withCSV, "login;number;label\n'0234;'021;'Иванова, А.\n"},
		{"a formula in the header", withCSV, "=\"login\";'number;label\n0234;021;Иванова, А.\n"},
		{"mapped", mapped, "Отдел;Табельный;ТЕЛЕФОН;ФИО;Принят\nпродажи;0234;021;Иванова, А.;2020-01-01\n"},
		{"mapped, in formulas", mapped, "Отдел;=\"Табельный\";ТЕЛЕФОН;ФИО;Принят\nпродажи;=\"0234\";'021;Иванова, А.;=\"x\"\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, warnings := mustLoad(t, map[string]string{main: test.config, "lists/bots.csv": test.csv, "d/0234": "p"})
			equal(t, lines(warnings), []string(nil))
			if len(c.Agents) != 1 {
				t.Fatal(c.Agents)
			}
			a := c.Agents[0]
			equal(t, []string{a.ID.Login, a.Number, a.Label}, []string{"0234", "021", "Иванова, А."})
		})
	}
}

// A formula's sign is nothing within quotes, and no part of a password.
func TestWithoutFormulas(t *testing.T) {
	for text, want := range map[string]string{
		"a,=\"1\"\n":      "a, \"1\"\n",
		"=\"1\";b\n":      " \"1\";b\n",
		"\"x,=\",=\"1\"":  "\"x,=\", \"1\"",
		"a=\"1\",b":       "a=\"1\",b",
		"\"a\n=\"\"1\",b": "\"a\n=\"\"1\",b",
		"a,=1":            "a,=1",
	} {
		comma := ','
		if strings.Contains(text, ";") {
			comma = ';'
		}
		if got := string(withoutFormulas([]byte(text), comma)); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestMappedColumnsMistakes(t *testing.T) {
	for _, test := range []struct{ name, list, csv, want, warned string }{
		{"no such column", "{path: bots.csv, columns: {login: Логин}}", "Табельный,number\n1,2\n",
			"agentkeeper.yaml:2:99: agents_file.columns.login: the first row of bots.csv has no column of this name; write it as it stands there", ""},
		{"not a name of ours", "{path: bots.csv, columns: {numbr: Телефон}}", "login,number\n1,2\n",
			`agentkeeper.yaml:2:92: agents_file.columns begins with a name that no column has here; write login, number, label, password_file or the name of an option of the vendor, then what stands in the list; did you mean "number"?`, ""},
		{"two of one name", "{path: bots.csv, columns: {login: A, number: a}}", "a,number\n1,2\n",
			"agentkeeper.yaml:2:110: agents_file.columns.number is another column's name already; write each once", ""},
		{"our name for another column", "{path: bots.csv, columns: {login: A}}", "A,number,login\n1,2,3\n",
			"bots.csv:1:10: unknown column 3 (C in a spreadsheet); agents_file.columns says that another one is meant: list this one in agents_file.ignore", ""},
		{"no path", "{columns: {login: A}}", "", "agentkeeper.yaml:2:65: agents_file.path is missing; name the CSV", ""},
		{"nothing to ignore", "{path: bots.csv, ignore: [x]}", "login,number\n1,2\n", "",
			"agentkeeper.yaml:2:91: agents_file.ignore: the first row of bots.csv has no column of this name; leave it out"},
		{"a list", "[bots.csv]", "login,number\n1,2\n", "agentkeeper.yaml:2:65: agents_file is a list; write a mapping, key: value", ""},
		{"a long label", "bots.csv", "login,number,label\n1,2," + strings.Repeat("я", 129) + "\n", "bots.csv:2:5: the label is longer than 128 characters; shorten it", ""},
		{"one line for each kind", "bots.csv", "login,number,status\n1,1,x\n2,2,y\n3,3,z\n4,\n5,\n6,1,3,4\n",
			"bots.csv:2:5: option \"status\": no whole number (and 2 more like it: line 3, 4)\n" +
				"bots.csv:5:3: the row has 2 cells, the header 3; leave cells empty for what is not given, and quote a cell that contains a separator (and 2 more like it: line 6, 7)", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			files := map[string]string{main: hq + "groups: [{name: g, platform: hq, passwords_dir: d, agents_file: " + test.list + "}]\n", "bots.csv": test.csv}
			for i := range 9 {
				files[fmt.Sprintf("d/%d", i)] = "p"
			}
			inDir(t, files)
			_, warnings, err := load(t)
			equal(t, strings.Join(problemLines(t, err), "\n"), test.want)
			equal(t, strings.Join(lines(warnings), "\n"), test.warned)
		})
	}
}

// An agentid is a number: a login that is none is told, and goes.
func TestOddLogins(t *testing.T) {
	inDir(t, map[string]string{"d/1": "p", "d/bot 1": "p", "d/x": "p", "bots.csv": "login,number\n1,1\nbot 1,2\nx,3\n",
		main: hq + "groups: [{name: g, platform: hq, passwords_dir: d, agents_file: bots.csv}]\n"})
	c, warnings, err := Load(main)
	if err != nil || len(c.Agents) != 3 {
		t.Fatal(c, err)
	}
	equal(t, lines(warnings), []string{"bots.csv:3:1: the login is no number, which an agentid is: the platform will hardly know it; look whether this is the right column, and whether letters or quotes slipped in (and 1 more like it: line 4)"})
}
