package sim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
)

// Complete fills the zero strings, numbers and durations of the struct that
// switches points to with the defaults in its fields' tags, and checks strings
// against their lists: `default:"10s"`, `enum:"a,b"`. Fields that are structs
// are filled and checked alike. The tags are those that a command line reads.
func Complete(switches any) error {
	v := reflect.ValueOf(switches).Elem()
	for i := range v.NumField() {
		field, tag := v.Field(i), v.Type().Field(i)
		if field.Kind() == reflect.Struct {
			if err := Complete(field.Addr().Interface()); err != nil {
				return err
			}
			continue
		}
		if fallback := tag.Tag.Get("default"); fallback != "" && field.IsZero() {
			if err := setText(field, fallback); err != nil {
				return fmt.Errorf("switch %s: default: %w", nameOf(tag), err)
			}
		}
		if err := checkField(field, tag); err != nil {
			return err
		}
	}
	return nil
}

func setText(field reflect.Value, text string) error {
	if d, ok := field.Addr().Interface().(*Duration); ok {
		return d.UnmarshalText([]byte(text))
	}
	if field.Kind() == reflect.String {
		field.SetString(text)
		return nil
	}
	return json.Unmarshal([]byte(text), field.Addr().Interface())
}

func checkField(field reflect.Value, tag reflect.StructField) error {
	switch {
	case field.Kind() == reflect.String:
		return choose(field.String(), tag)
	case field.CanInt() && field.Int() < 0, field.CanFloat() && !(field.Float() >= 0):
		return fmt.Errorf("switch %s: %v is negative", nameOf(tag), field.Interface())
	}
	return nil
}

func choose(value string, tag reflect.StructField) error {
	choices, limited := tag.Tag.Lookup("enum")
	if !limited {
		return nil
	}
	for choice := range strings.SplitSeq(choices, ",") {
		if choice == value {
			return nil
		}
	}
	return fmt.Errorf("switch %s: %q is unknown: use one of %s", nameOf(tag), value, choices)
}

func nameOf(f reflect.StructField) string {
	if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
		return name
	}
	return f.Name
}

// HandleSwitches serves /_sim/switches on mux: GET tells the switches, PATCH
// and POST change those that the body names. set gets a changed copy and
// refuses a wrong one.
func HandleSwitches[T any](mux *http.ServeMux, get func() T, set func(T) error) {
	mux.HandleFunc("GET /_sim/switches", func(w http.ResponseWriter, _ *http.Request) { Answer(w, get()) })
	change := func(w http.ResponseWriter, r *http.Request) {
		all := get()
		if !Decode(w, r, &all) {
			return
		}
		if err := set(all); err != nil {
			Refuse(w, http.StatusBadRequest, err)
			return
		}
		Answer(w, get())
	}
	mux.HandleFunc("PATCH /_sim/switches", change)
	mux.HandleFunc("POST /_sim/switches", change)
}
