package api

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
)

// readBody decodes a request's body; an empty one leaves into as it is. It answers
// a request whose body is not of the form, and reports false.
func readBody(w http.ResponseWriter, req *http.Request, into any, form string) bool {
	return decodeBody(w, json.NewDecoder(req.Body), into, form)
}

// readStrictly is readBody, but refuses fields that are not in the form.
func readStrictly(w http.ResponseWriter, req *http.Request, into any, form string) bool {
	dec := json.NewDecoder(req.Body)
	dec.DisallowUnknownFields()
	return decodeBody(w, dec, into, form)
}

func decodeBody(w http.ResponseWriter, dec *json.Decoder, into any, form string) bool {
	err := dec.Decode(into)
	if err == nil || errors.Is(err, io.EOF) {
		return true
	}
	status := http.StatusBadRequest
	if long := new(http.MaxBytesError); errors.As(err, &long) {
		status = http.StatusRequestEntityTooLarge
	}
	fail(w, status, "the body is not "+form+": "+err.Error())
	return false
}

// readOrder is readBody for an order of a person, whose reason must be there and not
// be too long.
func readOrder(w http.ResponseWriter, req *http.Request, into any, reason *string) bool {
	if !readBody(w, req, into, `{"reason":"…"}`) {
		return false
	}
	if err := CheckReason(*reason); err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return false
	}
	return true
}

// readReason reads the reason of an order that says nothing else.
func readReason(w http.ResponseWriter, req *http.Request) (reason string, ok bool) {
	var o struct {
		Reason string `json:"reason"`
	}
	ok = readOrder(w, req, &o, &o.Reason)
	return o.Reason, ok
}
