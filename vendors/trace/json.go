package trace

import (
	"bytes"
	"encoding/json"
	"strings"

	"agentkeeper/session"
)

// level is an object or an array that is open.
type level struct {
	object bool
	name   string // of the member that is being read
	inName bool   // the next string is a name
	secret bool   // all in it is
	id     bool   // its values are ids
}

// cleaner hides the secrets in a JSON text, token by token, and leaves all else
// as it was written: blanks, the order of members, and what is wrong with it.
type cleaner struct {
	secrets *secrets
	levels  []level
	out     strings.Builder
}

// json hides the secrets in a body that begins as JSON does. It reads no further
// than limit bytes of output need; what is no JSON any more is read as text.
func (s *secrets) json(body []byte, limit int) string {
	c := &cleaner{secrets: s}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	at := 0
	for c.out.Len() < limit {
		token, err := decoder.Token()
		if err != nil {
			c.rest(body[min(at, len(body)):])
			break
		}
		end := int(decoder.InputOffset())
		c.token(token, string(body[at:end]))
		at = end
	}
	return s.hide(c.out.String())
}

// token takes one token; piece is it as written, with what stands before.
func (c *cleaner) token(token json.Token, piece string) {
	lead := len(piece) - len(strings.TrimLeft(piece, " \t\r\n,:"))
	c.out.WriteString(piece[:lead])
	piece = piece[lead:]
	top := c.top()
	switch t := token.(type) {
	case json.Delim:
		c.out.WriteString(piece)
		c.nest(t, top)
		return
	case string:
		if top.object && top.inName {
			top.name, top.inName = t, false
			c.out.WriteString(c.secrets.hide(piece))
			return
		}
		c.out.WriteString(c.text(t, piece, top))
	default:
		c.out.WriteString(c.scalar(piece, top))
	}
	top.inName = true
}

// top is the innermost level; outside of all it is one of its own.
func (c *cleaner) top() *level {
	if len(c.levels) == 0 {
		c.levels = append(c.levels, level{})
	}
	return &c.levels[len(c.levels)-1]
}

func (c *cleaner) nest(d json.Delim, top *level) {
	if d == '}' || d == ']' {
		c.levels = c.levels[:len(c.levels)-1]
		c.top().inName = true
		return
	}
	c.levels = append(c.levels, level{object: d == '{', inName: true, secret: c.hidden(top), id: isID(top)})
}

func (c *cleaner) hidden(top *level) bool { return top.secret || (top.object && secretName(top.name)) }

// isID reports whether the value that comes next at a level is an id, or holds some.
func isID(top *level) bool {
	if top.object {
		return idName(top.name)
	}
	return top.id
}

// text is a string value.
func (c *cleaner) text(value, piece string, top *level) string {
	if c.hidden(top) {
		if value == "" {
			return piece
		}
		return quoted(c.secrets.value(value))
	}
	clean := c.secrets.text
	if isID(top) {
		clean = c.secrets.hide
	}
	shown := clipped(value, 2*BodyLimit, clean)
	if shown == value {
		return piece
	}
	return quoted(shown)
}

// scalar is a number, a truth or null.
func (c *cleaner) scalar(piece string, top *level) string {
	if !c.hidden(top) || piece == "null" || piece == "true" || piece == "false" {
		return piece
	}
	c.secrets.learn(piece)
	return quoted(session.Redacted)
}

// rest is what is no JSON any more. Where a secret's value would stand next, it
// is that, or a part of it.
func (c *cleaner) rest(text []byte) {
	top := c.top()
	switch {
	case len(bytes.TrimSpace(text)) == 0:
		c.out.Write(text)
	case top.secret, c.hidden(top) && !top.inName:
		c.out.WriteString(session.Redacted)
	default:
		c.out.WriteString(c.secrets.text(string(text[:min(len(text), 2*BodyLimit)])))
	}
}

func quoted(text string) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(text) // a string can be encoded
	return strings.TrimSuffix(b.String(), "\n")
}
