package aws

import (
	"context"
	"sync"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go/middleware"
	"golang.org/x/time/rate"
)

// rates are the calls per second that we allow ourselves per account, region and service, or per
// operation where AWS gives an operation a much lower quota than its service. An operation that is
// listed counts against its own rate only.
//
// They stay below AWS's default quotas, so that the rest of the account can work as well. Where AWS
// publishes no number, the rate is a guess on the safe side and says so.
var rates = map[string]rate.Limit{
	// S3 publishes quotas for objects only; too many bucket calls are answered with SlowDown.
	"S3": 250, // guess
	// IAM publishes none, and is one place for the whole account.
	"IAM": 20, // guess
	// https://docs.aws.amazon.com/kms/latest/developerguide/requests-per-second.html
	"KMS":                      400, // reads: 500 (ListKeys, ListAliases) to 2,000
	"KMS.CreateKey":            4,   // 5
	"KMS.CreateAlias":          4,   // 5
	"KMS.DeleteAlias":          4,   // 5
	"KMS.UpdateKeyDescription": 4,   // 5
	"KMS.EnableKeyRotation":    4,   // 5
	"KMS.DisableKeyRotation":   4,   // 5
	"KMS.PutKeyPolicy":         4,   // 5
	"KMS.TagResource":          4,   // 5
	"KMS.UntagResource":        4,   // 5
	"KMS.EnableKey":            4,   // 5
	"KMS.DisableKey":           4,   // 5
	"KMS.CancelKeyDeletion":    4,   // 5
	"KMS.ListGrants":           80,  // 100
	"KMS.CreateGrant":          40,  // 50
	"KMS.RevokeGrant":          12,  // 15 in older regions, 30 in others
	// https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html
	"Secrets Manager": 40, // 50 for most; more for reads
	// https://docs.aws.amazon.com/sns/latest/api/API_ListTopics.html, …/API_TagResource.html
	"SNS":               25, // 30 for lists; the others unpublished there
	"SNS.TagResource":   8,  // 10
	"SNS.UntagResource": 8,  // 10
	// SQS publishes quotas for messages only.
	"SQS": 100, // guess
	// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
	"CloudWatch Logs": 10, // 10 for groups
	"CloudWatch Logs.DescribeSubscriptionFilters": 4, // 5, which AWS doesn't raise
	"CloudWatch Logs.PutSubscriptionFilter":       4, // 5
	"CloudWatch Logs.DeleteSubscriptionFilter":    4, // 5
	// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html
	"CloudWatch":                20, // guess for tags
	"CloudWatch.DescribeAlarms": 8,  // 9
	"CloudWatch.DeleteAlarms":   3,  // 3
	"CloudWatch.PutMetricAlarm": 3,  // 3
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
	"STS":                         50, // 600 shared by the account
	"Resource Groups Tagging API": 10, // guess
}

// otherwise is the rate of a service that isn't in the table.
const otherwise rate.Limit = 10

// limiters hold back calls in one account and region. Safe for concurrent use.
type limiters struct {
	mu     sync.Mutex
	byName map[string]*limiter
}

func newLimiters() *limiters { return &limiters{byName: map[string]*limiter{}} }

// limiter is the one that an operation counts against.
func (l *limiters) limiter(service, operation string) *limiter {
	name := service + "." + operation
	limit, own := rates[name]
	if !own {
		name = service
		var known bool
		if limit, known = rates[name]; !known {
			limit = otherwise
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	made := l.byName[name]
	if made == nil {
		made = newLimiter(limit)
		l.byName[name] = made
	}
	return made
}

// addLimiter makes each attempt of a call wait its turn. It stands behind the retryer, so that
// retries are limited too, and before the signer, so that waiting can't age a signature. An answer that
// refuses an attempt for coming too fast slows down all that follow.
func addLimiter(l *limiters) func(*middleware.Stack) error {
	throttles := retry.ThrottleErrorCode{Codes: throttleCodes()}
	wait := func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
		limiter := l.limiter(awsmiddleware.GetServiceID(ctx), awsmiddleware.GetOperationName(ctx))
		if err := limiter.wait(ctx); err != nil {
			return middleware.FinalizeOutput{}, middleware.Metadata{}, &notSentError{err}
		}
		sent := time.Now()
		out, meta, err := next.HandleFinalize(ctx, in)
		if err != nil && throttles.IsErrorThrottle(err).Bool() {
			limiter.throttled(sent)
		}
		return out, meta, err
	}
	return func(stack *middleware.Stack) error {
		return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("TenantryLimiter", wait), "Retry", middleware.After)
	}
}

// notSentError is a call that was given up before it was sent: it had no effect for certain.
type notSentError struct{ err error }

func (e *notSentError) Error() string { return "not sent: " + e.err.Error() }

// Unwrap returns why it was given up.
func (e *notSentError) Unwrap() error { return e.err }
