package huawei

import (
	"encoding/json"
	"net"
	"strconv"
	"strings"
	"unicode/utf8"
)

// fields reads a body's values and keeps the first complaint.
type fields struct {
	raw  map[string]any
	code string
}

func (f *fields) fail(code string) {
	if f.code == "" {
		f.code = code
	}
}

// text reads a string of at most limit characters (0 = any); "" where absent.
func (f *fields) text(name string, limit int) string {
	v, present := f.raw[name]
	if !present || v == nil {
		return ""
	}
	t, ok := v.(string)
	if !ok || (limit > 0 && utf8.RuneCountInString(t) > limit) {
		f.fail("100-001")
		return ""
	}
	return t
}

// oneOf reads a number; the first allowed one is the default.
func (f *fields) oneOf(name, code string, allowed ...int) int {
	v, present := f.raw[name]
	if !present || v == nil {
		return allowed[0]
	}
	n, err := strconv.Atoi(scalar(v))
	if err != nil {
		f.fail("100-001")
		return allowed[0]
	}
	for _, a := range allowed {
		if n == a {
			return n
		}
	}
	f.fail(code)
	return allowed[0]
}

func (f *fields) boolean(name string) bool {
	v, present := f.raw[name]
	if !present || v == nil {
		return false
	}
	switch strings.ToLower(scalar(v)) {
	case "true":
		return true
	case "false":
		return false
	}
	f.fail("100-001")
	return false
}

// flag reads a boolean that is true where it is left out.
func (f *fields) flag(name string) bool {
	v, present := f.raw[name]
	return !present || v == nil || f.boolean(name)
}

// phone reads the phone, which some clients send as a number.
func (f *fields) phone() string {
	if n, ok := f.raw["phonenum"].(json.Number); ok {
		return n.String()
	}
	return f.text("phonenum", 24)
}

func (f *fields) ip(name string) {
	t := f.text(name, 15)
	if ip := net.ParseIP(t); t != "" && (ip == nil || ip.To4() == nil) {
		f.fail("100-016")
	}
}

// push tells whether events go to a callback: both fields are needed, or the one
// of older gateways.
func (f *fields) push(set *settings) {
	token := f.text("serviceToken", 50)
	if !serviceToken.MatchString(token) {
		f.fail("100-001")
	}
	set.callback, set.token = f.text("callBackUri", 0), token
	set.push = set.callback != "" && token != ""
	if older := f.text("pushUrl", 512); older != "" && !set.push {
		set.push = true
		set.older = true
		set.callback = older
		set.token = ""
	}
}

func scalar(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}
