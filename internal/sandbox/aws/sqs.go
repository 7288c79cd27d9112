package awsbox

import (
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sqsService is https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/. Those of its
// operations that are about messages count as reads: they change no resource.
func sqsService() *service {
	k := jsonCodes
	k.throttled, k.denied, k.unknownKey, k.expired = "RequestThrottled", "AccessDenied", "InvalidClientTokenId", "ExpiredToken"
	k.throttledStatus, k.deniedStatus, k.keyStatus, k.invalidTag = 403, 403, 403, "InvalidParameterValue"
	return &service{
		name: "sqs", codes: k,
		speaks: always(jsonRPC{version: "1.0", query: map[string]string{
			"QueueDoesNotExist":    "AWS.SimpleQueueService.NonExistentQueue",
			"QueueNameExists":      "QueueAlreadyExists",
			"QueueDeletedRecently": "AWS.SimpleQueueService.QueueDeletedRecently",
			"RequestThrottled":     "RequestThrottled",
		}}),
		operations: map[string]operation{
			"CreateQueue":        {true, createQueue},
			"DeleteQueue":        {true, deleteQueue},
			"ListQueues":         {false, listQueues},
			"GetQueueUrl":        {false, getQueueURL},
			"GetQueueAttributes": {false, getQueueAttributes},
			"SetQueueAttributes": {true, setQueueAttributes},
			"TagQueue":           {true, tagQueue},
			"UntagQueue":         {true, untagQueue},
			"ListQueueTags":      {false, listQueueTags},
			"SendMessage":        {false, sendMessage},
			"ReceiveMessage":     {false, receiveMessage},
			"DeleteMessage":      {false, deleteMessage},
			"DeleteMessageBatch": {false, deleteMessages},
		},
	}
}

// reuseQueueName is how long the name of a deleted queue can't be used.
const reuseQueueName = 60 * time.Second

var queueName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

// queueNumbers are the numeric attributes with their limits and defaults:
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
var queueNumbers = map[string]struct{ least, most, normal int }{
	"VisibilityTimeout":             {0, 43200, 30},
	"MessageRetentionPeriod":        {60, 1209600, 345600},
	"DelaySeconds":                  {0, 900, 0},
	"MaximumMessageSize":            {1024, 1048576, 1048576},
	"ReceiveMessageWaitTimeSeconds": {0, 20, 0},
	"KmsDataKeyReusePeriodSeconds":  {60, 86400, 300},
}

func createQueue(c *call) (any, error) {
	name := c.in.str("QueueName")
	if !queueName.MatchString(name) {
		return nil, refuse("InvalidParameterValue",
			"Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
	}
	wanted := c.in.texts("Attributes")
	if old := c.get(kindQueue, name); old != nil {
		return recreateQueue(c, old, wanted)
	}
	if at, ok := c.srv.store.deleted(c.place(kindQueue), name); ok && c.now().Sub(at) < reuseQueueName {
		return nil, refuse("QueueDeletedRecently", "You must wait 60 seconds after deleting a queue before you can create another with the same name.")
	}
	r := c.make(kindQueue, name, c.arn("sqs", name))
	for attribute, number := range queueNumbers {
		r.Attributes[attribute] = strconv.Itoa(number.normal)
	}
	r.Attributes["SqsManagedSseEnabled"] = "true"
	if err := setQueue(c, r, wanted); err != nil {
		return nil, err
	}
	if err := c.tag(r, c.in["tags"]); err != nil {
		return nil, err
	}
	c.put(r)
	return obj{"QueueUrl": queueURL(c, r)}, nil
}

// recreateQueue answers with the queue that is there if it has the attributes that were given. Tags
// are neither compared nor changed.
func recreateQueue(c *call, old *Resource, wanted map[string]string) (any, error) {
	same := old.clone()
	if err := setQueue(c, same, wanted); err != nil {
		return nil, err
	}
	for name := range wanted {
		if same.Attributes[name] != old.Attributes[name] {
			return nil, refuse("QueueNameExists", "A queue already exists with the same name and a different value for attribute %s", name)
		}
	}
	return obj{"QueueUrl": queueURL(c, old)}, nil
}

// queueURL carries the host that the request was sent to, so that the URL leads back here.
func queueURL(c *call, r *Resource) string {
	return "http://" + c.req.Host + "/" + r.Account + "/" + r.Name
}

// queue finds the queue of the request's URL.
func queue(c *call) (*Resource, error) {
	parts := strings.Split(strings.TrimSuffix(c.in.str("QueueUrl"), "/"), "/")
	if len(parts) < 2 {
		return nil, fail(http.StatusNotFound, "InvalidAddress", "The address %s is not valid for this endpoint.", c.in.str("QueueUrl"))
	}
	account, name := parts[len(parts)-2], parts[len(parts)-1]
	if account != c.Account {
		return nil, c.srv.services["sqs"].codes.deny(c)
	}
	if r := c.get(kindQueue, name); r != nil {
		return r, nil
	}
	return nil, refuse("QueueDoesNotExist", "The specified queue does not exist.")
}

// setQueue checks and sets attributes; empty text takes an optional one away.
func setQueue(c *call, r *Resource, wanted map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		value := wanted[name]
		if err := checkQueueAttribute(c, name, value); err != nil {
			return err
		}
		if _, number := queueNumbers[name]; number && value == "" {
			continue
		}
		r.set(name, value)
	}
	// A queue has at most one encryption; the one that was set last wins.
	switch {
	case wanted["KmsMasterKeyId"] != "" && wanted["SqsManagedSseEnabled"] == "true":
		return invalidQueue("SqsManagedSseEnabled", "You can use one type of server-side encryption (SSE) at one time.")
	case wanted["KmsMasterKeyId"] != "":
		r.Attributes["SqsManagedSseEnabled"] = "false"
	case wanted["SqsManagedSseEnabled"] == "true":
		r.set("KmsMasterKeyId", "")
	}
	return nil
}

func invalidQueue(name, why string) error {
	return refuse("InvalidAttributeValue", "Invalid value for the parameter %s. Reason: %s", name, why)
}

func checkQueueAttribute(c *call, name, value string) error {
	if limits, ok := queueNumbers[name]; ok {
		n, err := strconv.Atoi(value)
		if value != "" && (err != nil || n < limits.least || n > limits.most) {
			return invalidQueue(name, "it is no number from "+strconv.Itoa(limits.least)+" to "+strconv.Itoa(limits.most))
		}
		return nil
	}
	switch name {
	case "Policy":
		if value != "" && checkDocument("", value) != nil {
			return invalidQueue(name, "it is no policy")
		}
	case "RedrivePolicy":
		return checkRedrive(c, value)
	case "SqsManagedSseEnabled":
		if value != "true" && value != "false" {
			return invalidQueue(name, "it is neither true nor false")
		}
	case "KmsMasterKeyId", "RedriveAllowPolicy":
	default:
		return refuse("InvalidAttributeName", "Unknown Attribute %s.", name)
	}
	return nil
}

// checkRedrive: the dead-letter queue exists, in the same account and region.
func checkRedrive(c *call, value string) error {
	if value == "" {
		return nil
	}
	var redrive struct {
		DeadLetterTargetArn string `json:"deadLetterTargetArn"`
		MaxReceiveCount     any    `json:"maxReceiveCount"`
	}
	if err := json.Unmarshal([]byte(value), &redrive); err != nil {
		return invalidQueue("RedrivePolicy", "it is no JSON object")
	}
	count, err := strconv.Atoi(text(redrive.MaxReceiveCount))
	target := redrive.DeadLetterTargetArn
	name := target[strings.LastIndex(target, ":")+1:]
	switch {
	case err != nil || count < 1 || count > 1000:
		return invalidQueue("RedrivePolicy", "Invalid value for maxReceiveCount, valid values are from 1 to 1000 both inclusive.")
	case target != c.arn("sqs", name) || c.get(kindQueue, name) == nil:
		return refuse("InvalidParameterValue", "Value %s for parameter RedrivePolicy is invalid. Reason: Dead letter target does not exist.", value)
	}
	return nil
}

func deleteQueue(c *call) (any, error) {
	r, err := queue(c)
	if err != nil {
		return nil, err
	}
	c.remove(r)
	delete(c.srv.mailboxes, r.ID)
	return nil, nil
}

// listQueues without MaxResults cuts after 1,000 and doesn't say so.
func listQueues(c *call) (any, error) {
	var matching []*Resource
	for _, r := range c.list(kindQueue) {
		if strings.HasPrefix(r.Name, c.in.str("QueueNamePrefix")) {
			matching = append(matching, r)
		}
	}
	p := pager{size: 1000, refusal: func() error { return refuse("InvalidParameterValue", "Invalid or expired next token.") }}
	queues, next, err := page(c, p, matching, byName, c.in.str("NextToken"), c.in.int("MaxResults", 0))
	if err != nil {
		return nil, err
	}
	if !c.in.has("MaxResults") {
		next = ""
	}
	urls := []string{}
	for _, r := range queues {
		urls = append(urls, queueURL(c, r))
	}
	return obj{"QueueUrls": urls}.add("NextToken", next), nil
}

func getQueueURL(c *call) (any, error) {
	r := c.get(kindQueue, c.in.str("QueueName"))
	if owner := c.in.str("QueueOwnerAWSAccountId"); r == nil || (owner != "" && owner != c.Account) {
		return nil, refuse("QueueDoesNotExist", "The specified queue does not exist.")
	}
	return obj{"QueueUrl": queueURL(c, r)}, nil
}

// queueFacts are the attributes that can't be set.
func queueFacts(r *Resource) map[string]string {
	seconds := strconv.FormatInt(r.Created.Unix(), 10)
	return map[string]string{
		"QueueArn": r.ID, "CreatedTimestamp": seconds, "LastModifiedTimestamp": seconds,
		"ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesNotVisible": "0", "ApproximateNumberOfMessagesDelayed": "0",
	}
}

func getQueueAttributes(c *call) (any, error) {
	r, err := queue(c)
	if err != nil {
		return nil, err
	}
	all := maps.Clone(r.Attributes)
	if all["KmsMasterKeyId"] == "" {
		delete(all, "KmsDataKeyReusePeriodSeconds")
	}
	maps.Copy(all, queueFacts(r))
	chosen := map[string]string{}
	for _, name := range c.in.strs("AttributeNames") {
		switch value, ok := all[name]; {
		case name == "All":
			maps.Copy(chosen, all)
		case ok:
			chosen[name] = value
		case checkQueueAttribute(c, name, "") != nil && name != "SqsManagedSseEnabled":
			return nil, refuse("InvalidAttributeName", "Unknown Attribute %s.", name)
		}
	}
	if len(chosen) == 0 {
		return obj{}, nil
	}
	return obj{"Attributes": chosen}, nil
}

func setQueueAttributes(c *call) (any, error) {
	r, err := queue(c)
	if err != nil {
		return nil, err
	}
	if err := setQueue(c, r, c.in.texts("Attributes")); err != nil {
		return nil, err
	}
	c.put(r)
	return nil, nil
}

func tagQueue(c *call) (any, error) {
	r, err := queue(c)
	if err != nil {
		return nil, err
	}
	if err := c.tag(r, c.in["Tags"]); err != nil {
		return nil, err
	}
	c.put(r)
	return nil, nil
}

func untagQueue(c *call) (any, error) {
	r, err := queue(c)
	if err != nil {
		return nil, err
	}
	untag(r, c.in.strs("TagKeys"))
	c.put(r)
	return nil, nil
}

func listQueueTags(c *call) (any, error) {
	r, err := queue(c)
	if err != nil {
		return nil, err
	}
	if len(r.Tags) == 0 {
		return obj{}, nil
	}
	return obj{"Tags": r.Tags}, nil
}
