package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"agentkeeper/daemon/config/strict"
	"agentkeeper/daemon/shift"
	"agentkeeper/vendors"
	"agentkeeper/vendors/option"
)

// SchemaName is the file that the reference configuration's modeline names.
const SchemaName = "agentkeeper.schema.json"

// Schema returns the JSON Schema (2020-12) of the configuration, made of the
// tables that the decoder uses. What it refuses the decoder refuses too, apart
// from an empty value where one of a few words belongs; relations between
// values and the files that are named are the decoder's alone.
func Schema() string { return schemaOf(vendors.Table) }

// schema is one JSON Schema.
type schema = map[string]any

func schemaOf(table map[string]vendors.Vendor) string {
	w := schemaWriter{table: table, names: slices.Sorted(maps.Keys(table))}
	root := w.section(&rootSection)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "agentkeeper configuration"
	root["$defs"] = w.definitions()
	root["allOf"] = []schema{w.inlineRule()}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(root); err != nil {
		panic(err) // maps, lists, texts and numbers only
	}
	return out.String()
}

// schemaWriter makes a schema for one table of vendors.
type schemaWriter struct {
	table   map[string]vendors.Vendor
	names   []string
	restart bool // a change within the present section acts at a restart
}

// section is the schema of a mapping.
func (w schemaWriter) section(s *strict.Section) schema {
	properties, required := schema{}, []string{}
	for _, k := range s.Keys {
		properties[k.Name] = w.key(k)
		if k.Must {
			required = append(required, k.Name)
		}
	}
	out := schema{"type": []string{"object", "null"}, "description": s.Doc, "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		out["type"], out["required"] = "object", required
	}
	switch s {
	case &platformSection: // whose vendor tells which options there are
		options, _ := s.Key("options")
		properties["options"] = schema{"type": []string{"object", "null"}, "description": options.Doc + w.acts()}
		out["allOf"] = w.vendorRules()
	case &agentSection:
		out["allOf"], out["dependentRequired"] = oneSecret(), schema{
			keyCredentialMode: []string{keyCredentialFile}, keyCredentialGroup: []string{keyCredentialFile},
		}
	}
	return out
}

// key is the schema of a key's value. Its description ends with when a change of
// the key acts, as the manual's table of keys says.
func (w schemaWriter) key(k strict.Key) schema {
	w.restart = w.restart || k.Restart
	out := w.value(k)
	if k.Doc != "" {
		out["description"] = k.Doc
	}
	if k.Of == nil {
		out["description"] = k.Doc + w.acts()
	}
	if k.Later {
		out = schema{"description": k.Doc + " Not supported by this version.", "enum": []any{nil, "", []any{}, schema{}}}
	}
	if k.Fallback != "" {
		out["default"] = defaultOf(out, k.Fallback)
	}
	if !k.Must {
		orNull(out)
	}
	return out
}

// The sentences that say when a change of a key acts.
const (
	actsAtReload  = " A change acts at a reload."
	actsAtRestart = " A change acts at a restart."
)

func (w schemaWriter) acts() string {
	if w.restart {
		return actsAtRestart
	}
	return actsAtReload
}

// orNull allows null, which is left out.
func orNull(of schema) {
	if kinds, ok := of["type"].([]string); ok && !slices.Contains(kinds, "null") {
		of["type"] = append(slices.Clip(kinds), "null")
	}
	if words, ok := of["enum"].([]string); ok {
		list := make([]any, len(words), len(words)+1)
		for i, word := range words {
			list[i] = word
		}
		of["enum"] = append(list, nil)
	}
}

// Patterns of texts. Lookahead and flags are not in every implementation.
const (
	durationPattern = `^\+?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+$`
	positivePattern = `[1-9]`
	sizePattern     = `^[0-9.]*[1-9][0-9.]* *(KiB|MiB|GiB|TiB|kB|KB|MB|GB|TB|B)?$`
	cronPattern     = `^\s*([^\s@=]+\s+){4}[^\s@=]+\s*$`
	addressPattern  = `^[^\s/@]*:[0-9]{1,5}$`
	namePattern     = `^[A-Za-z0-9._-]{1,128}$`
	wholePattern    = `^\+?[0-9]*[1-9][0-9]*$`
)

// anyCase is a pattern of these words in whatever case.
func anyCase(words ...string) string {
	var out strings.Builder
	for i, word := range words {
		if i > 0 {
			out.WriteByte('|')
		}
		for _, c := range strings.ToLower(word) {
			fmt.Fprintf(&out, "[%c%c]", c-'a'+'A', c)
		}
	}
	return "(" + out.String() + ")"
}

// scalar lists the types that a single value may have: the decoder takes its
// text as written.
func scalar() []string { return []string{"string", "number", "boolean"} }

func texts(pattern string) schema {
	return schema{"type": []string{"string"}, "pattern": pattern}
}

// value is the schema of a value of the key's kind.
func (w schemaWriter) value(k strict.Key) schema {
	switch k.Kind {
	case kindChoice:
		return schema{"enum": k.Choices}
	case kindVendor:
		return schema{"enum": w.names}
	case kindChoices:
		return schema{"type": []string{"array"}, "items": schema{"enum": k.Choices}, "uniqueItems": true}
	case kindDays, kindTexts:
		return schema{"type": []string{"array"}, "items": schema{"type": scalar()}}
	case kindWorkdays:
		return schema{"type": []string{"array"}, "items": schema{"type": append(scalar(), "object"), "additionalProperties": weekdays()}}
	case kindCrons:
		one := schema{"type": []string{"string"}, "pattern": cronPattern}
		return schema{"type": []string{"string", "array"}, "pattern": cronPattern, "items": one, "minItems": 1, "maxItems": shift.MaxSpecs,
			"examples": []any{"0 9 * * 1-5", "0 18 * * 1-5", []string{"0 9 * * 1-5", "0 10 * * 6"}}}
	case kindOptions:
		return schema{"$ref": "#/$defs/options"}
	case kindSection, kindNamed, kindList:
		return w.holder(k)
	case kindFileOrList:
		out := w.section(k.Of) // what it says of keys is about a mapping only
		out["type"] = append(scalar(), "object")
		return out
	case kindColumns:
		return schema{"type": []string{"object"}, "additionalProperties": schema{"type": scalar()}}
	case kindFlag, kindCount, kindRate, kindDuration, kindSpan, kindSize, kindMode:
		return quantity(k)
	default:
		return text(k.Kind)
	}
}

// weekdays is the schema of one weekday.
func weekdays() schema {
	names := anyCase("mon", "tue", "wed", "thu", "fri", "sat", "sun")
	return schema{"type": []string{"string", "integer"}, "pattern": "^(" + names + "|[0-7])$", "minimum": 0, "maximum": 7}
}

// text is the schema of a text of the kind.
func text(of strict.Kind) schema {
	switch of {
	case kindFilled:
		return schema{"type": scalar(), "minLength": 1}
	case kindName:
		return schema{"type": scalar(), "pattern": namePattern}
	case kindAddress:
		return texts(addressPattern)
	default:
		return schema{"type": scalar()}
	}
}

// quantity is the schema of a number or a quantity, whose first type is what an
// editor should write.
func quantity(k strict.Key) schema {
	switch k.Kind {
	case kindFlag:
		return schema{"type": []string{"boolean", "string"}, "pattern": "^" + anyCase("true", "false") + "$"}
	case kindCount:
		return schema{"type": []string{"integer", "string"}, "minimum": 1, "maximum": k.Most, "pattern": wholePattern}
	case kindRate:
		return schema{"type": []string{"number", "string"}, "exclusiveMinimum": 0, "maximum": 1e6, "pattern": positivePattern}
	case kindDuration:
		return schema{"type": []string{"string"}, "pattern": durationPattern, "allOf": []schema{{"pattern": positivePattern}},
			"examples": []string{"500ms", "30s", "1m30s", "2h"}}
	case kindSpan:
		return schema{"type": []string{"string", "integer"}, "pattern": fmt.Sprintf("%s|^0$", durationPattern), "minimum": 0, "maximum": 0, "examples": []string{"0s", "30s", "1m30s"}}
	case kindSize:
		return schema{"type": []string{"string", "number"}, "pattern": sizePattern, "minimum": 1, "examples": []string{"512MiB", "1GiB"}}
	default:
		return schema{"type": []string{"string", "integer"}, "pattern": "^[0-7]{3,4}$"} // kindMode
	}
}

// holder is the schema of a key that holds mappings.
func (w schemaWriter) holder(k strict.Key) schema {
	if k.Of == nil {
		return schema{}
	}
	inner := w.section(k.Of)
	switch k.Kind {
	case kindNamed:
		return schema{"type": []string{"object"}, "additionalProperties": inner, "propertyNames": schema{"pattern": namePattern}}
	case kindList:
		return schema{"type": []string{"array"}, "items": inner}
	default:
		return inner
	}
}

// defaultOf is a default as the first type of its schema.
func defaultOf(of schema, text string) any {
	kinds, _ := of["type"].([]string)
	if len(kinds) == 0 {
		return text
	}
	switch kinds[0] {
	case "boolean":
		return text == "true"
	case "array":
		return strings.Split(text, ", ")
	case "integer", "number":
		if n, err := strconv.ParseFloat(text, 64); err == nil {
			return n
		}
	}
	return text
}

// definitions are the options of each vendor and, for groups and agents, whose
// platform stands elsewhere, those of all of them.
func (w schemaWriter) definitions() schema {
	defs, all := schema{}, map[string][]schema{}
	for _, vendor := range w.names {
		properties := schema{}
		for _, spec := range w.table[vendor].Options {
			of := optionSchema(spec)
			properties[spec.Name] = of
			all[spec.Name] = append(all[spec.Name], of)
		}
		defs["options-"+vendor] = optionsSchema("Options of "+w.table[vendor].Title+".", properties)
	}
	properties := schema{}
	for name, of := range all {
		if properties[name] = of[0]; len(of) > 1 {
			properties[name] = schema{"anyOf": of}
		}
	}
	defs["options"] = optionsSchema("The vendor's options.", properties)
	return defs
}

func optionsSchema(doc string, properties schema) schema {
	return schema{"type": []string{"object", "null"}, "description": doc, "properties": properties, "additionalProperties": false}
}

// optionSchema is the schema of one option, whose words are checked with case
// and whose numbers may be quoted.
func optionSchema(spec option.Spec) schema {
	out := optionValue(spec)
	out["description"] = spec.Text()
	if spec.Default != "" {
		out["default"] = defaultOf(out, spec.Default)
	}
	orNull(out)
	return out
}

func optionValue(spec option.Spec) schema {
	switch spec.Kind {
	case option.Int:
		out := schema{"type": []string{"integer", "string"}, "pattern": `^[+-]?[0-9]+$`}
		if spec.Max > spec.Min {
			out["minimum"], out["maximum"] = spec.Min, spec.Max
		}
		return out
	case option.Bool:
		return schema{"type": []string{"boolean", "string", "integer"}, "pattern": "^(0|1|" + anyCase("true", "false", "yes", "no", "on", "off") + ")$", "minimum": 0, "maximum": 1}
	case option.Duration:
		return optionDuration(spec)
	case option.List:
		return schema{"type": append(scalar(), "array"), "items": schema{"type": append(scalar(), "null")}}
	case option.String:
		if len(spec.Enum) > 0 {
			return schema{"enum": spec.Enum}
		}
	}
	out := schema{"type": scalar()}
	if spec.MaxLen > 0 {
		out["maxLength"] = spec.MaxLen
	}
	return out
}

// optionDuration allows the number 0, where zero is allowed, without a unit.
func optionDuration(spec option.Spec) schema {
	if spec.Max > spec.Min && spec.Min > 0 {
		return texts(durationPattern)
	}
	return schema{"type": []string{"string", "integer"}, "pattern": fmt.Sprintf("%s|^0$", durationPattern), "minimum": 0, "maximum": 0}
}

// vendorRules tie a platform's options and address to its vendor.
func (w schemaWriter) vendorRules() (rules []schema) {
	for _, vendor := range w.names {
		rules = append(rules, schema{
			"if": schema{"properties": schema{"vendor": schema{"const": vendor}}, "required": []string{"vendor"}},
			"then": schema{"properties": schema{
				"options": schema{"$ref": "#/$defs/options-" + vendor},
				"url":     schema{"pattern": "^" + anyCase(w.table[vendor].Schemes...) + "://[^/@?#]+/?$"},
			}},
		})
	}
	return rules
}

// given is a key that is there and not empty.
func given(names ...string) schema {
	properties := schema{}
	for _, name := range names {
		properties[name] = schema{"type": scalar(), "minLength": 1}
	}
	return schema{"properties": properties, "required": names}
}

// oneSecret refuses two sources of one password.
func oneSecret() (rules []schema) {
	keys := secretKeys()
	for i, a := range keys {
		for _, b := range keys[i+1:] {
			rules = append(rules, schema{"not": given(a, b)})
		}
	}
	return rules
}

// inlineRule refuses passwords in the file unless they are allowed.
func (w schemaWriter) inlineRule() schema {
	inList := func(key string, of schema) schema { return schema{"properties": schema{key: schema{"items": of}}} }
	return schema{
		"if": schema{
			"properties": schema{"allow_inline_secrets": schema{"enum": []any{true, "true", "True", "TRUE"}}},
			"required":   []string{"allow_inline_secrets"},
		},
		"else": inList("groups", inList("agents", schema{"not": given(keyInline)})),
	}
}
