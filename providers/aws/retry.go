package aws

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go/middleware"

	"tenantry.dev/providers"
)

// Calls are retried by class:
//
//	reads, idempotent writes          newRetryer
//	creates with a name or a token    newRetryer; the same name or token is sent again
//	kms.CreateKey                     newCautiousRetryer: a second send may make a second key
//
// Each attempt has a deadline of its own, and the limiter counts attempts, not calls.
const (
	maxAttempts  = 8
	firstBackoff = 50 * time.Millisecond
	maxBackoff   = 20 * time.Second

	readDeadline  = 10 * time.Second
	writeDeadline = 30 * time.Second
)

// newRetryer returns the SDK's standard retryer with every choice made here, so that no
// environment variable changes it. Each client needs its own: the quota of retries is in it.
func newRetryer() aws.Retryer {
	return retry.NewStandard(standard, func(o *retry.StandardOptions) {
		o.Retryables = []retry.IsErrorRetryable{
			retry.NoRetryCanceledError{},
			retry.RetryableError{},
			retry.RetryableConnectionError{},
			retry.RetryableHTTPStatusCode{Codes: retry.DefaultRetryableHTTPStatusCodes},
			retry.RetryableErrorCode{Codes: retry.DefaultRetryableErrorCodes},
			retry.RetryableErrorCode{Codes: throttleCodes()},
			retry.RetryableErrorCode{Codes: conflictCodes},
		}
	})
}

// newCautiousRetryer tries again only after the service itself said that it refused the call for
// coming too fast. Any other failure leaves open whether the call had its effect.
func newCautiousRetryer() aws.Retryer {
	return retry.NewStandard(standard, func(o *retry.StandardOptions) {
		o.Retryables = []retry.IsErrorRetryable{
			retry.NoRetryCanceledError{},
			retry.RetryableErrorCode{Codes: throttleCodes()},
		}
	})
}

// standard has the choices that all retryers share.
func standard(o *retry.StandardOptions) {
	o.MaxAttempts = maxAttempts
	o.MaxBackoff = maxBackoff
	o.Backoff = retry.BackoffDelayerFunc(backoff)
	o.RateLimiter = ratelimit.NewTokenRateLimit(retry.DefaultRetryRateTokens)
	o.RetryCost = retry.DefaultRetryCost
	o.RetryTimeoutCost = retry.DefaultRetryTimeoutCost
	o.ThrottlingRetryCost = retry.DefaultThrottlingRetryCost
	o.NoRetryIncrement = retry.DefaultNoRetryIncrement
	o.Throttles = []retry.IsErrorThrottle{retry.ThrottleErrorCode{Codes: throttleCodes()}}
}

// throttleCodes is the SDK's list without the codes that mean a quota of things, not of calls:
// waiting a second doesn't lift it.
func throttleCodes() map[string]struct{} {
	codes := maps.Clone(retry.DefaultThrottleErrorCodes)
	delete(codes, "LimitExceededException")
	return codes
}

// conflictCodes are refusals of one write because of another one in flight on the same thing.
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html (OperationAborted)
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html (ConcurrentModification)
var conflictCodes = map[string]struct{}{
	"OperationAborted":       {},
	"ConcurrentModification": {},
}

// backoff waits a random part of a time that doubles from firstBackoff to maxBackoff. The SDK
// counts attempts from 0.
func backoff(attempt int, _ error) (time.Duration, error) {
	most := maxBackoff
	if attempt < 9 { // 50 ms << 9 is more than 20 s
		most = min(firstBackoff<<max(attempt, 0), maxBackoff)
	}
	return rand.N(most) + 1, nil
}

// isRead tells reads from writes by the operation's name, which AWS forms regularly.
func isRead(operation string) bool {
	for _, verb := range []string{"Get", "List", "Describe", "Head", "Assume", "Receive"} {
		if strings.HasPrefix(operation, verb) {
			return true
		}
	}
	return false
}

// addDeadline bounds each attempt. A write is also cut loose from the caller's cancellation once
// it begins: what was sent is seen through to its answer. An attempt that failed before anything
// was sent, for want of credentials or so, is a notSentError, as is a write that the caller's gate
// refused. The gate is asked last of all, when the request is signed and has only to be sent.
func addDeadline(stack *middleware.Stack) error {
	if err := stack.Finalize.Add(middleware.FinalizeMiddlewareFunc("TenantrySent", lastCheck), middleware.After); err != nil {
		return err
	}
	return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("TenantryDeadline", deadline), "Retry", middleware.After)
}

// sentKey is where an attempt notes that its request is signed and about to leave.
type sentKey struct{}

func lastCheck(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
	if !isRead(awsmiddleware.GetOperationName(ctx)) {
		if err := providers.Pass(ctx); err != nil {
			return middleware.FinalizeOutput{}, middleware.Metadata{}, &notSentError{err}
		}
	}
	if sent, ok := middleware.GetStackValue(ctx, sentKey{}).(*bool); ok {
		*sent = true
	}
	return next.HandleFinalize(ctx, in)
}

func deadline(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
	attempt, limit := ctx, readDeadline
	if awsmiddleware.GetOperationName(ctx) == "ReceiveMessage" {
		limit = writeDeadline // it waits for messages, 20 s at most
	}
	if !isRead(awsmiddleware.GetOperationName(ctx)) {
		attempt, limit = context.WithoutCancel(ctx), writeDeadline
	}
	attempt, cancel := context.WithTimeout(attempt, limit)
	defer cancel()
	var sent bool
	out, meta, err := next.HandleFinalize(middleware.WithStackValue(attempt, sentKey{}, &sent), in)
	if err != nil && attempt.Err() != nil && ctx.Err() == nil {
		err = &timeoutError{limit}
	}
	if err != nil && !sent {
		err = &notSentError{err}
	}
	return out, meta, err
}

// timeoutError is an attempt that took too long. It hides the SDK's own error, which reads as a
// cancellation by the caller and so would never be retried.
type timeoutError struct{ after time.Duration }

func (e *timeoutError) Error() string { return fmt.Sprintf("no answer within %s", e.after) }

// Timeout makes it count as a time-out for the retryer.
func (e *timeoutError) Timeout() bool { return true }

// RetryableError makes the retryer try again.
func (e *timeoutError) RetryableError() bool { return true }
