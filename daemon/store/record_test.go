package store

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/session"
)

var revealKeys = cmp.Transformer("reveal", func(k session.Key) string { return k.Reveal() })

func TestRecordOnDisk(t *testing.T) {
	zone := time.FixedZone("east", 5*3600)
	at := time.Date(2026, 10, 1, 14, 0, 0, 5, zone)
	data, err := encodeRecord(session.Record{
		Key: session.NewKey([]byte(`{"guid":"g"}`)), Started: at,
		Intent: session.Intent{Op: session.OpSignIn, Deadline: at},
		Memo:   session.Memo{Doubt: session.OpSignOut, Until: at, Forced: []time.Time{at}},
	})
	check(t, err)
	for _, want := range []string{`"v":1`, `"key":"eyJndWlkIjoiZyJ9"`, `"started":"2026-10-01T09:00:00.000000005Z"`,
		`"op":"sign_in"`, `"Until":"2026-10-01T09:00:00.000000005Z"`, `"Forced":["2026-10-01T09:00:00.000000005Z"]`} {
		if !strings.Contains(string(data), want) {
			t.Errorf("no %s in %s", want, data)
		}
	}
	// The memo stores operations as numbers.
	if session.OpNone != 0 || session.OpSignIn != 1 || session.OpSignOut != 2 {
		t.Error("stored records would change their meaning")
	}
}

func TestOldRecordsStayReadable(t *testing.T) {
	for data, want := range map[string]session.Record{
		`{"v":1}`: {},
		`{"v":1,"key":"aw==","op":"sign_out","op_deadline":"2026-10-01T09:00:00Z","memo":{"Parked":"refused","Fails":3,"New":[1]},"sequence":9,"news":{}}`: {
			Key:    session.NewKey([]byte("k")),
			Intent: session.Intent{Op: session.OpSignOut, Deadline: time.Date(2026, 10, 1, 9, 0, 0, 0, time.UTC)},
			Memo:   session.Memo{Parked: session.ReasonRefused, Fails: 3}, Sequence: 9,
		},
	} {
		got, err := decodeRecord([]byte(data))
		check(t, err)
		if diff := cmp.Diff(want, got, revealKeys); diff != "" {
			t.Errorf("%s (-want +got):\n%s", data, diff)
		}
	}
}

func TestBadRecordsAreLeftOut(t *testing.T) {
	s := open(t, t.TempDir())
	check(t, s.Save(t.Context(), agent(1), filled(t, 1)))
	for i, bad := range []string{"{", `{"v":2}`, `{"v":1,"op":"dance"}`, `{"v":1,"key":7}`} {
		id := agent(10 + i)
		check(t, s.write(t.Context(), shardOf(id), agentKey("sess", id), []byte(bad)))
	}
	check(t, s.write(t.Context(), noShard, "sess.0000", []byte(`{"v":1}`)))
	check(t, s.write(t.Context(), noShard, "sess.0000.=zz", []byte(`{"v":1}`)))
	sameRecords(t, load(t, s), map[session.ID]session.Record{agent(1): filled(t, 1)})
}

func FuzzDecodeRecord(f *testing.F) {
	for _, seed := range []string{`{"v":1}`, `{"v":1,"key":"aw==","op":"sign_in","memo":{"Forced":["2026-10-01T09:00:00Z"]}}`, `{"v":2}`, `[]`, ``} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := decodeRecord(data)
		if err != nil {
			return
		}
		again, err := encodeRecord(r)
		if err != nil {
			if strings.Contains(err.Error(), "year outside") || strings.Contains(err.Error(), "timezone") {
				return // no clock writes such a time
			}
			t.Fatal(err)
		}
		got, err := decodeRecord(again)
		check(t, err)
		if diff := cmp.Diff(r, got, revealKeys); diff != "" {
			t.Errorf("changed on the way (-want +got):\n%s", diff)
		}
	})
}

func FuzzToken(f *testing.F) {
	for _, seed := range []string{"", "hq/291", "a.b*c>d e=f", "é", "=", "huawei.AgentState_Ready"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tok := token(text)
		if tok == "" || strings.ContainsAny(tok, ".*> \t\r\n") {
			t.Errorf("token %q of %q", tok, text)
		}
		if back, err := untoken(tok); err != nil || back != text {
			t.Errorf("%q came back as %q, %v", text, back, err)
		}
		if back, err := untoken(text); err == nil && token(back) != text && token(back) != strings.ToUpper(text) {
			if again, err := untoken(token(back)); err != nil || again != back {
				t.Errorf("%q means %q, which comes back as %q, %v", text, back, again, err)
			}
		}
	})
}

func FuzzReadKeys(f *testing.F) {
	f.Add("sess.0001.hq/291", []byte("x"))
	f.Add("gate.hq", []byte(`{"node":"n","boot":"b"}`))
	f.Add("shard.0001", []byte(`{`))
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		pairs := []pair{{key, value}}
		log := options(t, "").Log
		s := &Store{settings: settings{log: log}}
		for _, kind := range []Kind{Records, Wishes, Gates, Platforms, Hooks, Commands} {
			for name := range s.named(kind, pairs) {
				key, _ := kind.key(name)
				if back, err := kind.nameIn(key); err != nil || back != name {
					t.Errorf("key %q names %q, which reads as %q, %v", key, name, back, err)
				}
			}
			new(Damage).lose(key)
		}
		new(fence).learn(0, value, 1)
	})
}

func TestNamesAndShards(t *testing.T) {
	// Stored keys depend on these for ever.
	for _, tt := range []struct {
		kind Kind
		name string
		want string
	}{
		{Records, "hq/291", "sess.0873.hq/291"},
		{Records, "hq/a.b@c/d e", "sess.0675.hq/a=2Eb=40c/d=20e"},
		{Wishes, "hq/291", "wish.0873.hq/291"},
		{Hooks, "crm.example-1", "hook.0131.crm=2Eexample-1"},
		{Commands, "hq/291/00112233445566778899aabbccddeeff", "command.0722.hq/291/00112233445566778899aabbccddeeff"},
		{Gates, "10.0.0.5:8043", "gate.10=2E0=2E0=2E5=3A8043"},
		{Platforms, "hq", "platform.hq"},
	} {
		got, shard := tt.kind.key(tt.name)
		if got != tt.want || (shard == noShard) == tt.kind.fenced {
			t.Errorf("key of %s: %s in %d, want %s", tt.name, got, shard, tt.want)
		}
		if back, err := tt.kind.nameIn(got); err != nil || back != tt.name {
			t.Errorf("%s came back as %q, %v", got, back, err)
		}
	}
	if id := (session.ID{Platform: "hq", Login: "a.b@c/d e"}); agentKey("sess", id) != "sess.0675.hq/a=2Eb=40c/d=20e" {
		t.Errorf("key of %v: %s", id, agentKey("sess", id))
	}
	used := map[int]bool{}
	for n := range 10000 {
		used[shardOf(session.ID{Platform: "p", Login: fmt.Sprint(n)})] = true
	}
	if len(used) < shards*9/10 {
		t.Errorf("10,000 agents share %d of %d shards", len(used), shards)
	}
}

// What is lost of a command holds no sign-in back.
func TestALostCommandIsNotGrave(t *testing.T) {
	var d Damage
	key, _ := Commands.key("hq/291/00")
	d.lose(key)
	if d.Grave() || d.Unknown || d.Lost() != 1 || d.Commands[0] != "hq/291/00" {
		t.Errorf("got %+v", d)
	}
	var all Damage
	all.add(d)
	if all.Lost() != 1 {
		t.Errorf("got %+v", all)
	}
}
