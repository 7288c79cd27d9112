package aws

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"tenantry.dev/providers"
)

// sentinels maps AWS's error codes to the errors that callers decide by. A code that isn't listed
// stays what it is. Codes are the services' own; several services spell one meaning differently.
// https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html and each service's API reference.
var sentinels = map[string]error{
	"AccessDenied":                providers.ErrDenied, // most query and REST services
	"AccessDeniedException":       providers.ErrDenied, // JSON services
	"AuthorizationError":          providers.ErrDenied, // SNS
	"AuthorizationErrorException": providers.ErrDenied,
	"UnauthorizedOperation":       providers.ErrDenied,
	"NotAuthorized":               providers.ErrDenied,
	"Forbidden":                   providers.ErrDenied, // S3's HEAD, which has no body to name a code in
	"AllAccessDisabled":           providers.ErrDenied, // S3
	"AccountProblem":              providers.ErrDenied, // S3: of an account that is suspended or closed
	"RegionDisabledException":     providers.ErrDenied, // STS
	"KMSAccessDeniedException":    providers.ErrDenied,
	"OptInRequired":               providers.ErrDenied,
	"InvalidClientTokenId":        providers.ErrDenied, // unknown or deactivated credentials
	"UnrecognizedClientException": providers.ErrDenied,
	"InvalidAccessKeyId":          providers.ErrDenied,
	"SignatureDoesNotMatch":       providers.ErrDenied,
	"ExpiredToken":                providers.ErrDenied,
	"ExpiredTokenException":       providers.ErrDenied,

	"NoSuchBucket":              providers.ErrGone,
	"NoSuchEntity":              providers.ErrGone, // IAM
	"NotFound":                  providers.ErrGone, // S3's HEAD, SNS
	"NotFoundException":         providers.ErrGone, // KMS, SNS
	"ResourceNotFound":          providers.ErrGone, // CloudWatch
	"ResourceNotFoundException": providers.ErrGone, // Secrets Manager, CloudWatch Logs, CloudWatch
	"QueueDoesNotExist":         providers.ErrGone,

	"AWS.SimpleQueueService.NonExistentQueue": providers.ErrGone,

	"OperationAborted":                            providers.ErrPending, // S3: another write is in progress
	"ConcurrentModification":                      providers.ErrPending, // IAM
	"ConcurrentOperationException":                providers.ErrPending, // Cloud Control: another request is at the resource
	"KMSInvalidStateException":                    providers.ErrPending, // KMS: the key is in transition
	"QueueDeletedRecently":                        providers.ErrPending, // SQS: the name rests for 60 s
	"AWS.SimpleQueueService.QueueDeletedRecently": providers.ErrPending,
}

// credentialCodes are the refusals of credentials, whatever they may be allowed.
var credentialCodes = map[string]bool{
	"InvalidClientTokenId": true, "UnrecognizedClientException": true, "InvalidAccessKeyId": true, "SignatureDoesNotMatch": true,
	"ExpiredToken": true, "ExpiredTokenException": true, "OptInRequired": true,
	"AccountProblem": true, "AllAccessDisabled": true, "RegionDisabledException": true,
}

// principalCodes are the refusals of a policy whose principal AWS doesn't know. Each service uses
// the same code for other mistakes in the document.
var principalCodes = map[string]bool{
	"MalformedPolicyDocument":          true, // IAM
	"MalformedPolicyDocumentException": true, // KMS, Secrets Manager
	"MalformedPolicy":                  true, // S3
	"InvalidParameter":                 true, // SNS
	"InvalidParameterException":        true,
	"InvalidAttributeValue":            true, // SQS
}

// code returns the error code that the service answered with, and "" for anything else.
func code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}

// hasCode tells whether the service answered with one of the codes.
func hasCode(err error, codes ...string) bool {
	got := code(err)
	for _, c := range codes {
		if got == c && got != "" {
			return true
		}
	}
	return false
}

// unlessAbsent turns the codes that a service uses for "not set" into false and no error.
func unlessAbsent(err error, codes ...string) (present bool, _ error) {
	if hasCode(err, codes...) {
		return false, nil
	}
	return err == nil, err
}

// failed wraps an error of a call once: what was done, to what, and the sentinel that its code
// stands for. It returns nil for nil. What is wrapped already is only given its place.
func failed(operation, object string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*callError](err); ok {
		return fmt.Errorf("%s %s: %w", operation, object, err)
	}
	return &callError{operation: operation, object: object, kind: sentinels[code(err)], err: err}
}

// failedAs is failed with the sentinel given, for meanings that depend on the call.
func failedAs(kind error, operation, object string, err error) error {
	return &callError{operation: operation, object: object, kind: kind, err: err}
}

// failedNaming is failed for calls that name something else besides the object, such as a key or a
// function: "not found" may be about that, and so doesn't mean that the object is gone.
func failedNaming(operation, object string, err error) error {
	if errors.Is(sentinels[code(err)], providers.ErrGone) {
		return failedAs(nil, operation, object, err)
	}
	return failed(operation, object, err)
}

// failed of sessions also recognises a principal that was created a moment ago and isn't known
// everywhere yet: that is ErrPending within the settle window, and a mistake outside of it.
func (s *sessions) failed(operation, object string, err error) error {
	if principalCodes[code(err)] && s.settling.lasts() && unknownPrincipal(err) {
		return failedAs(providers.ErrPending, operation, object, err)
	}
	return failed(operation, object, err)
}

// failedNaming is failed of sessions for calls that name something else besides the object.
func (s *sessions) failedNaming(operation, object string, err error) error {
	if errors.Is(sentinels[code(err)], providers.ErrGone) {
		return failedNaming(operation, object, err)
	}
	return s.failed(operation, object, err)
}

// unknownPrincipal reads the message, because the codes don't tell an unknown principal from a
// syntax error. All services name the word; a wrong guess only changes "failed" to "try later"
// for as long as the settle window lasts.
func unknownPrincipal(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && strings.Contains(strings.ToLower(api.ErrorMessage()), "principal")
}

// unsure tells whether a call that is never repeated may have had its effect although it returned
// an error: unless the service refused it, or it never left (see addDeadline), it may have.
func unsure(err error) bool {
	var notSent *notSentError
	var dial *net.OpError
	var dns *net.DNSError
	switch {
	case err == nil, errors.As(err, &notSent), errors.As(err, &dns):
		return false
	case errors.As(err, &dial) && dial.Op == "dial":
		return false
	case errors.Is(err, context.Canceled): // a write is cut loose from its caller before it is sent
		return false
	}
	if response, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		return response.HTTPStatusCode() < 400 || response.HTTPStatusCode() >= 500
	}
	return true
}

// callError is a failed call. It prints without the SDK's layers, which name the same operation
// three times, and keeps the request id, which AWS's support asks for.
type callError struct {
	operation, object string
	kind              error // a sentinel of package providers, or nil
	err               error
}

func (e *callError) Error() string {
	text := e.operation + " " + e.object + ": "
	if e.kind != nil {
		text += e.kind.Error() + ": "
	}
	var api smithy.APIError
	if !errors.As(e.err, &api) {
		return text + e.err.Error()
	}
	text += api.ErrorCode()
	if message := api.ErrorMessage(); message != "" {
		text += ": " + message
	}
	if d, denied := DenialOf(e.err); denied && d.Action != "" && !strings.Contains(api.ErrorMessage(), d.Action) && !credentialCodes[api.ErrorCode()] {
		text += " (it takes " + d.Action + ")"
	}
	var response *awshttp.ResponseError
	if errors.As(e.err, &response) && response.ServiceRequestID() != "" {
		text += " (request " + response.ServiceRequestID() + ")"
	}
	return text
}

// Unwrap returns the sentinel and the SDK's error.
func (e *callError) Unwrap() []error {
	if e.kind == nil {
		return []error{e.err}
	}
	return []error{e.kind, e.err}
}

// notOurs is the error for something that exists without our mark.
func notOurs(operation, object string, why string) error {
	return fmt.Errorf("%s %s: %w: %s", operation, object, providers.ErrNotOurs, why)
}

// str reads what the SDK gives as a pointer; nil is the empty string.
func str(p *string) string { return aws.ToString(p) }
