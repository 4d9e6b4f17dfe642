package strict

import (
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// Scalar returns the key's text as written, whatever YAML takes it for.
func (m *Mapping) Scalar(key string) (string, bool) {
	_ = m.spec(key)
	n := m.Get(key)
	if n == nil {
		return "", false
	}
	if n.Kind != yaml.ScalarNode {
		m.Wrong(key, "is %s; write a single value", KindOf(n))
		return "", false
	}
	return n.Value, true
}

// Text is any single value, the table's fallback where there is none.
func (m *Mapping) Text(key string) string {
	if text, ok := m.Scalar(key); ok {
		return text
	}
	return m.spec(key).Fallback
}

// Filled is a text that must not be empty.
func (m *Mapping) Filled(key string) string {
	text := m.Text(key)
	if text == "" {
		m.Wrong(key, "must not be empty; leave it out for %s", m.spec(key).Fallback)
	}
	return text
}

// Path is a text taken relative to the file's directory; "" stays "".
func (m *Mapping) Path(key string) string {
	return RelativeTo(m.File, m.Text(key))
}

// Choice is one of the key's choices.
func (m *Mapping) Choice(key string) string {
	text, k := m.Text(key), m.spec(key)
	if !slices.Contains(k.Choices, text) {
		m.Wrong(key, "is none of its values; write one of %s", strings.Join(k.Choices, ", "))
		return k.Fallback
	}
	return text
}

// Flag is true or false, in whatever case.
func (m *Mapping) Flag(key string) bool {
	switch strings.ToLower(m.Text(key)) {
	case "true":
		return true
	case "false":
	default:
		m.Wrong(key, "is neither true nor false; write one of them")
	}
	return false
}

// Count is a whole number above zero, up to the key's most.
func (m *Mapping) Count(key string) int {
	k := m.spec(key)
	fallback, _ := strconv.Atoi(k.Fallback)
	n, err := strconv.Atoi(m.Text(key))
	switch {
	case n > k.Most:
		m.Wrong(key, "is too large; write %d or less, or leave it out for %d", k.Most, fallback)
		return fallback
	case err != nil || n < 1:
		m.Wrong(key, "is no whole number above 0; write one, for example 3")
		return fallback
	}
	return n
}

// Rate is a number above zero, fractions allowed.
func (m *Mapping) Rate(key string) float64 {
	fallback, _ := strconv.ParseFloat(m.spec(key).Fallback, 64)
	text := m.Text(key)
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(n > 0) || n > 1e6 {
		m.Wrong(key, "is no number above 0; write one, for example %v", fallback)
		return fallback
	}
	return n
}

// Duration is Go's, above zero.
func (m *Mapping) Duration(key string) time.Duration {
	fallback, _ := time.ParseDuration(m.spec(key).Fallback)
	return m.DurationOr(key, fallback)
}

// DurationOr is a duration whose fallback depends on more than the table.
func (m *Mapping) DurationOr(key string, fallback time.Duration) time.Duration {
	text, ok := m.Scalar(key)
	if !ok {
		return fallback
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		m.Wrong(key, "is no duration; write for example 500ms, 30s or 1m30s")
		return fallback
	}
	if d <= 0 {
		m.Wrong(key, "is not above 0; write a duration such as 30s")
		return fallback
	}
	return d
}

// Size is a number of bytes above zero.
func (m *Mapping) Size(key string) int64 {
	fallback, _ := ParseSize(m.spec(key).Fallback)
	text := m.Text(key)
	n, ok := ParseSize(text)
	if !ok {
		m.Wrong(key, "is no size; write for example 512MiB or 1GiB")
		return fallback
	}
	return n
}

// RelativeTo resolves path against the directory of the file that names it.
func RelativeTo(file, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(file), path)
}

// sizeUnits are the suffixes of a size, longest first.
var sizeUnits = [...]struct {
	suffix string
	bytes  int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
}

// ParseSize reads a number of bytes above zero: 1GiB, 1.5 GB, 4096.
func ParseSize(text string) (int64, bool) {
	number, unit := text, int64(1)
	for _, u := range sizeUnits {
		if rest, ok := strings.CutSuffix(text, u.suffix); ok {
			number, unit = strings.TrimRight(rest, " "), u.bytes
			break
		}
	}
	n, err := strconv.ParseFloat(number, 64)
	bytes := n * float64(unit)
	if err != nil || !(bytes >= 1) || bytes >= math.MaxInt64 || strings.Trim(number, "0123456789.") != "" {
		return 0, false
	}
	return int64(bytes), true
}

// IsName reports whether text is a plain word: letters, digits, -, _ and ., of
// which names of things are made that become part of addresses and labels.
func IsName(text string) bool {
	return text != "" && text != "." && text != ".." && len(text) <= NameLimit && !strings.ContainsFunc(text, func(c rune) bool {
		return c > unicode.MaxASCII || (!unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("-_.", c))
	})
}

// NameLimit is the longest name, in bytes.
const NameLimit = 128
