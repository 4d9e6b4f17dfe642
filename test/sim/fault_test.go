package sim

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestFaultsTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s Faults
		s.Add(Fault{Op: OpPoll, Agent: "29?", Mode: ModeReset, Count: 2})
		s.Add(Fault{Op: OpAny, Mode: ModeHang, For: Duration(time.Minute)})
		s.Add(Fault{Mode: ModeEmpty, Agent: "1*"})
		for _, c := range []struct {
			op, agent, want string
			wait            time.Duration
		}{
			{OpPoll, "291", ModeReset, 0},
			{OpSignIn, "291", ModeHang, 0},
			{OpPoll, "301", ModeHang, 0},
			{OpPoll, "292", ModeReset, 0},
			{OpPoll, "292", ModeHang, 0}, // used up
			{OpPoll, "292", "", time.Minute},
			{OpSignOut, "11", ModeEmpty, 0},
			{OpSignOut, "11", ModeEmpty, 1000 * time.Hour},
		} {
			time.Sleep(c.wait)
			if f, ok := s.Take(t.Context(), c.op, c.agent); f.Mode != c.want || ok != (c.want != "") {
				t.Errorf("Take(%s, %s) = %q, %v; want %q", c.op, c.agent, f.Mode, ok, c.want)
			}
		}
		if n := len(s.List()); n != 1 {
			t.Errorf("%d faults left, want 1", n)
		}
		s.Clear()
		if _, ok := s.Take(t.Context(), OpPoll, "11"); ok {
			t.Error("a cleared fault still acts")
		}
	})
}

func TestFaultsRemove(t *testing.T) {
	var s Faults
	first, second := s.Add(Fault{Mode: ModeHang}), s.Add(Fault{Mode: ModeHTML})
	s.Remove(first)
	s.Remove(99)
	if l := s.List(); len(l) != 1 || l[0].ID != second {
		t.Errorf("left: %+v, want fault %d", l, second)
	}
}

func TestFaultCheckSaysWhatToDo(t *testing.T) {
	for _, f := range []Fault{
		{Mode: "explode"},
		{Mode: ModeHang, Op: "logout"},
		{Mode: ModeHang, Agent: "[29"},
		{Mode: ModeStatus, Status: 42},
		{Mode: ModeHang, Count: -1},
		{Mode: ModeCode},
	} {
		err := f.Check()
		if err == nil || (!strings.Contains(err.Error(), "use") && !strings.Contains(err.Error(), "example")) {
			t.Errorf("Check(%+v) = %v", f, err)
		}
	}
	for _, mode := range Modes() {
		if err := (Fault{Mode: mode, Code: "1"}).Check(); err != nil {
			t.Errorf("mode %s: %v", mode, err)
		}
	}
}

// FuzzFault checks that no JSON makes a fault that Check passes and that then
// cannot be added, taken or written again.
func FuzzFault(f *testing.F) {
	f.Add([]byte(`{"op":"poll","agent":"29*","mode":"status","status":503,"count":3,"for":"1m","delay":"5s"}`))
	f.Add([]byte(`{"mode":"code","code":"100-006","text":"x"}`))
	f.Add([]byte(`{"mode":"hang","for":"-1s"}`))
	f.Add([]byte(`{"mode":"hang","agent":"[a-"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var fault Fault
		if json.Unmarshal(data, &fault) != nil || fault.Check() != nil {
			return
		}
		var s Faults
		s.Add(fault)
		s.Take(t.Context(), OpPoll, "291")
		again, err := json.Marshal(fault)
		if err != nil {
			t.Fatal(err)
		}
		var back Fault
		if err := json.Unmarshal(again, &back); err != nil {
			t.Fatalf("%s: %v", again, err)
		}
		if d := cmp.Diff(fault, back, cmpopts.IgnoreUnexported(Fault{})); d != "" {
			t.Error(d)
		}
	})
}

// outcome is what a client sees of one faulty exchange.
type outcome struct {
	Processed bool
	Ended     bool // the exchange was no longer in flight when its answer came
	Status    int
	Body      string
	Failed    bool
	After     time.Duration
}

func exchange(t *testing.T, f Fault) (outcome, error) {
	var out outcome
	l := Pipe()
	s := Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		Exchange{
			Process: func(context.Context) Reply {
				out.Processed = true
				return JSON(map[string]any{"retcode": "0", "list": []string{"291", "x"}})
			},
			Fail: func(code, text string) Reply { return JSON(map[string]string{"retcode": code, "message": text}) },
			End:  func() { out.Ended = true },
		}.Serve(w, r, f)
	}), nil)
	transport := &http.Transport{DialContext: l.DialContext}
	client := &http.Client{Transport: transport, Timeout: time.Minute}
	start := time.Now()
	r, err := client.Get(s.URL())
	if err == nil {
		var body []byte
		body, err = io.ReadAll(r.Body)
		_ = r.Body.Close()
		out.Status, out.Body = r.StatusCode, string(body)
	}
	out.Failed, out.After = err != nil, time.Since(start)
	transport.CloseIdleConnections()
	if closed := s.Close(); closed != nil {
		t.Errorf("Close: %v", closed)
	}
	return out, err
}

func TestExchangeModes(t *testing.T) {
	const good = `{"list":["291","x"],"retcode":"0"}`
	garbage := "\x00\xff{]" + strings.Repeat("\x1b\x80", 16)
	for name, c := range map[string]struct {
		fault Fault
		want  outcome
		is    error
	}{
		"none":         {Fault{}, outcome{Processed: true, Status: 200, Body: good}, nil},
		"delay alone":  {Fault{Mode: ModeEmpty, Delay: Duration(time.Second)}, outcome{Status: 200, After: time.Second}, nil},
		"status":       {Fault{Mode: ModeStatus, Status: 401}, outcome{Status: 401, Body: string(HTML(401).Body)}, nil},
		"status unset": {Fault{Mode: ModeStatus}, outcome{Status: 503, Body: string(HTML(503).Body)}, nil},
		"code":         {Fault{Mode: ModeCode, Code: "100-006", Text: "no"}, outcome{Status: 200, Body: `{"message":"no","retcode":"100-006"}`}, nil},
		"hang":         {Fault{Mode: ModeHang}, outcome{Failed: true, After: time.Minute}, nil},
		"reset":        {Fault{Mode: ModeReset}, outcome{Failed: true}, syscall.ECONNRESET},
		"lost":         {Fault{Mode: ModeLost}, outcome{Processed: true, Failed: true}, syscall.ECONNRESET},
		"truncate":     {Fault{Mode: ModeTruncate}, outcome{Processed: true, Failed: true, Status: 200, Body: good[:len(good)/2]}, io.ErrUnexpectedEOF},
		"html":         {Fault{Mode: ModeHTML}, outcome{Status: 200, Body: string(HTML(200).Body)}, nil},
		"garbage":      {Fault{Mode: ModeGarbage}, outcome{Status: 200, Body: garbage}, nil},
		"empty":        {Fault{Mode: ModeEmpty}, outcome{Status: 200}, nil},
		"slow":         {Fault{Mode: ModeSlow}, outcome{Processed: true, Status: 200, Body: good, After: slowDelay}, nil},
		"slower":       {Fault{Mode: ModeSlow, Delay: Duration(20 * time.Second)}, outcome{Processed: true, Status: 200, Body: good, After: 20 * time.Second}, nil},
		"number types": {Fault{Mode: ModeNumberTypes}, outcome{Processed: true, Status: 200, Body: `{"list":[291,"x"],"retcode":0}`}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.want.Ended = true
				got, err := exchange(t, c.fault)
				if d := cmp.Diff(c.want, got); d != "" {
					t.Error(d)
				}
				if c.is != nil && !errors.Is(err, c.is) {
					t.Errorf("error %v, want %v", err, c.is)
				}
			})
		})
	}
}

func TestExchangeBig(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got, err := exchange(t, Fault{Mode: ModeBig})
		if err != nil || len(got.Body) < bigBody-16 {
			t.Errorf("%d bytes, %v; want 10 MB", len(got.Body), err)
		}
	})
}

func FuzzNumbers(f *testing.F) {
	f.Add([]byte(`{"retcode":"0","result":{"workno":"291","list":["1",null,true]}}`))
	f.Add([]byte(`"00"`))
	f.Add([]byte(`{`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if json.Valid(data) && !json.Valid(Numbers(data)) {
			t.Errorf("%q became %q", data, Numbers(data))
		}
	})
}

func TestFaultsThatCannotBe(t *testing.T) {
	for _, f := range []Fault{
		{Mode: ModeRedirect, Status: 200}, {Mode: ModeRefuse, Kept: true},
	} {
		if err := f.Check(); err == nil {
			t.Errorf("%+v is accepted", f)
		}
	}
}
