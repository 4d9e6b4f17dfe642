package config

import (
	"fmt"
	"net/url"
	"strings"

	"go.yaml.in/yaml/v3"
)

// hidden stands for what Redacted takes out.
const hidden = "***"

// Redacted returns a configuration without what must not leave its machine:
// secrets, comments, and of every URL what stands behind its host, where keys of
// receivers stand. Names of files stay. The text need not be a valid
// configuration, but YAML; what cannot be read is an error, and never repeated.
func Redacted(text []byte) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("the configuration is no YAML, so its secrets cannot be found and taken out")
	}
	redact(&doc)
	return yaml.Marshal(&doc)
}

func redact(n *yaml.Node) {
	n.HeadComment = ""
	n.LineComment = ""
	n.FootComment = ""
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if secretKey(n.Content[i].Value) {
				n.Content[i+1] = &yaml.Node{Kind: yaml.ScalarNode, Value: hidden}
			}
		}
	case yaml.ScalarNode:
		n.Value = withoutPath(n.Value)
	}
	for _, child := range n.Content {
		redact(child)
	}
}

// secretKey reports whether a key's value may be a secret itself, and not where
// one is found.
func secretKey(key string) bool {
	key = strings.ToLower(key)
	for _, where := range []string{"_file", "_dir", "_env", "_credential", "allow_inline_secrets", "token_in"} {
		if strings.HasSuffix(key, where) {
			return false
		}
	}
	for _, word := range []string{"password", "passwd", "secret", "token", "key", "auth", "cookie"} {
		if strings.Contains(key, word) {
			return true
		}
	}
	return false
}

// withoutPath takes from a URL all but its scheme and host.
func withoutPath(text string) string {
	if !strings.Contains(text, "://") {
		return text
	}
	u, err := url.Parse(text)
	if err != nil {
		return hidden
	}
	out := u.Scheme + "://" + u.Host
	if u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		out += "/" + hidden
	}
	return out
}
