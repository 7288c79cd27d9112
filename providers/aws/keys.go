package aws

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/middleware"
)

// Keys knows the access keys that this process was given by AssumeRole, so that it recognises its own
// writes in CloudTrail's records. A session's name can be chosen by whoever may assume a role, and so tells
// nothing; the key of a session is AWS's, and a record says which one signed the request.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
// Safe for concurrent use.
type Keys struct {
	mu    sync.Mutex
	given map[string]time.Time // when
}

// NewKeys knows none yet.
func NewKeys() *Keys { return &Keys{given: map[string]time.Time{}} }

// keyMemory is how long a key is recognised: for as long as a session lasts, and a day more, as records
// may come late.
const keyMemory = sessionLength + 24*time.Hour

// Watch returns base with an ear for the sessions that are begun with it.
func (k *Keys) Watch(base aws.Config) aws.Config {
	hear := middleware.InitializeMiddlewareFunc("TenantryKeys", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		out, meta, err := next.HandleInitialize(ctx, in)
		if session, ok := out.Result.(*sts.AssumeRoleOutput); ok && err == nil && session != nil && session.Credentials != nil {
			k.learn(aws.ToString(session.Credentials.AccessKeyId), time.Now())
		}
		return out, meta, err
	})
	base.APIOptions = append(slices.Clone(base.APIOptions), func(stack *middleware.Stack) error {
		return stack.Initialize.Add(hear, middleware.Before)
	})
	return base
}

func (k *Keys) learn(key string, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	maps.DeleteFunc(k.given, func(_ string, at time.Time) bool { return now.Sub(at) > keyMemory })
	k.given[key] = now
}

// has tells whether a key was given to this process.
func (k *Keys) has(key string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, known := k.given[key]
	return known && key != ""
}
