package config

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"agentkeeper/daemon/config/strict"
	"agentkeeper/vendors"
)

// compiled is a schema that is found good by the schema of schemas.
func compiled(t testing.TB, text string) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource(SchemaName, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(SchemaName)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// plain is a YAML document as an editor hands it to a validator: JSON's types,
// merge keys done, dates as texts.
func plain(t testing.TB, text string) any {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	v, err := plainNode(doc.Content[0])
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jsonschema.UnmarshalJSON(strings.NewReader(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func plainNode(n *yaml.Node) (v any, err error) {
	switch n = strict.Target(n); {
	case n.Kind == yaml.MappingNode:
		var of map[string]yaml.Node
		if err := n.Decode(&of); err != nil {
			return nil, err
		}
		out := map[string]any{}
		for name, value := range of {
			if out[name], err = plainNode(&value); err != nil {
				return nil, err
			}
		}
		return out, nil
	case n.Kind == yaml.SequenceNode:
		out := []any{}
		for _, item := range n.Content {
			v, err := plainNode(item)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		return out, nil
	case n.Tag == "!!timestamp":
		return n.Value, nil
	}
	err = n.Decode(&v)
	return v, err
}

func TestSchemaTakesTheSample(t *testing.T) {
	s := compiled(t, Schema())
	if err := s.Validate(plain(t, Sample())); err != nil {
		t.Error(err)
	}
	// The options, too, when they are not commented out.
	var text strings.Builder
	for line := range strings.Lines(Sample()) {
		head, option, found := strings.Cut(line, "      # ")
		if found && head == "" && strings.Contains(option, ":") && !strings.Contains(option, " x ") && isOption(option) {
			line = "      " + option
		}
		text.WriteString(line)
	}
	if err := s.Validate(plain(t, text.String())); err != nil {
		t.Error(err)
	}
	if strings.Count(text.String(), "      hold: 10s") != 1 {
		t.Error("the options were not uncommented")
	}
}

// isOption reports whether a line is "NAME: value" of an option.
func isOption(line string) bool {
	name, _, _ := strings.Cut(line, ":")
	for _, vendor := range vendors.Table {
		if hasOption(vendor.Options, name) {
			return true
		}
	}
	return false
}

// The schema takes the configurations that the manual shows; ../../test loads them.
func TestSchemaTakesTheManual(t *testing.T) {
	pages := []string{"../../README.md"}
	for _, pattern := range []string{"../docs/*.md", "../../vendors/docs/*.md"} {
		more, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, more...)
	}
	s, shown := compiled(t, Schema()), 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range strings.Split(string(text), "```yaml\n")[1:] {
			block, _, _ = strings.Cut(block, "```")
			if strings.HasPrefix(block, "# web.yml") || strings.HasPrefix(block, "# prometheus.yml") {
				continue
			}
			shown++
			if err := s.Validate(plain(t, block)); err != nil {
				t.Errorf("%s: %v\n%s", page, err, block)
			}
		}
	}
	if shown < 10 {
		t.Errorf("%d configurations in the manual", shown)
	}
}

// Every key and option of the tables is in the schema, and nothing else.
func TestSchemaHasEveryKey(t *testing.T) {
	var root map[string]any
	if err := json.Unmarshal([]byte(Schema()), &root); err != nil {
		t.Fatal(err)
	}
	var known, shown []string
	eachKey(&rootSection, "", func(path string, _ strict.Key) { known = append(known, path) })
	for _, vendor := range vendors.Names() {
		for _, spec := range vendors.Table[vendor].Options {
			known = append(known, "options-"+vendor+"."+spec.Name, "options."+spec.Name)
		}
	}
	defs := root["$defs"].(map[string]any)
	shown = schemaKeys(root, "")
	for name, of := range defs {
		shown = append(shown, schemaKeys(of.(map[string]any), name+".")...)
	}
	slices.Sort(known)
	slices.Sort(shown)
	equal(t, shown, slices.Compact(known))
}

// The schema says of every key when a change acts, as the manual's table does.
func TestSchemaSaysWhenAKeyActs(t *testing.T) {
	var root map[string]any
	if err := json.Unmarshal([]byte(Schema()), &root); err != nil {
		t.Fatal(err)
	}
	restarts := 0
	keys := Keys()
	for i, k := range keys {
		if (i+1 < len(keys) && holds(k, keys[i+1])) || strings.HasSuffix(k.Doc, notYet) || strings.Contains(k.Doc, "The same keys as") {
			continue // holds keys, or is not there yet
		}
		want := actsAtReload
		if k.Restart {
			want, restarts = actsAtRestart, restarts+1
		}
		if got := schemaAt(t, root, k.Path)["description"]; got != k.Doc+want {
			t.Errorf("%s: description %q, want %q", k.Path, got, k.Doc+want)
		}
	}
	if restarts == 0 {
		t.Error("no key acts at a restart")
	}
}

// schemaAt returns the schema of a key by its path, as Keys writes it.
func schemaAt(t *testing.T, s map[string]any, path string) map[string]any {
	t.Helper()
	down := func(name string) {
		inner, ok := s[name].(map[string]any)
		if !ok {
			t.Fatalf("%s: the schema has no %s", path, name)
		}
		s = inner
	}
	for name := range strings.SplitSeq(path, ".") {
		if name == "NAME" {
			down("additionalProperties")
			continue
		}
		name, list := strings.CutSuffix(name, "[]")
		down("properties")
		down(name)
		if list {
			down("items")
		}
	}
	return s
}

// schemaKeys lists the properties of a schema with their paths.
func schemaKeys(s map[string]any, path string) (keys []string) {
	properties, _ := s["properties"].(map[string]any)
	for name, v := range properties {
		of := v.(map[string]any)
		keys = append(keys, path+name)
		keys = append(keys, schemaKeys(of, path+name+".")...)
		if named, ok := of["additionalProperties"].(map[string]any); ok {
			keys = append(keys, schemaKeys(named, path+name+".*.")...)
		}
		if items, ok := of["items"].(map[string]any); ok {
			keys = append(keys, schemaKeys(items, path+name+"[].")...)
		}
	}
	return keys
}

func TestSchemaRefuses(t *testing.T) {
	const agent = "groups: [{name: g, platform: hq, passwords_dir: d, agents: [{login: '1', number: '2'"
	s := compiled(t, Schema())
	for _, text := range []string{
		"[]", "lisen: ':1'", "listen: nowhere", "listen: ''", "stop_timeout: 30", "stop_timeout: 0s", "stop_timeout: soon",
		"log: info", "log: {level: loud}", "per_agent_metrics: maybe", "events: {max_bytes: many}", "events: {max_bytes: 0}",
		"store: {node: x}", "platforms: {hq: {vendor: huawei}}", "platforms: {hq: {url: 'https://h'}}",
		"platforms: {hq: {vendor: huwaei, url: 'https://h'}}", "platforms: {'a b': {" + vendor + "}}",
		"platforms: {hq: {vendor: huawei, url: 'wss://h'}}", "platforms: {hq: {vendor: huawei, url: 'https://h/agentgateway'}}",
		"platforms: {hq: {vendor: huawei, url: 'https://u:p@h'}}", "platforms: {hq: {" + vendor + ", sign_in: {rate: 0}}}",
		"platforms: {hq: {" + vendor + ", sign_in: {concurrent: 1.5}}}", "platforms: {hq: {" + vendor + ", sign_in: {concurrent: 10001}}}", "platforms: {hq: {" + vendor + ", lockout: {failures: 0}}}",
		"platforms: {hq: {" + vendor + ", hold: 4s}}", "platforms: {hq: {" + vendor + ", options: {stats: 4}}}",
		"platforms: {hq: {" + vendor + ", options: {status: 9}}}", "platforms: {hq: {" + vendor + ", options: {status: idle}}}",
		"platforms: {hq: {" + vendor + ", options: {taken: maybe}}}", "platforms: {hq: {" + vendor + ", options: {autoanswer: 2}}}",
		"platforms: {hq: {" + vendor + ", options: {hold: 10}}}", "platforms: {hq: {" + vendor + ", options: {profile: default}}}",
		"platforms: {cc: {vendor: ecss, url: 'wss://h', options: {status: 4}}}", "groups: {name: g}", "groups: [{platform: hq}]",
		"groups: [{name: g, platform: hq, options: {colour: red}}]", "groups: [{name: 'a b', platform: hq}]",
		"groups: [{name: g, platform: hq, schedule: {sign_in: '0 9 * * 1-5'}}]",
		"groups: [{name: g, platform: hq, schedule: {sign_in: '@daily', sign_out: '0 9 * * *'}}]",
		"groups: [{name: g, platform: hq, schedule: {sign_in: [], sign_out: '0 9 * * *'}}]",
		"groups: [{name: g, platform: hq, schedule: {sign_in: ['0 8 * * *', '@daily'], sign_out: '0 9 * * *'}}]",
		"groups: [{name: g, platform: hq, schedule: {sign_in: '0 8 * * *', sign_out: '0 9 * * *', workdays: 2026-12-27}}]",
		"groups: [{name: g, platform: hq, schedule: {sign_in: '0 8 * * *', sign_out: '0 9 * * *', workdays: [2026-12-27: monday]}}]",
		"groups: [{name: g, platform: hq, schedule: {sign_in: '0 8 * * *', sign_out: '0 9 * * *', workdays: [2026-12-27: 8]}}]",
		"groups: [{name: g, platform: hq, schedule: {sign_in: '0 0 9 * * *', sign_out: '0 9 * * *'}}]",
		agent + ", password: x}]}]", agent + ", password_file: a, password_env: B}]}]", agent + ", credential_mode: '0640'}]}]",
		agent + ", credential_file: c, credential_mode: '0999'}]}]", agent + ", options: {hold: [1]}}]}]", agent + ", nummer: 1}]}]",
	} {
		if s.Validate(plain(t, text)) == nil {
			t.Errorf("the schema takes %s", text)
		}
		inDir(t, map[string]string{main: text + "\n", "d/1": "x", "a": "x"})
		if _, _, err := Load(main); err == nil {
			t.Errorf("the decoder takes %s", text)
		}
	}
}

// A platform is offered its vendor's options, not those of others.
func TestSchemaOfAPlatform(t *testing.T) {
	err := compiled(t, Schema()).Validate(plain(t, "platforms: {hq: {"+vendor+", options: {profile: default}}}"))
	if err == nil || strings.Count(err.Error(), "profile") != 1 {
		t.Error(err)
	}
}

func TestSchemaTakes(t *testing.T) {
	s := compiled(t, Schema())
	for _, text := range []string{
		"{}", "log:\nplatforms:\ngroups:\n", "allow_inline_secrets: true\ngroups: [{name: g, platform: hq, agents: [{login: 1, password: x}]}]",
		"platforms: {hq: {" + vendor + ", options: {hold: 0, reset_skills: [1, 2], autoanswer: yes, events: , status: '4'}}}",
		"platforms: {hq: {vendor: huawei, url: 'HTTPS://[::1]:8043/'}}",
		"groups: [{name: g, platform: hq, options: {probe: /x, profile: p}}]",
		"events: {max_bytes: 4096, listen: '', users: [], webhooks: []}\nstore: {nats: {}, node: }",
		"groups: [{name: g, platform: hq, schedule: {sign_in: ['0 8 * * *'], sign_out: ['0 9 * * 1-5', '0 10 * * 7'], workdays: [2026-12-27, w.ics, 2027-01-16: Mon, 2027-01-17: 7, {2027-01-18: fri, 2027-01-19: '2'}]}}]",
		"platforms: {a: &a {" + vendor + "}, b: {<<: *a, window: 1m}}",
	} {
		if err := s.Validate(plain(t, text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}
