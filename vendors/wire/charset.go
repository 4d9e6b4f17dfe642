package wire

import (
	"bytes"
	"encoding/json"
	"mime"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
)

// UTF8 returns a foreign text as valid UTF-8, for those who store or show it.
// contentType is its Content-Type, "" where there is none. A text that is valid
// already stays as it is, whatever its charset is said to be, a byte order mark
// aside. Any other is decoded by the charset that is declared. Without one that
// is known, bytes that are no UTF-8 become U+FFFD; where JSON would be broken by
// that and is whole when read as GBK, whose characters may hold the bytes of JSON's
// own, it is read so. The result has at most three times the length.
func UTF8(contentType string, text []byte) []byte {
	if marked, ok := byMark(text); ok {
		return marked
	}
	if utf8.Valid(text) {
		return text
	}
	if charset := charsetOf(contentType); charset != nil {
		if decoded, err := charset.NewDecoder().Bytes(text); err == nil {
			return bytes.ToValidUTF8(decoded, []byte("\uFFFD"))
		}
	}
	mended := bytes.ToValidUTF8(text, []byte("\uFFFD"))
	if looksLikeJSON(text) && !json.Valid(mended) {
		if decoded, err := simplifiedchinese.GB18030.NewDecoder().Bytes(text); err == nil && json.Valid(decoded) {
			return decoded
		}
	}
	return mended
}

// byMark decodes a text that begins with a byte order mark.
func byMark(text []byte) ([]byte, bool) {
	switch {
	case bytes.HasPrefix(text, []byte("\xef\xbb\xbf")):
		return UTF8("", text[3:]), true
	case bytes.HasPrefix(text, []byte("\xff\xfe")), bytes.HasPrefix(text, []byte("\xfe\xff")):
		decoded, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder().Bytes(text)
		return decoded, err == nil
	}
	return nil, false
}

// charsetOf returns the encoding that a Content-Type declares, nil for none,
// for UTF-8 itself and for names that nobody knows.
func charsetOf(contentType string) encoding.Encoding {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil || params["charset"] == "" {
		return nil
	}
	charset, err := htmlindex.Get(params["charset"])
	if err != nil || charset == unicode.UTF8 {
		return nil
	}
	return charset
}

func looksLikeJSON(text []byte) bool {
	text = bytes.TrimSpace(text)
	return len(text) > 0 && (text[0] == '{' || text[0] == '[')
}
