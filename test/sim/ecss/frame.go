package ecss

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// The texts of a refused login, exactly as the vendor lists them (vendor page:
// login). All of them come with status 401.
const (
	TextOccupied      = "Requested number is occupied"
	TextNoNumber      = "Requested number is not exist"
	TextBadLogin      = "Invalid login or password"
	TextNotActivated  = "Service is not activated for this phone number"
	TextSystemError   = "System error. Abonent manager is unavailable"
	TextGateway       = "Gateway timeout"
	TextTimeout       = "timeout"
	TextNoDomain      = "domain not exists"
	TextNotAllowed    = "You are not allowed for this command" // status 500, code 5
	textNoSession     = "Unauthorized"
	textForbidden     = "Forbidden"
	textUnknownAction = "Unknown action"
)

// codeRefused is the vendor's code beside status 500.
const codeRefused = 5

// request is one frame of a client in the documented form.
type request struct {
	Action  string
	ID      json.RawMessage // a JSON number
	Payload json.RawMessage // a JSON object
	// seat is the session that it came in; nil: in none. A request is carried out
	// for it though its websocket ended meanwhile.
	seat *seat
}

var errFrame = errors.New(`want {"action": string, "requestId": number, "payload": object}`)

// decode reads a client's frame. Whatever is not in the documented form is an
// error that says what is wrong and quotes no content.
func decode(data []byte) (request, error) {
	raw, err := fieldsOf(data)
	if err != nil {
		return request{}, fmt.Errorf("no JSON object: %w", errFrame)
	}
	var req request
	if kindOf(raw["requestId"]) == '0' {
		req.ID = raw["requestId"]
	}
	if kindOf(raw["payload"]) == '{' {
		req.Payload = raw["payload"]
	}
	_ = json.Unmarshal(raw["action"], &req.Action)
	switch {
	case req.Action == "":
		return req, fmt.Errorf("action is no text: %w", errFrame)
	case req.ID == nil:
		return req, fmt.Errorf("requestId is no number: %w", errFrame)
	case req.Payload == nil:
		return req, fmt.Errorf("payload is no object: %w", errFrame)
	}
	return req, nil
}

// fieldsOf reads a JSON object. Keys count as they are written, which a Go
// struct's would not.
func fieldsOf(data []byte) (map[string]json.RawMessage, error) {
	if kindOf(data) != '{' {
		return nil, errFrame
	}
	var fields map[string]json.RawMessage
	err := json.Unmarshal(data, &fields)
	return fields, err
}

// textField returns a field of a payload that is a string, "" where it is not.
func textField(payload []byte, name string) (text string) {
	fields, err := fieldsOf(payload)
	if err == nil {
		_ = json.Unmarshal(fields[name], &text)
	}
	return text
}

// kindOf returns the kind of a JSON value by its first byte: '{', '[', '"',
// 't', 'f', 'n', '0' for a number, 0 for none.
func kindOf(data []byte) byte {
	data = bytes.TrimLeft(data, " \t\r\n")
	if len(data) == 0 {
		return 0
	}
	if c := data[0]; c == '-' || (c >= '0' && c <= '9') {
		return '0'
	}
	return data[0]
}

// object is a JSON object to be sent.
type object map[string]any

// reply is the outcome of a request before it is put into a frame.
type reply struct {
	silent  bool // no answer at all
	hangUp  bool // close the websocket behind it
	status  int
	payload any
	text    string // of a failure
	breach  string // what the contract forbids about the request; "" = nothing
	code    int    // beside the text; 0 = none
}

func good(payload any) reply { return reply{status: 200, payload: payload} }

func done() reply { return good(object{"ok": object{}}) }

func refused(text string) reply { return reply{status: 401, text: text} }

func failed(text string) reply { return reply{status: 500, text: text, code: codeRefused} }

// denied answers a request that has no session.
func (w *Switches) denied() reply {
	switch w.BeforeLogin {
	case "403":
		return reply{status: 403, text: textForbidden}
	case "silence":
		return reply{silent: true}
	}
	return refused(textNoSession)
}

// unknown answers an action that the platform does not know.
func (w *Switches) unknown() reply {
	switch w.UnknownAction {
	case "500":
		return failed(textUnknownAction)
	case "silence":
		return reply{silent: true}
	}
	return reply{status: 404, text: textUnknownAction}
}

// answer puts a reply into the frame that answers req.
func (w *Switches) answer(req request, r reply) object {
	r.text = w.phrase(r.text)
	if r.text != "" && w.Refusal == "exception" {
		return object{"event": "exception", "data": object{"status": "error", "message": r.text}}
	}
	frame := object{"status": r.status, "payload": r.payload}
	if req.Action != "" {
		frame["action"] = req.Action
	}
	if id := w.echo(req.ID); id != nil {
		frame["requestId"] = id
	}
	if r.text != "" {
		w.fail(frame, r)
	}
	return frame
}

// phrase is a failure's text as the switch has it.
func (w *Switches) phrase(text string) string {
	switch {
	case text == "":
	case w.RefusalText == "longer":
		return "Error: " + text + " (cc/arm/login)"
	case w.RefusalText == "russian" && russian[text] != "":
		return russian[text]
	}
	return text
}

// russian are translations that nobody has seen: a site may have others.
var russian = map[string]string{
	TextOccupied:     "Запрошенный номер занят",
	TextNoNumber:     "Запрошенный номер не существует",
	TextBadLogin:     "Неверный логин или пароль",
	TextNotActivated: "Услуга не активирована для этого номера телефона",
	TextSystemError:  "Системная ошибка. Менеджер абонентов недоступен",
	TextGateway:      "Превышено время ожидания шлюза",
	TextTimeout:      "превышено время ожидания",
	TextNoDomain:     "домен не существует",
	TextNotAllowed:   "Вам не разрешена эта команда",
}

// fail puts a failure's text and code where the switch says.
func (w *Switches) fail(frame object, r reply) {
	switch w.Refusal {
	case "absent":
		delete(frame, "requestId")
	case "null":
		frame["requestId"] = nil
	}
	carrier, key := frame, w.ErrorAt
	if name, nested := strings.CutPrefix(w.ErrorAt, "payload."); nested {
		carrier, key = object{}, name
		frame["payload"] = carrier
	}
	carrier[key] = r.text
	if r.code != 0 {
		carrier["code"] = r.code
	}
	if frame["payload"] == nil {
		delete(frame, "payload")
	}
}

func (w *Switches) echo(id json.RawMessage) any {
	if len(id) == 0 {
		return nil
	}
	switch w.RequestID {
	case "other":
		n, err := strconv.ParseFloat(string(id), 64)
		if err != nil {
			n = 0
		}
		return n + 1000
	case "absent":
		return nil
	case "text":
		return string(id)
	}
	return id
}

// encode renders a frame for a websocket, in the platform's charset.
func (w *Switches) encode(frame object) []byte { return w.Wire.Text(w.text(frame)) }

// text renders a frame with the wandering types that are switched on.
func (w *Switches) text(frame object) []byte {
	if w.ExtraKeys {
		frame["node"], frame["trace"] = "ecss1", object{"hops": []any{1, nil, "x"}}
		if payload, ok := frame["payload"].(object); ok {
			payload["futureFlag"], payload["futureList"] = true, []any{object{}}
		}
	}
	if w.Padding > 0 {
		frame["padding"] = strings.Repeat("x", w.Padding)
	}
	if status, ok := frame["status"]; ok && w.StringStatus {
		frame["status"] = fmt.Sprint(status)
	}
	var v any = frame
	if w.StringBooleans {
		v = stringly(frame)
	}
	return marshal(v)
}

// stringly returns v with every boolean as a string.
func stringly(v any) any {
	switch v := v.(type) {
	case bool:
		return strconv.FormatBool(v)
	case object:
		out := make(object, len(v))
		for key, value := range v {
			out[key] = stringly(value)
		}
		return out
	case []object:
		out := make([]any, len(v))
		for i, value := range v {
			out[i] = stringly(value)
		}
		return out
	}
	return v
}

// marshal encodes what the simulator itself made, which cannot fail.
func marshal(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic("ecss: unencodable frame: " + err.Error())
	}
	return data
}
