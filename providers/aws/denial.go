package aws

import (
	"errors"
	"regexp"
	"strings"

	"github.com/aws/smithy-go"

	"tenantry.dev/providers"
)

// A Denial is what AWS says of a call that it didn't allow.
type Denial struct {
	Action   string // "s3:PutBucketTagging"; empty if the message doesn't say
	Resource string // an ARN; empty if the message doesn't say
	Because  string // "no identity-based policy allows the … action", "with an explicit deny in …"; may be empty
	Explicit bool   // something forbids it, rather than nothing allows it
}

// The forms of the messages. Services agree on them, but not all say all of it.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
var (
	deniedAction   = regexp.MustCompile(`not authorized to perform:? '?"?([a-z0-9-]+:[A-Za-z0-9*]+)`)
	deniedResource = regexp.MustCompile(`on (?:the )?resources?:? '?"?(arn:[^\s'",]+|\*)`)
	deniedBecause  = regexp.MustCompile(`(because no [a-z -]+ allows[^.(]*|with an explicit deny[^.(]*)`)
)

// DenialOf reads the refusal in an error; false if it isn't one.
func DenialOf(err error) (Denial, bool) {
	var d Denial
	if err == nil {
		return d, false
	}
	text := err.Error()
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		if !errors.Is(sentinels[api.ErrorCode()], providers.ErrDenied) {
			return d, false
		}
		text = api.ErrorMessage()
	} else if !errors.Is(err, providers.ErrDenied) {
		return d, false
	}
	d = readDenial(text)
	var operation *smithy.OperationError
	if d.Action == "" && errors.As(err, &operation) {
		d.Action = actionOf(operation.ServiceID, operation.OperationName)
	}
	return d, true
}

// actionPrefixes are the names of services in policies, where they aren't the SDK's in small letters.
var actionPrefixes = map[string]string{
	"CloudControl": "cloudformation", "CloudWatch Logs": "logs", "Secrets Manager": "secretsmanager", "Resource Groups Tagging API": "tag",
}

// actionNames are the actions of S3's operations that have another name, as far as drivers use them.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
var actionNames = map[string]string{
	"DeleteBucketLifecycle": "PutLifecycleConfiguration", "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
	"GetBucketEncryption": "GetEncryptionConfiguration", "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
	"GetBucketNotificationConfiguration": "GetBucketNotification", "GetBucketReplication": "GetReplicationConfiguration",
	"GetObjectLockConfiguration": "GetBucketObjectLockConfiguration", "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
	"HeadBucket": "ListBucket", "ListBuckets": "ListAllMyBuckets", "PutBucketEncryption": "PutEncryptionConfiguration",
	"PutBucketLifecycleConfiguration": "PutLifecycleConfiguration", "PutBucketNotificationConfiguration": "PutBucketNotification",
	"PutBucketReplication": "PutReplicationConfiguration", "DeleteBucketReplication": "PutReplicationConfiguration",
	"PutPublicAccessBlock": "PutBucketPublicAccessBlock",
}

// actionOf is the action that an operation asks for, by what the SDK calls it. It is for refusals that
// don't name it, as those of requests that are answered without a body.
func actionOf(service, operation string) string {
	prefix, ok := actionPrefixes[service]
	if !ok {
		prefix = strings.ToLower(strings.ReplaceAll(service, " ", ""))
	}
	if name, ok := actionNames[operation]; ok && prefix == "s3" {
		operation = name
	}
	return prefix + ":" + operation
}

// readDenial reads the message of a refusal.
func readDenial(text string) Denial {
	var d Denial
	for form, into := range map[*regexp.Regexp]*string{deniedAction: &d.Action, deniedResource: &d.Resource, deniedBecause: &d.Because} {
		if m := form.FindStringSubmatch(text); m != nil {
			*into = m[1]
		}
	}
	d.Explicit = len(d.Because) > 4 && d.Because[:4] == "with"
	return d
}
