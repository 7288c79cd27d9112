package aws

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

// An envelope is an event as EventBridge delivers it.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
type envelope struct {
	ID         string      `json:"id"`
	DetailType string      `json:"detail-type"`
	Account    string      `json:"account"`
	Detail     trailRecord `json:"detail"`
}

// A trailRecord is what CloudTrail says of one call, as far as we read it.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
type trailRecord struct {
	EventID            string          `json:"eventID"`
	EventTime          time.Time       `json:"eventTime"`
	EventSource        string          `json:"eventSource"`
	EventName          string          `json:"eventName"`
	Region             string          `json:"awsRegion"`
	SourceIPAddress    string          `json:"sourceIPAddress"`
	ErrorCode          string          `json:"errorCode"`
	ReadOnly           bool            `json:"readOnly"`
	RecipientAccountID string          `json:"recipientAccountId"`
	RequestParameters  any             `json:"requestParameters"`
	ResponseElements   any             `json:"responseElements"`
	Resources          []trailResource `json:"resources"`
	UserIdentity       trailIdentity   `json:"userIdentity"`
}

type trailResource struct {
	ARN string `json:"ARN"`
}

// A trailIdentity is who made a call.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
type trailIdentity struct {
	Type        string `json:"type"`
	PrincipalID string `json:"principalId"`
	ARN         string `json:"arn"`
	AccountID   string `json:"accountId"`
	AccessKeyID string `json:"accessKeyId"`
	UserName    string `json:"userName"`
	InvokedBy   string `json:"invokedBy"`
}

// detailType is what EventBridge calls records of API calls.
const detailType = "AWS API Call via CloudTrail"

// errRead means that a record is about a call that only reads.
var errRead = errors.New("it only reads")

// parseEvent reads what arrived in the queue of an account. An error wraps providers.ErrForeign if it is
// no record of a call in that account, and errRead if the call changed nothing. Pure.
func parseEvent(account, body string, about eventKinds, ours func(accessKey string) bool) (providers.Event, error) {
	var e envelope
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		return providers.Event{}, fmt.Errorf("%w: it is no JSON of CloudTrail's", providers.ErrForeign)
	}
	r := e.Detail
	service, isAWS := strings.CutSuffix(r.EventSource, ".amazonaws.com")
	switch {
	case e.DetailType != detailType || !isAWS || r.EventName == "":
		return providers.Event{}, fmt.Errorf("%w: it is no %q", providers.ErrForeign, detailType)
	case e.Account != account || r.RecipientAccountID != "" && r.RecipientAccountID != account:
		return providers.Event{}, fmt.Errorf("%w: it is another account's", providers.ErrForeign)
	case r.ReadOnly:
		return providers.Event{}, errRead
	}
	id := r.EventID
	if id == "" {
		id = e.ID
	}
	if id == "" {
		return providers.Event{}, fmt.Errorf("%w: it has no id", providers.ErrForeign)
	}
	return providers.Event{
		ID: id, Scope: resource.Scope{Account: account, Region: r.Region}, Action: service + ":" + r.EventName,
		Kinds: about.of(service, r), Names: r.names(),
		By: r.UserIdentity.who(), Session: r.UserIdentity.session(), From: r.SourceIPAddress, At: r.EventTime,
		Ours: ours(r.UserIdentity.AccessKeyID), Denied: r.ErrorCode != "",
	}, nil
}

// who is an identity as people would look it up.
func (u trailIdentity) who() string {
	for _, text := range []string{u.ARN, u.InvokedBy, u.UserName, u.PrincipalID, u.Type} {
		if text != "" {
			return text
		}
	}
	return "unknown"
}

// session is the name that a role's session was given by whoever assumed the role.
func (u trailIdentity) session() string {
	if _, rest, assumed := strings.Cut(u.ARN, ":assumed-role/"); assumed {
		return rest[strings.LastIndex(rest, "/")+1:]
	}
	if u.Type == "AssumedRole" {
		_, name, _ := strings.Cut(u.PrincipalID, ":")
		return name
	}
	return ""
}

// Bounds of what is gathered from one record, so that a hostile one costs little.
const (
	mostNames    = 200
	mostValues   = 5000
	longestName  = 1024
	shortestName = 3
)

// names are all texts of a record that may name what it is about, each once, in the order of the record's
// keys. What AWS calls by ARN or by URL it also calls by the last part of that.
func (r trailRecord) names() []string {
	g := gatherer{seen: map[string]bool{}}
	for _, one := range r.Resources {
		g.add(one.ARN)
	}
	g.walk(r.RequestParameters)
	g.walk(r.ResponseElements)
	return g.names
}

type gatherer struct {
	names  []string
	seen   map[string]bool
	values int
}

func (g *gatherer) walk(v any) {
	if g.values++; g.values > mostValues {
		return
	}
	switch v := v.(type) {
	case string:
		g.add(v)
	case []any:
		for _, element := range v {
			g.walk(element)
		}
	case map[string]any:
		for _, key := range sortedKeys(v) {
			g.walk(v[key])
		}
	}
}

// noName matches texts that many resources have in their records and outputs, so that they name none:
// accounts, regions, numbers, times and yes or no.
var noName = regexp.MustCompile(`^([0-9.:+TZ-]+|[a-z]{2}(-[a-z]+)+-[0-9][a-z]?|true|false|enabled|disabled|HIDDEN_DUE_TO_SECURITY_REASONS)$`)

func (g *gatherer) add(text string) {
	text = strings.TrimSuffix(text, ":*") // of log groups
	if len(text) < shortestName || len(text) > longestName || strings.ContainsAny(text, " \t\n{}\"") || noName.MatchString(text) {
		return
	}
	if len(g.names) >= mostNames || g.seen[text] {
		return
	}
	g.seen[text] = true
	g.names = append(g.names, text)
	if part := lastPart(text); part != text {
		g.add(part)
	}
}

// lastPart is the name in an ARN or a URL; of other texts, the text.
func lastPart(text string) string {
	switch {
	case strings.HasPrefix(text, "arn:"):
		parts := strings.SplitN(text, ":", 6)
		rest := parts[len(parts)-1]
		if strings.HasPrefix(rest, "log-group:") || strings.HasPrefix(rest, "secret:") || strings.HasPrefix(rest, "alarm:") {
			return rest[strings.Index(rest, ":")+1:]
		}
		return rest[strings.LastIndexAny(rest, "/:")+1:]
	case strings.HasPrefix(text, "https://"), strings.HasPrefix(text, "http://"):
		return text[strings.LastIndex(text, "/")+1:]
	}
	return text
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
