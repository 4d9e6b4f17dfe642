package config

import (
	"fmt"
	"strings"
	"testing"
)

// The secret of these tests, in the shapes that break files.
func leakySecrets() []string {
	return []string{"hunter2hunter2", "hun,ter2zebra", "hun:ter2zebra", "hun: ter2zebra", "hun#ter2zebra", "hun ter2zebra",
		"*hunter2zebra", "&hunter2zebra", "!hunter2zebra", "%hunter2zebra", "@hunter2zebra", "{hunter2zebra", "[hunter2zebra", "|hunter2zebra", "hunter2\"zebras"}
}

// leaks reports whether text repeats a good part of secret.
func leaks(text, secret string) bool {
	for _, part := range strings.FieldsFunc(secret, func(c rune) bool { return strings.ContainsRune(", :#\"*&!%@{[|", c) }) {
		if len(part) > 5 && strings.Contains(text, part) {
			return true
		}
	}
	return false
}

// edits are text and every text that one deleted or inserted character makes
// of it.
func edits(text string) []string {
	all := []string{text}
	for i := range len(text) {
		all = append(all, text[:i]+text[i+1:])
		for _, c := range []string{",", ":", " ", "\n", "\"", "'", "{", "}", "-", "#", ": ", ";"} {
			all = append(all, text[:i]+c+text[i:])
		}
	}
	return all
}

// sayings decodes a main file and returns all that Load would say.
func sayings(text string) string {
	l := newLoader(main, []Option{WithVendors(testVendors())})
	l.decode(main, []byte(text))
	return Problems(append(l.Problems, l.Warnings...)).Error()
}

// However one slip of the finger breaks a file with passwords in it, no
// message repeats one.
func TestNoMistakeTellsASecret(t *testing.T) {
	inDir(t, map[string]string{"d/1": "x"})
	for i, secret := range leakySecrets() {
		for _, quote := range []string{"", `"`} {
			for _, agent := range []string{"{login: 1, number: 2, password: @}", "{password: @, login: 1}"} {
				variants := edits(strings.ReplaceAll(agent, "@", quote+secret+quote))
				if i > 5 {
					variants = variants[:1] // the secret alone breaks the file
				}
				for _, edit := range variants {
					got := sayings(hq + "groups:\n- name: g\n  platform: hq\n  agents:\n  - " + edit + "\n")
					if leaks(got, secret) {
						t.Fatalf("the secret of\n%s\nis told by\n%s", edit, got)
					}
				}
			}
		}
	}
}

func TestNoMistakeInACSVTellsASecret(t *testing.T) {
	for _, secret := range leakySecrets() {
		for _, edit := range edits("login,number,password\n1,2," + secret + "\n") {
			l := newLoader(main, []Option{WithVendors(testVendors())})
			l.readAgents(&group{}, agentsList{path: "lists/bots.csv"}, []byte(edit))
			if got := Problems(l.Problems).Error(); leaks(got, secret) {
				t.Fatalf("the secret of\n%s\nis told by\n%s", edit, got)
			}
		}
	}
}

// Printing the configuration prints no secret.
func TestPrintedConfiguration(t *testing.T) {
	t.Setenv("AGENT", "hunter2env")
	c, _ := mustLoad(t, map[string]string{"pw": "hunter2file", main: hq + "allow_inline_secrets: true\ngroups:\n- name: g\n  platform: hq\n  agents:\n" +
		"  - {login: 1, number: 1, password_file: pw}\n  - {login: 2, number: 1, password: hunter2inline}\n  - {login: 3, number: 1, password_env: AGENT}\n"})
	for _, a := range c.Agents {
		for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
			if got := fmt.Sprintf(format, a); strings.Contains(got, "hunter2") {
				t.Errorf("%s prints %s", format, got)
			}
		}
	}
}
