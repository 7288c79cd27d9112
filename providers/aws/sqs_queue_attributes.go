package aws

import (
	"encoding/json"
	"fmt"
	"strconv"

	"tenantry.dev/reconciler/resource"
)

// How a queue is encrypted at rest: by keys of SQS itself, by a key of KMS, or not.
const (
	encryptedBySQS = "sqs"
	encryptedByKMS = "kms"
	notEncrypted   = "none"
)

// defaultQueueKey is how the account's own key is asked for by name.
const defaultQueueKey = "alias/aws/sqs"

// A deadLetter says where messages go that nobody could handle.
type deadLetter struct {
	TargetARN       string `json:"targetArn"`
	MaxReceiveCount int64  `json:"maxReceiveCount"`
}

// redrivePolicy is a deadLetter in the service's words. Consoles and old tools write the count as a
// string, which AWS keeps as it is.
type redrivePolicy struct {
	Target string          `json:"deadLetterTargetArn"`
	Count  json.RawMessage `json:"maxReceiveCount"`
}

// A redriveAllow says which queues may use this one as the one for what nobody could handle. The default
// is every queue of the account and region.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html (RedriveAllowPolicy)
type redriveAllow struct {
	Permission string   `json:"permission"` // allowAll, denyAll or byQueue
	Sources    []string `json:"sources"`    // ARNs, with byQueue
}

const allowEvery = "allowAll"

var everyQueue = redriveAllow{Permission: allowEvery, Sources: []string{}}

func tidyRedrive(r *redriveAllow) {
	r.Sources = sortedBy(r.Sources, func(arn string) string { return arn })
}

// decodeQueue reads what is wanted, and refuses a key without the encryption that uses it: the
// service would drop one of the two without a word.
func decodeQueue(want resource.Desired) (queueAttributes, error) {
	var w queueAttributes
	if err := decode(kindQueue, want, &w); err != nil {
		return w, err
	}
	if w.KMSKey != "" && w.Encryption != encryptedByKMS {
		return w, fmt.Errorf(`%s: kmsKey needs encryption "kms", and encryption is %q`, want.Address, w.Encryption)
	}
	return w, nil
}

// changes returns the attributes to send for what differs, in the service's words. An empty text
// removes a policy.
func (w queueAttributes) changes(differs func(...string) bool) map[string]string {
	send := map[string]string{}
	for _, number := range []struct {
		attribute, name string
		value           int64
	}{
		{"visibilityTimeout", "VisibilityTimeout", w.VisibilityTimeout},
		{"messageRetention", "MessageRetentionPeriod", w.MessageRetention},
		{"delay", "DelaySeconds", w.Delay},
		{"maxMessageSize", "MaximumMessageSize", w.MaxMessageSize},
		{"receiveWait", "ReceiveMessageWaitTimeSeconds", w.ReceiveWait},
	} {
		if differs(number.attribute) {
			send[number.name] = strconv.FormatInt(number.value, 10)
		}
	}
	if differs("encryption", "kmsKey") {
		send["KmsMasterKeyId"] = w.key()
		send["SqsManagedSseEnabled"] = strconv.FormatBool(w.Encryption == encryptedBySQS)
	}
	if differs("deadLetter") {
		send["RedrivePolicy"] = w.redrive()
	}
	if differs("redriveAllow") {
		send["RedriveAllowPolicy"] = w.redriveAllowPolicy()
	}
	if differs("policy") {
		send["Policy"] = string(w.Policy)
	}
	return send
}

// creation returns all attributes that a new queue is to have. What is unset is left out, for the
// service takes an empty policy only as the removal of one.
func (w queueAttributes) creation() map[string]string {
	send := w.changes(func(...string) bool { return true })
	for name, text := range send {
		if text == "" {
			delete(send, name)
		}
	}
	return send
}

// key is the key to send: none unless the encryption is by KMS.
func (w queueAttributes) key() string {
	switch {
	case w.Encryption != encryptedByKMS:
		return ""
	case w.KMSKey == "":
		return defaultQueueKey
	}
	return w.KMSKey
}

func (w queueAttributes) redrive() string {
	if w.DeadLetter == nil {
		return ""
	}
	return literal(map[string]any{
		"deadLetterTargetArn": w.DeadLetter.TargetARN, "maxReceiveCount": w.DeadLetter.MaxReceiveCount,
	}).Reveal()
}

// redriveAllowPolicy is the text to send; empty, which takes a policy away, for the default.
func (w queueAttributes) redriveAllowPolicy() string {
	switch r := w.RedriveAllow; {
	case r.Permission == allowEvery:
		return ""
	case len(r.Sources) == 0:
		return literal(map[string]any{"redrivePermission": r.Permission}).Reveal()
	default:
		return literal(map[string]any{"redrivePermission": r.Permission, "sourceQueueArns": r.Sources}).Reveal()
	}
}

// queueFrom reads the attributes that the service returned; everything in them is text. Name and
// Tags are left to the caller.
func queueFrom(all map[string]string) (queueAttributes, error) {
	var w queueAttributes
	for name, into := range map[string]*int64{
		"VisibilityTimeout":             &w.VisibilityTimeout,
		"MessageRetentionPeriod":        &w.MessageRetention,
		"DelaySeconds":                  &w.Delay,
		"MaximumMessageSize":            &w.MaxMessageSize,
		"ReceiveMessageWaitTimeSeconds": &w.ReceiveWait,
	} {
		n, err := strconv.ParseInt(all[name], 10, 64)
		if err != nil {
			return w, fmt.Errorf("attribute %s: %w", name, err)
		}
		*into = n
	}
	w.Encryption, w.KMSKey = queueEncryption(all)
	w.Policy = policyFrom(all["Policy"])
	var err error
	if w.RedriveAllow, err = redriveAllowFrom(all["RedriveAllowPolicy"]); err != nil {
		return w, err
	}
	w.DeadLetter, err = deadLetterFrom(all["RedrivePolicy"])
	return w, err
}

func queueEncryption(all map[string]string) (encryption, key string) {
	switch key := all["KmsMasterKeyId"]; {
	case key == defaultQueueKey:
		return encryptedByKMS, ""
	case key != "":
		return encryptedByKMS, key
	case all["SqsManagedSseEnabled"] == "true":
		return encryptedBySQS, ""
	}
	return notEncrypted, ""
}

func redriveAllowFrom(text string) (redriveAllow, error) {
	if text == "" {
		return everyQueue, nil
	}
	var policy struct {
		Permission string   `json:"redrivePermission"`
		Sources    []string `json:"sourceQueueArns"`
	}
	if err := json.Unmarshal([]byte(text), &policy); err != nil {
		return redriveAllow{}, fmt.Errorf("attribute RedriveAllowPolicy: %w", err)
	}
	return redriveAllow{Permission: policy.Permission, Sources: append([]string{}, policy.Sources...)}, nil
}

func deadLetterFrom(text string) (*deadLetter, error) {
	if text == "" {
		return nil, nil
	}
	var policy redrivePolicy
	if err := json.Unmarshal([]byte(text), &policy); err != nil {
		return nil, fmt.Errorf("attribute RedrivePolicy: %w", err)
	}
	plain := string(policy.Count)
	if quoted := ""; json.Unmarshal(policy.Count, &quoted) == nil {
		plain = quoted
	}
	count, err := strconv.ParseInt(plain, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("attribute RedrivePolicy: maxReceiveCount: %w", err)
	}
	return &deadLetter{TargetARN: policy.Target, MaxReceiveCount: count}, nil
}
