package huawei

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/test/sim"
)

func TestGuidTravels(t *testing.T) {
	for in, want := range map[string][3]bool{ // Set-GUID, Guid, JSESSIONID
		GuidBoth: {true, true, false}, GuidSetHeader: {true, false, false}, GuidHeader: {false, true, false},
		GuidCookie: {false, false, true}, GuidNone: {false, false, false},
	} {
		with(t, Switches{GuidIn: in}, func(t *testing.T, s *Sim, a *caller) {
			r := a.send("PUT", "/onlineagent/{id}", signInBody, nil)
			cookie := r.Header.Get("Set-Cookie")
			got := [3]bool{r.Header.Get("Set-GUID") != "", r.Header.Get("Guid") != "", strings.HasPrefix(cookie, "JSESSIONID=")}
			if got != want {
				t.Errorf("%s: Set-GUID, Guid, cookie: %v", in, got)
			}
			header := http.Header{}
			header.Set("Guid", strings.TrimPrefix(r.Header.Get("Set-GUID"), "JSESSIONID="))
			if v := r.Header.Get("Guid"); v != "" {
				header.Set("Guid", v)
			}
			if cookie != "" {
				header.Set("Cookie", strings.Split(cookie, ";")[0])
			}
			for _, c := range []struct {
				header http.Header
				want   string
			}{{header, `"AgentOther_InService"`}, {header, `"AgentState_Ready"`}} {
				if got := a.send("GET", "/agentevent/{id}", "", c.header).text; !strings.Contains(got, c.want) {
					t.Errorf("%s: poll %s, want %s", in, got, c.want)
				}
			}
			stranger := a.send("GET", "/agentevent/{id}", "", nil).text
			if in == GuidNone != strings.Contains(stranger, `"retcode":"0"`) {
				t.Errorf("%s: a poll without a Guid: %s", in, stranger)
			}
			time.Sleep(time.Minute)
			rotated := a.send("GET", "/agentevent/{id}", "", header)
			if got := rotated.Header.Get("Set-GUID") + rotated.Header.Get("Guid"); (got != "") != (in != GuidCookie && in != GuidNone) {
				t.Errorf("%s: the new Guid after a minute: %q", in, got)
			}
			if err := s.Kick("291"); err != nil {
				t.Fatal(err)
			}
			_ = a.send("GET", "/agentevent/{id}", "", header)
			if got := a.send("GET", "/agentevent/{id}", "", header).text; !strings.Contains(got, "100-006") {
				t.Errorf("%s: after a kick: %s", in, got)
			}
		})
	}
}

func TestEarlyHeadersCarryTheNewGuid(t *testing.T) {
	with(t, Switches{Web: Web{EarlyHeaders: true}}, func(t *testing.T, _ *Sim, a *caller) {
		a.signIn()
		for range 2 {
			a.poll()
		}
		time.Sleep(time.Minute)
		start := time.Now()
		r := a.send("GET", "/agentevent/{id}", "", http.Header{"Guid": {a.guid}})
		if r.Header.Get("Set-GUID") == "" || r.headersAfter != 0 || time.Since(start) != 10*time.Second {
			t.Errorf("headers after %s, body after %s: %v", r.headersAfter, time.Since(start), r.Header)
		}
	})
}

func TestFailureStatus(t *testing.T) {
	with(t, Switches{Web: Web{FailureStatus: 401}}, func(t *testing.T, _ *Sim, a *caller) {
		r := a.send("PUT", "/onlineagent/{id}", strings.Replace(signInBody, "secret", "wrong", 1), nil)
		if r.StatusCode != 401 || !strings.Contains(r.text, "100-004") {
			t.Errorf("%d %s", r.StatusCode, r.text)
		}
		if r := a.send("PUT", "/onlineagent/{id}", signInBody, nil); r.StatusCode != 200 {
			t.Errorf("a good answer has status %d", r.StatusCode)
		}
	})
	if err := (&Switches{Web: Web{FailureStatus: 42}}).complete(); err == nil {
		t.Error("status 42 is accepted")
	}
}

func TestContentTypes(t *testing.T) {
	for need, want := range map[bool]int{false: 200, true: 415} {
		with(t, Switches{Web: Web{NeedContentType: need}}, func(t *testing.T, _ *Sim, a *caller) {
			a.signIn()
			bare := http.Header{"Guid": {a.guid}, "Content-Type": {""}}
			if r := a.send("GET", "/agentevent/{id}", "", bare); r.StatusCode != want {
				t.Errorf("a poll without Content-Type: %d, want %d", r.StatusCode, want)
			}
			bare["Content-Type"] = []string{"text/plain"}
			for _, r := range []*reply{a.send("GET", "/agentevent/{id}", "", bare), a.send("PUT", "/onlineagent/{id}", signInBody, bare)} {
				if r.StatusCode != 415 {
					t.Errorf("text/plain: %d", r.StatusCode)
				}
			}
		})
	}
}

func TestCallbacksHaveTheCharset(t *testing.T) {
	w := Switches{Wire: sim.Wire{Charset: sim.Charset1251}}
	with(t, w, func(t *testing.T, s *Sim, a *caller) {
		a.push("")
		synctest.Wait()
		if err := s.Emit("291", "AgentOther_Note", "ж"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		got, _ := a.there.all()
		if last := got[len(got)-1].body; !strings.Contains(last, "\"\xe6\"") {
			t.Errorf("callback %q", last)
		}
	})
}

const signInBody = `{"password":"secret","phonenum":"40038"}`

// reply is an answer as it came.
type reply struct {
	*http.Response
	text         string
	headersAfter time.Duration
}

// send makes one request with exactly these headers, beside the Content-Type of
// the pages where header names none.
func (c *caller) send(method, path, body string, header http.Header) *reply {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.url+base+strings.ReplaceAll(path, "{id}", c.login), strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header = header.Clone()
	if r.Header == nil {
		r.Header = http.Header{}
	}
	switch kind := r.Header.Values("Content-Type"); {
	case kind == nil:
		r.Header.Set("Content-Type", "application/json; charset=UTF-8")
	case kind[0] == "":
		r.Header.Del("Content-Type")
	}
	start := time.Now()
	res, err := c.client.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	got := &reply{Response: res, headersAfter: time.Since(start)}
	text, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	_ = res.Body.Close()
	got.text = string(text)
	return got
}
