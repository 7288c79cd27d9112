package awsbox

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// A span is a time.Duration that people write as "2s".
type span time.Duration

func (s span) MarshalText() ([]byte, error) { return []byte(time.Duration(s).String()), nil }

func (s *span) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is no duration such as 2s or 100ms", text)
	}
	*s = span(d)
	return nil
}

// conditionsJSON is Conditions as people read and write them.
type conditionsJSON struct {
	PageSize  int      `json:"pageSize"`
	TokenLife span     `json:"tokenLife"`
	Lag       lagJSON  `json:"lag"`
	Throttle  Throttle `json:"throttle"`
	Deny      []Match  `json:"deny"`
	Latency   span     `json:"latency"`
	IndexLag  span     `json:"indexLag"`
	Confirm   bool     `json:"confirmAtOnce"`
	Events    mailJSON `json:"events"`

	Takes map[string]span `json:"takes"`
}

type mailJSON struct {
	Delay  span `json:"delay"`
	Repeat int  `json:"repeat"`
	Lose   int  `json:"lose"`
}

type lagJSON struct {
	Delay    span     `json:"delay"`
	Reads    int      `json:"reads"`
	Services []string `json:"services"`
}

func (s *Server) showConditions(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, forPeople(s.Conditions()))
}

func forPeople(c Conditions) conditionsJSON {
	out := conditionsJSON{PageSize: c.PageSize, TokenLife: span(c.TokenLife), Throttle: c.Throttle, Deny: c.Deny, Latency: span(c.Latency), IndexLag: span(c.IndexLag), Confirm: c.ConfirmAtOnce}
	out.Events = mailJSON{Delay: span(c.Events.Delay), Repeat: c.Events.Repeat, Lose: c.Events.Lose}
	out.Takes = map[string]span{}
	for name, d := range c.Takes {
		out.Takes[name] = span(d)
	}
	if c.Lag != nil {
		out.Lag = lagJSON{Delay: span(c.Lag.Delay), Reads: c.Lag.Reads, Services: c.Lag.Services}
	}
	return out
}

// changeConditions changes what the body names and leaves the rest. {} changes nothing; "reset": true
// is a fine day, with the page size as it was at the start.
func (s *Server) changeConditions(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var body map[string]json.RawMessage
	if err == nil {
		err = readJSON(text, &body)
	}
	if err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	now := forPeople(s.Conditions())
	if string(body["reset"]) == "true" {
		now = forPeople(s.opts.Conditions)
	}
	delete(body, "reset")
	if err := merge(body, &now); err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	c := Conditions{PageSize: now.PageSize, TokenLife: time.Duration(now.TokenLife), Throttle: now.Throttle, Deny: now.Deny, Latency: time.Duration(now.Latency), IndexLag: time.Duration(now.IndexLag), ConfirmAtOnce: now.Confirm}
	c.Events = EventWeather{Delay: time.Duration(now.Events.Delay), Repeat: now.Events.Repeat, Lose: now.Events.Lose}
	for name, d := range now.Takes {
		if c.Takes == nil {
			c.Takes = map[string]time.Duration{}
		}
		c.Takes[name] = time.Duration(d)
	}
	if now.Lag.Delay > 0 || now.Lag.Reads > 0 {
		c.Lag = &Lag{Delay: time.Duration(now.Lag.Delay), Reads: now.Lag.Reads, Services: now.Lag.Services}
	}
	s.SetConditions(c)
	s.showConditions(w, r)
}

// merge sets each member named in body to its new value as a whole.
func merge(body map[string]json.RawMessage, into *conditionsJSON) error {
	members := map[string]any{
		"pageSize": &into.PageSize, "tokenLife": &into.TokenLife, "lag": &into.Lag,
		"throttle": &into.Throttle, "deny": &into.Deny, "latency": &into.Latency, "indexLag": &into.IndexLag, "confirmAtOnce": &into.Confirm, "events": &into.Events, "takes": &into.Takes,
	}
	for name, value := range body {
		member, ok := members[name]
		if !ok {
			return fmt.Errorf("%q is no condition; there are pageSize, tokenLife, lag, throttle, deny, latency, indexLag, confirmAtOnce, events, takes", name)
		}
		switch name {
		case "lag":
			into.Lag = lagJSON{}
		case "throttle":
			into.Throttle = Throttle{}
		case "takes":
			into.Takes = nil
		case "events":
			into.Events = mailJSON{}
		}
		if err := json.Unmarshal(value, member); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}
