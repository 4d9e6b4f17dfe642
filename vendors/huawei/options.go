package huawei

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/option"
)

// window is the silence that the platform forgives (vendor page: sign-in).
const window = 2 * time.Minute

// specs describes every option of the vendor; the names of the sign-in fields
// are the vendor's own (vendor page: sign-in).
var specs = []option.Spec{
	{Name: "agenttype", Kind: option.Int, Default: "4", Min: 0, Max: 999, Doc: "type of the agent: 4 is a PC with a telephone, 11 is video"},
	{Name: "status", Kind: option.Int, Default: "4", Min: 3, Max: 5, Doc: "state after the sign-in: 3 busy, 4 idle, 5 wrap-up"},
	{Name: "autoanswer", Kind: option.Bool, Default: "true", Doc: "answer calls automatically"},
	{Name: "autoenteridle", Kind: option.Bool, Default: "true", Doc: "become idle automatically after a call"},
	{Name: "releasephone", Kind: option.Bool, Default: "true", Doc: "hang up the telephone after a call"},
	{Name: "ip", Kind: option.String, Default: "127.0.0.1", MaxLen: 15, Doc: "the agent's IPv4 address as shown on the platform"},
	{Name: "entryIp", Kind: option.String, Doc: "address of the entry that the agent comes through"},
	{Name: "phonelinkage", Kind: option.Bool, Default: "false", Doc: "link the agent's state to the telephone"},
	{Name: "checkInWebm", Kind: option.Bool, Default: "true", Doc: "sign in to the web media server as well"},
	{Name: "checkInMailm", Kind: option.Bool, Default: "false", Doc: "sign in to the mail media server as well"},
	{Name: "vcPhoneNumber", Kind: option.String, MaxLen: 24, Doc: "number of the video telephone"},
	{Name: "listenStatus", Kind: option.Bool, Default: "false", Doc: "listen to state changes of the telephone"},
	{Name: "serviceworkid", Kind: option.String, MaxLen: 30, Doc: "the agent's id towards customers"},
	{Name: "hold", Kind: option.Duration, Default: "10s", Doc: "how long the platform keeps a poll open (AGENT_POLL_WAIT_TIMES x AGENT_POLL_WAIT_INTERVAL)"},
	{Name: "poll_pause", Kind: option.Duration, Default: "200ms", Min: 0, Max: int64(10 * time.Second), Doc: "pause before the next poll after an empty answer; the vendor advises 200 to 500 ms"},
	{Name: "poll_timeout", Kind: option.Duration, Doc: "when a poll without an answer is given up; above hold and below the window (default: hold + 10s, capped below the window)"},
	{Name: "reset_skills", Kind: option.List, Default: "all", Doc: "skills to sign in to after the sign-in: all, none, or a list of skill ids"},
	{Name: "taken", Kind: option.String, Default: "wait", Enum: []string{"wait", "force"}, Doc: "when somebody else holds the session: wait, or displace them"},
	{Name: "force_limit", Kind: option.Int, Default: "3", Min: 1, Max: 1000, When: option.When{Option: "taken", Is: "force"}, Doc: "forced sign-ins within force_within; then the agent is parked"},
	{Name: "force_within", Kind: option.Duration, Default: "10m", Min: int64(time.Second), Max: int64(365 * 24 * time.Hour), When: option.When{Option: "taken", Is: "force"}, Doc: "the time that force_limit counts in"},
	{Name: "sign_out", Kind: option.String, Default: "polite", Enum: []string{"polite", "force"}, Doc: "polite leaves an agent in a call signed in, force cuts the call"},
	{Name: "events", Kind: option.String, Default: "poll", Enum: []string{"poll", "push"}, Doc: "how events come: poll fetches them; with push the platform sends them to callback_url, and nothing is polled"},
	{Name: "callback_url", Kind: option.String, Callback: true, When: option.When{Option: "events", Is: "push"}, Doc: "where the platform reaches the section callback of this file; the path ends with /callback/ and the platform's name, for example https://keeper.example:9466/callback/hq"},
	{Name: "service_token_file", Kind: option.String, SecretFile: true, CheckSecret: checkToken, When: option.When{Option: "events", Is: "push"}, Doc: "file with the secret by which the platform's requests to callback_url are known; at most 50 letters, digits, - and _"},
	{Name: "keep_alive", Kind: option.String, Default: handshake, Enum: []string{handshake, heartbeat}, When: option.When{Option: "events", Is: "push"}, Doc: "the request that keeps the session; heartbeat is that of older gateways"},
}

// Fields are the sign-in request's fields beside password and number, all sent
// explicitly (their defaults differ between plain and forced sign-in); texts
// that are empty are left out.
type Fields struct {
	AgentType     int    `json:"agenttype"`
	Status        int    `json:"status"`
	AutoAnswer    bool   `json:"autoanswer"`
	AutoEnterIdle bool   `json:"autoenteridle"`
	ReleasePhone  bool   `json:"releasephone"`
	IP            string `json:"ip,omitempty"`
	EntryIP       string `json:"entryIp,omitempty"`
	PhoneLinkage  bool   `json:"phonelinkage"`
	CheckInWebM   bool   `json:"checkInWebm"`
	CheckInMailM  bool   `json:"checkInMailm"`
	VCPhoneNumber string `json:"vcPhoneNumber,omitempty"`
	ListenStatus  bool   `json:"listenStatus"`
	ServiceWorkID string `json:"serviceworkid,omitempty"`
}

// Settings are an agent's decoded options: what [session.Account.Options] holds
// for this vendor. They contain no pointers and no secrets.
type Settings struct {
	Fields      Fields
	PollPause   time.Duration // after an empty answer
	PollTimeout time.Duration // of one poll, connecting included
	SkillsAll   bool          // sign in to all configured skills
	Skills      []string      // sign in to these; none and not SkillsAll = leave the skills alone
	ForceOut    bool          // sign out by force
	Push        Push
}

// Push is how an agent's events come without polls; the zero Push is that they
// are polled.
type Push struct {
	CallbackURL string        // where the platform sends them; "" = it does not
	KeepAlive   string        // the request that keeps the session: handshake or heartbeat
	Every       time.Duration // from one answer to it to the next request
	Timeout     time.Duration // of one
}

// On reports whether events are pushed.
func (p Push) On() bool { return p.CallbackURL != "" }

// decode turns an agent's merged options into Settings and the terms that the
// driver keeps to. window is the platform's.
func decode(set option.Set, window time.Duration) (any, session.Terms, []option.Problem) {
	r := option.Read(set, specs)
	s := Settings{
		Fields:    fields(r),
		PollPause: r.Duration("poll_pause"),
		ForceOut:  r.String("sign_out") == "force",
	}
	s.SkillsAll, s.Skills = skills(r)
	s.PollTimeout = pollTimeout(r, window)
	s.Push = push(r, window)
	t := terms(r)
	if s.Push.On() {
		t.Grace = pushGrace
	}
	return s, t, r.Problems()
}

func fields(r *option.Reader) Fields {
	if text := r.String("ip"); text != "" {
		if ip, err := netip.ParseAddr(text); err != nil || !ip.Is4() {
			r.Problem("ip", "option \"ip\": no IPv4 address: write for example 127.0.0.1")
		}
	}
	return Fields{
		AgentType: r.Int("agenttype"), Status: r.Int("status"),
		AutoAnswer: r.Bool("autoanswer"), AutoEnterIdle: r.Bool("autoenteridle"), ReleasePhone: r.Bool("releasephone"),
		IP: r.String("ip"), EntryIP: r.String("entryIp"), PhoneLinkage: r.Bool("phonelinkage"),
		CheckInWebM: r.Bool("checkInWebm"), CheckInMailM: r.Bool("checkInMailm"),
		VCPhoneNumber: r.String("vcPhoneNumber"), ListenStatus: r.Bool("listenStatus"), ServiceWorkID: r.String("serviceworkid"),
	}
}

func terms(r *option.Reader) session.Terms {
	return session.Terms{
		Grace:       r.Duration("hold") + 2*time.Second,
		Force:       r.String("taken") == "force",
		ForceLimit:  r.Int("force_limit"),
		ForceWithin: r.Duration("force_within"),
	}
}

// pollTimeout checks hold < poll_timeout < window and returns the time-out.
func pollTimeout(r *option.Reader, window time.Duration) time.Duration {
	hold := r.Duration("hold")
	if hold >= window {
		r.Problem("hold", fmt.Sprintf("option \"hold\": %s must be below the window of %s, or the platform signs the agent out during a poll", hold, window))
		return hold + 10*time.Second
	}
	if hold == 0 && r.Duration("poll_pause") == 0 {
		r.Problem("poll_pause", "option \"poll_pause\": 0 together with a hold of 0 would poll without a rest: write for example 200ms")
	}
	if !r.Has("poll_timeout") {
		return min(hold+10*time.Second, hold+(window-hold)/2)
	}
	timeout := r.Duration("poll_timeout")
	if timeout <= hold {
		r.Problem("poll_timeout", fmt.Sprintf("option \"poll_timeout\": %s must be above the hold of %s, or every quiet poll fails", timeout, hold))
	}
	if timeout >= window {
		r.Problem("poll_timeout", fmt.Sprintf("option \"poll_timeout\": %s must be below the window of %s, or one unanswered poll costs the session", timeout, window))
	}
	return timeout
}

// skillsLimit is the longest list that the platform takes, in characters
// (vendor page: resetskill).
const skillsLimit = 4000

func skills(r *option.Reader) (all bool, list []string) {
	list = r.List("reset_skills")
	if len(list) == 1 && list[0] == "all" {
		return true, nil
	}
	if len(list) == 1 && list[0] == "none" {
		return false, nil
	}
	for _, id := range list {
		if strings.Trim(id, "0123456789") != "" || id == "" {
			r.Problem("reset_skills", "option \"reset_skills\": no skill id: write all, none, or numbers such as 1;2;3")
		}
	}
	if n := len(strings.Join(list, ";")); n > skillsLimit {
		r.Problem("reset_skills", fmt.Sprintf("option \"reset_skills\": %d characters, the platform takes at most %d", n, skillsLimit))
	}
	return false, list
}
