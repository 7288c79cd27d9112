package githubbox

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// A Delivery is an entry of the webhook log.
type Delivery struct {
	ID            int64
	GUID          string
	Event, Action string
	Status        int // 0 if nobody answered
	Redelivery    bool
	Payload       []byte
	At            time.Time
}

// Deliveries returns the log of attempts, oldest first.
func (s *Server) Deliveries() []Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Delivery
	for _, d := range s.hooks.log {
		out = append(out, Delivery{d.id, d.guid, d.event, d.action, d.status, d.redelivery, slices.Clone(d.payload), d.sent})
	}
	return out
}

func (c *call) listDeliveries() (reply, error) {
	list := slices.DeleteFunc(slices.Clone(c.s.hooks.log), func(d *delivery) bool { return d.app != c.by.app })
	slices.Reverse(list)
	// The list is paged by a cursor: the id of the first entry of the page.
	if cursor := c.query("cursor"); cursor != "" {
		at := slices.IndexFunc(list, func(d *delivery) bool { return strconv.FormatInt(d.id, 10) == cursor })
		if at < 0 {
			return reply{}, fail(http.StatusUnprocessableEntity, "cursor is invalid")
		}
		list = list[at:]
	}
	size := bounded(c.query("per_page"), 30, 1, 100)
	if len(list) > size {
		q := c.r.URL.Query()
		q.Set("cursor", strconv.FormatInt(list[size].id, 10))
		c.header.Set("Link", "<"+c.s.api("/app/hook/deliveries")+"?"+q.Encode()+`>; rel="next"`)
		list = list[:size]
	}
	return ok(collect(list, c.s.deliveryJSON))
}

func (s *Server) deliveryJSON(d *delivery) object {
	out := object{
		"id": d.id, "guid": d.guid, "delivered_at": stamp(d.sent), "redelivery": d.redelivery, "duration": d.took.Seconds(),
		"status": d.statusText, "status_code": d.status, "event": d.event, "action": orNull(d.action),
		"installation_id": d.app.installation, "repository_id": nil, "throttled_at": nil,
	}
	if d.repoID != 0 {
		out["repository_id"] = d.repoID
	}
	return out
}

func (c *call) delivery() (*delivery, error) {
	for _, d := range c.s.hooks.log {
		if d.id == c.number("id") && d.app == c.by.app {
			return d, nil
		}
	}
	return nil, notFound()
}

func (c *call) getDelivery() (reply, error) {
	d, err := c.delivery()
	if err != nil {
		return reply{}, err
	}
	out := c.s.deliveryJSON(d)
	headers := object{}
	for k := range d.header {
		headers[k] = d.header.Get(k)
	}
	out["url"] = c.s.hooks.url
	out["request"] = object{"headers": headers, "payload": json.RawMessage(d.payload)}
	out["response"] = object{"headers": object{}, "payload": d.answer}
	return ok(out)
}

// redeliver sends a webhook again: the same id for the receiver, a new entry in the log.
func (c *call) redeliver() (reply, error) {
	d, err := c.delivery()
	if err != nil {
		return reply{}, err
	}
	again := &delivery{
		id: c.s.id(), guid: d.guid, app: d.app, event: d.event, action: d.action, payload: d.payload,
		redelivery: true, repoID: d.repoID,
	}
	c.s.push(again)
	return reply{http.StatusAccepted, object{}}, nil
}

func (c *call) getHookConfig() (reply, error) { return ok(c.s.hookConfig()) }

func (c *call) setHookConfig() (reply, error) {
	var in struct{ URL, Secret *string }
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	if in.URL != nil {
		c.s.hooks.url = *in.URL
	}
	if in.Secret != nil {
		c.s.hooks.secret = *in.Secret
	}
	return ok(c.s.hookConfig())
}
