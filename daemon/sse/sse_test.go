package sse_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/daemon/sse"
)

func TestRead(t *testing.T) {
	const stream = ": hello\n\nid: 7\ndata: {\"a\":1}\n\nevent: gap\nid: 9\ndata: {}\n\n: still here\n\ndata: a\ndata: b\n\nid: 10\ndata: cut off"
	var got []sse.Event
	if err := sse.Read(strings.NewReader(stream), func(e sse.Event) error {
		got = append(got, e)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	want := []sse.Event{{ID: "7", Data: []byte(`{"a":1}`)}, {ID: "9", Name: "gap", Data: []byte("{}")}, {Data: []byte("a\nb")}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("id: 1\ndata: x\n\n")
	f.Add("\n\n:\nevent\ndata\n\n")
	f.Fuzz(func(t *testing.T, stream string) {
		_ = sse.Read(strings.NewReader(stream), func(e sse.Event) error {
			if strings.Contains(e.ID+e.Name, "\n") {
				t.Errorf("a name of two lines: %+v", e)
			}
			return nil
		})
	})
}

// What is written is what is read.
func TestAppend(t *testing.T) {
	want := []sse.Event{{ID: "7", Data: []byte(`{"a":1}`)}, {ID: "9", Name: "gap", Data: []byte("{}")}, {Name: "end", Data: []byte{}}}
	stream := sse.AppendNumbered(nil, 7, []byte(`{"a":1}`))
	for _, e := range want[1:] {
		stream = sse.Append(stream, e)
	}
	var got []sse.Event
	if err := sse.Read(bytes.NewReader(stream), func(e sse.Event) error { got = append(got, e); return nil }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
