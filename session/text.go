package session

import "unicode/utf8"

// TextLimit is the longest text that is kept and shown of what a person or a
// vendor says (a reason, a detail, an advice), in bytes.
const TextLimit = 1024

// CodeLimit is the longest code of a vendor that is kept and shown, in bytes.
const CodeLimit = 128

// NameLimit is the longest login, in bytes; the configuration takes none
// longer.
const NameLimit = 256

// cutMark stands at the end of a text that was cut.
const cutMark = "…"

// Cut returns text if it has at most limit bytes, and otherwise its beginning,
// cut between two characters, with "…" behind it: limit bytes at most. A limit
// below 3 bytes leaves no room for the mark and gives "".
func Cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	end := limit - len(cutMark)
	if end < 0 {
		return ""
	}
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + cutMark
}

// cut returns the fault if its texts are within their limits, and otherwise a
// copy whose texts are.
func (f *Fault) cut() *Fault {
	if len(f.Code) <= CodeLimit && len(f.Text) <= TextLimit && len(f.Action) <= TextLimit {
		return f
	}
	short := *f
	short.Code = Cut(f.Code, CodeLimit)
	short.Text, short.Action = Cut(f.Text, TextLimit), Cut(f.Action, TextLimit)
	return &short
}

// Cut returns the memo with its texts within their limits: an older program may
// have stored longer ones.
func (m Memo) Cut() Memo {
	m.Code = Cut(m.Code, CodeLimit)
	m.Text, m.Action = Cut(m.Text, TextLimit), Cut(m.Action, TextLimit)
	return m
}

// Cut returns the warning with its texts within their limits.
func (w Warning) Cut() Warning {
	return Warning{Code: Cut(w.Code, CodeLimit), Text: Cut(w.Text, TextLimit), Action: Cut(w.Action, TextLimit)}
}
