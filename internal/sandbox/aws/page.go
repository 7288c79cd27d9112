package awsbox

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// A pager cuts lists. Its tokens are opaque to the caller and good for the same operation, account
// and region; they hold the key of the last entry, so that entries which come or go between two
// pages shift nothing.
type pager struct {
	size int           // the service's default and limit
	life time.Duration // how long its tokens are good; 0 is for ever
	// refusal answers a token that is unknown or too old.
	refusal func() error
}

// page returns the entries after token, at most limit (0 is the default), and the token of the
// rest, "" if there is none. The list is sorted by key.
func page[T any](c *call, p pager, list []T, key func(T) string, token string, limit int) ([]T, string, error) {
	after, err := p.open(c, token)
	if err != nil {
		return nil, "", err
	}
	if limit <= 0 || limit > p.size {
		limit = p.size
	}
	if size := c.srv.cond.PageSize; size > 0 {
		limit = min(limit, size)
	}
	var out []T
	for _, element := range list {
		if token != "" && key(element) <= after {
			continue
		}
		if len(out) == limit {
			return out, c.seal(key(out[limit-1])), nil
		}
		out = append(out, element)
	}
	return out, "", nil
}

func (c *call) seal(last string) string {
	fields := []string{c.Service, c.Operation, c.Account, c.Region, strconv.FormatInt(c.now().UnixNano(), 10), last}
	return base64.RawURLEncoding.EncodeToString([]byte(strings.Join(fields, "\n")))
}

func (p pager) open(c *call, token string) (after string, err error) {
	if token == "" {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return "", p.refusal()
	}
	fields := strings.SplitN(string(raw), "\n", 6)
	if len(fields) != 6 || fields[0] != c.Service || fields[1] != c.Operation || fields[2] != c.Account || fields[3] != c.Region {
		return "", p.refusal()
	}
	life := p.life
	if short := c.srv.cond.TokenLife; short > 0 {
		life = short
	}
	made, err := strconv.ParseInt(fields[4], 10, 64)
	if err != nil || (life > 0 && c.now().Sub(time.Unix(0, made)) >= life) {
		return "", p.refusal()
	}
	return fields[5], nil
}

func byName(r *Resource) string { return r.Name }
