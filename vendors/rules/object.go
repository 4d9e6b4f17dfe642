package rules

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxDepth is how deep objects and lists of a body may nest.
const MaxDepth = 32

// maxName is the length of an action's name.
const maxName = 64

// Member is one key of a JSON object with its value, wherever in a body it
// stands.
type Member struct {
	Key    string // in small letters
	Text   string // the value, where it is a string
	IsText bool
	Depth  int // 1 for the body's own members
}

// ErrObject is what ParseObject says of everything that is not one plain object.
var ErrObject = errors.New("not one plain JSON object")

// ParseObject reads a body that must be one JSON object in UTF-8 and returns all
// its members, nested ones included, and the normal form to be sent: each key
// and string decoded once and written again, no white space. It refuses, with
// ErrObject, two keys of an object that differ in no more than capital letters,
// keys with invisible characters or with letters that some servers take for
// ASCII ones, nesting beyond MaxDepth, and anything after the object.
func ParseObject(body []byte) (members []Member, normal []byte, err error) {
	if !utf8.Valid(body) {
		return nil, nil, ErrObject
	}
	o := &object{dec: json.NewDecoder(bytes.NewReader(body))}
	o.dec.UseNumber()
	first, err := o.dec.Token()
	if err != nil || first != json.Delim('{') {
		return nil, nil, ErrObject
	}
	if !o.readMembers(1) {
		return nil, nil, ErrObject
	}
	if _, err := o.dec.Token(); !errors.Is(err, io.EOF) {
		return nil, nil, ErrObject
	}
	return o.all, o.out.Bytes(), nil
}

// object is one body under decode. Its steps report whether it is plain so far.
type object struct {
	dec *json.Decoder
	out bytes.Buffer
	all []Member
}

// readMembers reads the members of an object whose brace was read.
func (o *object) readMembers(depth int) bool {
	o.out.WriteByte('{')
	seen := map[string]bool{}
	for n := 0; o.dec.More(); n++ {
		token, err := o.dec.Token()
		key, isText := token.(string)
		folded := strings.ToLower(key)
		if err != nil || !isText || !plainKey(key) || seen[folded] {
			return false
		}
		seen[folded] = true
		if n > 0 {
			o.out.WriteByte(',')
		}
		o.write(key)
		o.out.WriteByte(':')
		if !o.value(Member{Key: folded, Depth: depth}) {
			return false
		}
	}
	_, err := o.dec.Token() // the brace that ends it
	o.out.WriteByte('}')
	return err == nil
}

// value reads one value. m is the member whose value it is, or the zero Member
// for one in a list.
func (o *object) value(m Member) bool {
	depth := m.Depth
	token, err := o.dec.Token()
	if err != nil || depth > MaxDepth {
		return false
	}
	switch v := token.(type) {
	case json.Delim:
		o.note(m)
		if v == '{' {
			return o.readMembers(depth + 1)
		}
		return o.list(depth + 1)
	case string:
		m.Text, m.IsText = v, true
		o.note(m)
		o.write(v)
	default:
		o.note(m)
		o.write(v)
	}
	return true
}

func (o *object) list(depth int) bool {
	o.out.WriteByte('[')
	for n := 0; o.dec.More(); n++ {
		if n > 0 {
			o.out.WriteByte(',')
		}
		if !o.value(Member{Depth: depth}) {
			return false
		}
	}
	_, err := o.dec.Token()
	o.out.WriteByte(']')
	return err == nil
}

// note keeps a member; an element of a list has no key.
func (o *object) note(m Member) {
	if m.Key != "" {
		o.all = append(o.all, m)
	}
}

// write writes a string, a number, a truth value or null.
func (o *object) write(v any) {
	enc := json.NewEncoder(&o.out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v)               // what a decoder gave can be encoded
	o.out.Truncate(o.out.Len() - 1) // the encoder ends with a newline
}

// plainKey refuses what nobody sees, blanks at the ends, and letters of other
// alphabets whose capital or small form is an ASCII letter.
func plainKey(key string) bool {
	return key != "" && printable(key) && strings.TrimSpace(key) == key && !strings.ContainsFunc(key, looksASCII)
}

// looksASCII reports letters beyond ASCII that a comparison without regard to
// case takes for ASCII ones, for example the long s and the dotless i.
func looksASCII(c rune) bool {
	if c < utf8.RuneSelf {
		return false
	}
	if unicode.ToLower(c) < utf8.RuneSelf || unicode.ToUpper(c) < utf8.RuneSelf {
		return true
	}
	for other := unicode.SimpleFold(c); other != c; other = unicode.SimpleFold(other) {
		if other < utf8.RuneSelf {
			return true
		}
	}
	return false
}

// PlainName reports whether the name of an action is one that every server
// reads alike: up to 64 ASCII letters, digits, "_", "-", "." and, between
// others, "/".
func PlainName(name string) bool {
	if name == "" || len(name) > maxName {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || IsDots(part) || strings.ContainsFunc(part, func(c rune) bool { return !isWord(c) && !strings.ContainsRune("_-.", c) }) {
			return false
		}
	}
	return true
}

// Words returns a text as the names of actions are compared: letters and digits
// alone, in small letters. What a server may drop or read as a blank is gone.
func Words(text string) string {
	return strings.Map(func(c rune) rune {
		if isWord(c) {
			return unicode.ToLower(c)
		}
		return -1
	}, text)
}
