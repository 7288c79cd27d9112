package awsbox

import (
	"encoding/json"
	"net"
	"slices"
	"strings"
	"time"
	"unicode"
)

// EventWeather is how events fare on their way from who made them to a queue.
type EventWeather struct {
	Delay  time.Duration `json:"delay,omitempty"`
	Repeat int           `json:"repeat,omitempty"` // every n-th event comes twice
	Lose   int           `json:"lose,omitempty"`   // every n-th event never comes
}

// A trail logs the writes of everybody, as CloudTrail does, and EventBridge's rules deliver what
// matches them: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
// Where there is no rule, nothing is logged. It is used under the server's lock.
type trail struct {
	ids       ids
	delivered int // matches of rules, for every n-th of the weather
}

// A deed is what the trail logs.
type deed struct {
	service, action string // "iam", "AttachRolePolicy"
	account, region string
	who             identity
	key             string // the access key
	from, agent     string
	parameters      obj
	answer          obj
	failure         *apiError
	request         string
}

// hidden is what stands in the trail for what is none of its readers' business.
const hidden = "HIDDEN_DUE_TO_SECURITY_REASONS"

// unlogged are the members of requests that the trail hides.
var unlogged = []string{"SecretString", "SecretBinary", "DesiredState", "PatchDocument", "body"}

// logCall logs a write through the API, whether it worked or not.
func (s *Server) logCall(c *call, result any, failure *apiError, requestID string) {
	if !c.Write || c.Account == "" {
		return
	}
	host, _, err := net.SplitHostPort(c.req.RemoteAddr)
	if err != nil { // called in process
		host = "127.0.0.1"
	}
	answer, _ := result.(obj)
	d := deed{
		service: c.Service, action: c.Operation, account: c.Account, region: c.Region, who: c.who, key: scopeOf(c.req).key,
		from: host, agent: c.req.UserAgent(), parameters: c.in, answer: answer, failure: failure, request: requestID,
	}
	if c.Service == "s3" { // https://docs.aws.amazon.com/AmazonS3/latest/userguide/cloudtrail-logging-s3-info.html
		d.parameters = obj{"bucketName": c.in.str("Bucket")}
		if !strings.Contains(d.action, "Bucket") {
			d.action = c.req.Method[:1] + strings.ToLower(c.req.Method[1:]) + "Bucket" + strings.TrimPrefix(strings.TrimPrefix(d.action, "Put"), "Delete")
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tell(d)
}

// tell delivers a deed by the rules of its account and region. The caller holds the lock.
func (s *Server) tell(d deed) {
	if d.service == "iam" {
		d.region = "us-east-1" // where IAM logs, wherever it was called from
	}
	rules := s.store.list(placeOf(kindRule, d.account, d.region), nil, nil)
	if len(rules) == 0 {
		return
	}
	text, err := json.Marshal(s.envelope(d))
	if err != nil {
		return // no event has what JSON can't say
	}
	var event map[string]any
	if json.Unmarshal(text, &event) != nil {
		return
	}
	for _, rule := range rules {
		for _, queue := range s.targets(rule, event) {
			s.deliver(queue, string(text))
		}
	}
}

// deliver puts an event into a queue, as the weather is.
func (s *Server) deliver(queue *Resource, text string) {
	w := s.cond.Events
	s.trail.delivered++
	if w.Lose > 0 && s.trail.delivered%w.Lose == 0 {
		return
	}
	s.send(queue, text, w.Delay)
	if w.Repeat > 0 && s.trail.delivered%w.Repeat == 0 {
		s.send(queue, text, w.Delay)
	}
}

// envelope is what EventBridge makes of a record of CloudTrail.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
func (s *Server) envelope(d deed) obj {
	now := s.opts.Now().UTC().Format(time.RFC3339)
	record := obj{
		"eventVersion": "1.11", "eventTime": now, "eventSource": d.service + ".amazonaws.com", "eventName": d.action,
		"awsRegion": d.region, "sourceIPAddress": d.from, "userAgent": d.agent, "userIdentity": d.identity(),
		"requestParameters": logged(d.parameters), "responseElements": logged(d.answer), "requestID": d.request,
		"eventID": s.trail.ids.uuid(), "readOnly": false, "eventType": "AwsApiCall", "managementEvent": true,
		"recipientAccountId": d.account, "eventCategory": "Management",
	}
	if d.failure != nil {
		record["errorCode"], record["errorMessage"], record["responseElements"] = d.failure.code, d.failure.message, nil
	}
	return obj{
		"version": "0", "id": s.trail.ids.uuid(), "detail-type": "AWS API Call via CloudTrail", "source": "aws." + d.service,
		"account": d.account, "time": now, "region": d.region, "resources": []string{}, "detail": record,
	}
}

// identity is https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html.
func (d deed) identity() obj {
	out := obj{"type": "IAMUser", "principalId": d.who.id, "arn": d.who.arn, "accountId": d.who.account, "accessKeyId": d.key}
	_, session, assumed := strings.Cut(d.who.arn, ":assumed-role/")
	if !assumed {
		return out.add("userName", d.who.arn[strings.LastIndex(d.who.arn, "/")+1:])
	}
	role, _, _ := strings.Cut(session, "/")
	issuer, _, _ := strings.Cut(d.who.id, ":")
	out["type"] = "AssumedRole"
	out["sessionContext"] = obj{"sessionIssuer": obj{
		"type": "Role", "principalId": issuer, "arn": "arn:aws:iam::" + d.who.account + ":role/" + role, "accountId": d.who.account, "userName": role,
	}}
	return out
}

// logged writes members as the trail does: they begin in lower case, and secrets are hidden.
func logged(o obj) any {
	if o == nil {
		return nil
	}
	out := obj{}
	for name, v := range o {
		switch inner := v.(type) {
		case obj:
			v = logged(inner)
		case []obj:
			list := make([]any, len(inner))
			for i, element := range inner {
				list[i] = logged(element)
			}
			v = list
		}
		if slices.Contains(unlogged, name) {
			v = hidden
		}
		first := []rune(name)
		if len(first) > 0 {
			first[0] = unicode.ToLower(first[0])
		}
		out[string(first)] = v
	}
	return out
}

// byHand is what a mischief looks like in the trail: the call that a person makes for it at the
// console, from an address that is nobody's. https://www.rfc-editor.org/rfc/rfc5737
func (s *Server) byHand(m Mischief, r *Resource, fate verdict, by string) {
	h, known := handles[r.Kind]
	d := deed{
		service: serviceOf(r.Kind), account: r.Account, region: r.Region, from: "203.0.113.7", agent: "console.amazonaws.com",
		who: identity{account: r.Account, arn: by, id: "AIDASANDBOXBYHAND0000"}, key: "ASIASANDBOXBYHAND0000",
		action: h.change, parameters: obj{h.member: r.Name},
	}
	if strings.Contains(by, ":assumed-role/") {
		d.who.id = "AROASANDBOXBYHAND0000:" + by[strings.LastIndex(by, "/")+1:]
	}
	if !known {
		d.action, d.parameters = "UpdateResource", obj{"typeName": r.Kind, "identifier": r.Name}
	}
	if h.byARN {
		d.parameters[h.member] = r.ID
	}
	switch action := pranksLogged[m.Do]; {
	case action != "":
		d.action = action
	case fate == goes && known:
		d.action = h.remove
	case fate == goes:
		d.action = "DeleteResource"
	case known && (strings.HasPrefix(m.Attribute, "tags.") || m.Do == "tag-changed" || m.Do == "mark-removed"):
		d.action = h.tag
	}
	if r.Region == global {
		d.region = "us-east-1"
	}
	s.tell(d)
}

// A handle is how a service's calls name a resource, and what they are called.
type handle struct {
	member              string // of the request that has its name
	byARN               bool
	change, remove, tag string
}

var handles = map[string]handle{
	kindBucket:   {"bucketName", false, "PutBucketPolicy", "DeleteBucket", "PutBucketTagging"},
	kindRole:     {"roleName", false, "UpdateRole", "DeleteRole", "TagRole"},
	kindKey:      {"keyId", true, "PutKeyPolicy", "ScheduleKeyDeletion", "TagResource"},
	kindLogGroup: {"logGroupName", false, "PutRetentionPolicy", "DeleteLogGroup", "TagResource"},
	kindAlarm:    {"alarmName", false, "PutMetricAlarm", "DeleteAlarms", "TagResource"},
	kindTopic:    {"topicArn", true, "SetTopicAttributes", "DeleteTopic", "TagResource"},
	kindQueue:    {"queueUrl", false, "SetQueueAttributes", "DeleteQueue", "TagQueue"},
	kindSecret:   {"secretId", true, "PutResourcePolicy", "DeleteSecret", "TagResource"},
}

// pranksLogged are the calls of those pranks that a kind's ordinary one would name wrongly.
var pranksLogged = map[string]string{
	"admin-attached": "AttachRolePolicy", "boundary-removed": "DeleteRolePermissionsBoundary", "inline-policy-added": "PutRolePolicy",
	"trust-widened": "UpdateAssumeRolePolicy", "grant-added": "CreateGrant", "rotation-off": "DisableKeyRotation",
	"retention-removed": "DeleteRetentionPolicy", "encryption-reset": "PutBucketEncryption", "lifecycle-removed": "DeleteBucketLifecycle",
	"public-access-block-removed": "DeleteBucketPublicAccessBlock", "versioning-off": "PutBucketVersioning",
	"subscription-added": "Subscribe", "actions-disabled": "DisableAlarmActions",
}
