package sim

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"sync"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
)

var charsets = map[string]encoding.Encoding{
	CharsetGBK:  simplifiedchinese.GBK,
	Charset1251: charmap.Windows1251,
}

// transcode turns UTF-8 into another charset. What the charset lacks becomes a
// question mark, and bytes that are no UTF-8 stay.
func transcode(text []byte, charset string) []byte {
	to := charsets[charset]
	if to == nil {
		return text
	}
	var out bytes.Buffer
	encoder := to.NewEncoder()
	for len(text) > 0 {
		one := text[:characterLength(text)]
		text = text[len(one):]
		b, err := encoder.Bytes(one)
		switch {
		case len(one) == 1 && one[0] >= utf8.RuneSelf:
			out.Write(one)
		case err != nil:
			out.WriteByte('?')
		default:
			out.Write(b)
		}
	}
	return out.Bytes()
}

// characterLength is the length of the first character; 1 for a stray byte.
func characterLength(text []byte) int {
	_, n := utf8.DecodeRune(text)
	return n
}

// cutStrings cuts every string of a JSON text that has other than ASCII
// characters after limit bytes, as programs do that copy into a fixed buffer.
func cutStrings(text []byte, limit int) []byte {
	if limit <= 0 {
		return text
	}
	var out bytes.Buffer
	for len(text) > 0 {
		open := bytes.IndexByte(text, '"') + 1
		if open == 0 {
			break
		}
		out.Write(text[:open])
		end := open + stringLength(text[open:])
		out.Write(cutString(text[open:end], limit))
		closed := min(end+1, len(text)) // the closing quote
		out.Write(text[end:closed])
		text = text[closed:]
	}
	out.Write(text)
	return out.Bytes()
}

// stringLength is how many bytes stand before the closing quote.
func stringLength(text []byte) int {
	n := 0
	for n < len(text) && text[n] != '"' {
		n += unit(text[n:])
	}
	return min(n, len(text))
}

// cutString cuts the content of one string, never in the middle of an escape.
func cutString(content []byte, limit int) []byte {
	if len(content) <= limit || isASCII(content) {
		return content
	}
	n := 0
	for n+unit(content[n:]) <= limit {
		n += unit(content[n:])
	}
	return content[:n]
}

// unit is the length of a byte or an escape at the beginning of text.
func unit(text []byte) int {
	switch {
	case text[0] != '\\':
		return 1
	case len(text) > 1 && text[1] == 'u':
		return 6
	}
	return 2
}

func isASCII(text []byte) bool {
	for _, b := range text {
		if b >= 0x80 {
			return false
		}
	}
	return true
}

// pack compresses a body. Its encodings are those that HTTP names.
func pack(name string, body []byte) []byte {
	var out bytes.Buffer
	var w io.WriteCloser
	switch name {
	case "gzip":
		w = gzip.NewWriter(&out)
	case "deflate":
		w = zlib.NewWriter(&out)
	case "zstd":
		z, err := zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1))
		if err != nil {
			panic("sim: zstd: " + err.Error()) // its options are constants
		}
		w = z
	default:
		return body
	}
	_, _ = w.Write(body) // into memory
	_ = w.Close()
	return out.Bytes()
}

// bomb is 32 MB of blanks in gzip.
var bomb = sync.OnceValue(func() []byte {
	const pieces, piece = 32, 1 << 20
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	blanks := bytes.Repeat([]byte(" "), piece)
	for range pieces {
		_, _ = w.Write(blanks)
	}
	_ = w.Close()
	return out.Bytes()
})
