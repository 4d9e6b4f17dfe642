package config

import (
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"agentkeeper/daemon/config/strict"
	"agentkeeper/vendors/option"
)

func TestSample(t *testing.T) {
	inDir(t, map[string]string{main: Sample(), "bots.csv": "login,number\n293,40040\n",
		"secrets/hq/291": "x", "secrets/hq/293": "x", "secrets/292": "x", "secrets/cc/operator1": "x", "holidays.txt": "2027-01-01\n",
		"secrets/config/101": "x", "secrets/runtel/bot@example.ru": "x", "secrets/edna/integrator": "x"})
	c, warnings, err := Load(main)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, lines(warnings), []string(nil))
	if len(c.Agents) != 7 {
		t.Errorf("%d agents, want 7", len(c.Agents))
	}
}

// The sample shows the defaults: without it everything is the same.
func TestSampleShowsDefaults(t *testing.T) {
	inDir(t, map[string]string{main: Sample(), "bare": "platforms: {hq: {vendor: huawei, url: 'https://10.0.0.5:8043'}}\n",
		"bots.csv": "login,number\n", "secrets/hq/291": "x", "secrets/292": "x", "secrets/cc/operator1": "x", "holidays.txt": "2027-01-01\n",
		"secrets/config/101": "x", "secrets/runtel/bot@example.ru": "x", "secrets/edna/integrator": "x"})
	shown, _, err := Load(main)
	if err != nil {
		t.Fatal(err)
	}
	bare, _, err := Load("bare")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*Config{shown, bare} {
		c.Path = ""
		c.Agents = nil
		c.Groups = nil
		c.Days = nil
		c.Platforms = c.Platforms[:1]
		c.Platforms[0].Pos, c.Platforms[0].Options = option.Pos{}, nil
	}
	equal(t, shown, bare)
}

// Every key of the table stands in the sample, in its place, or commented out:
// so do those of a later version and those that go not with others.
func TestSampleHasEveryKey(t *testing.T) {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(Sample()), &doc); err != nil {
		t.Fatal(err)
	}
	written := map[string]bool{}
	keysIn(doc.Content[0], &rootSection, "", written)
	eachKey(&rootSection, "", func(path string, k strict.Key) {
		commented := regexp.MustCompile(`# +(- )?` + k.Name + ":") // of a list perhaps, and indented
		if !written[path] && !commented.MatchString(Sample()) {
			t.Errorf("%s is not in the sample", path)
		}
	})
}

// keysIn notes the paths of the keys in a document, as eachKey gives them.
func keysIn(n *yaml.Node, s *strict.Section, path string, written map[string]bool) {
	for i := 0; i+1 < len(n.Content) && s != nil; i += 2 {
		name, value := n.Content[i].Value, n.Content[i+1]
		k, _ := s.Key(name)
		written[path+name] = true
		switch k.Kind {
		case kindNamed:
			for j := 1; j < len(value.Content); j += 2 {
				keysIn(value.Content[j], k.Of, path+name+".*.", written)
			}
		case kindList:
			for _, item := range value.Content {
				keysIn(item, k.Of, path+name+"[].", written)
			}
		default:
			keysIn(value, k.Of, path+name+".", written)
		}
	}
}

// Every option of the vendors' tables stands in the sample.
func TestSampleOptions(t *testing.T) {
	for name, vendor := range newLoader(main, nil).rules.vendors {
		for _, spec := range vendor.Options {
			if !strings.Contains(Sample(), "# "+spec.Name+":") {
				t.Errorf("option %s of %s is not in the sample", spec.Name, name)
			}
		}
	}
}
