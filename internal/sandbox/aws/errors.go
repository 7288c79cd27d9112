package awsbox

import (
	"errors"
	"fmt"
	"net/http"
)

// An apiError is a refusal in AWS's words.
type apiError struct {
	status  int
	code    string
	message string
	header  http.Header // may be nil
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

// fail makes an error of the given HTTP status and code.
func fail(status int, code, format string, args ...any) *apiError {
	return &apiError{status: status, code: code, message: fmt.Sprintf(format, args...)}
}

// refuse is fail with 400, the status of most refusals.
func refuse(code, format string, args ...any) *apiError {
	return fail(http.StatusBadRequest, code, format, args...)
}

func asError(err error) *apiError {
	if failure, ok := errors.AsType[*apiError](err); ok {
		return failure
	}
	return fail(http.StatusInternalServerError, "InternalFailure", "%v", err)
}

// codes are what a service calls the refusals that every service has.
type codes struct {
	throttled, denied, unknownKey, expired, unknown, invalidTag string

	throttledStatus, deniedStatus, keyStatus int
}

// The families of codes, from each service's page of common errors.
var (
	queryCodes = codes{
		throttled: "Throttling", denied: "AccessDenied", unknownKey: "InvalidClientTokenId",
		expired: "ExpiredToken", unknown: "InvalidAction", invalidTag: "InvalidInput",
		throttledStatus: 400, deniedStatus: 403, keyStatus: 403,
	}
	jsonCodes = codes{
		throttled: "ThrottlingException", denied: "AccessDeniedException",
		unknownKey: "UnrecognizedClientException", expired: "ExpiredTokenException",
		unknown: "UnknownOperationException", invalidTag: "InvalidParameterException",
		throttledStatus: 400, deniedStatus: 400, keyStatus: 400,
	}
	s3Codes = codes{
		throttled: "SlowDown", denied: "AccessDenied", unknownKey: "InvalidAccessKeyId",
		expired: "ExpiredToken", unknown: "NotImplemented", invalidTag: "InvalidTag",
		throttledStatus: 503, deniedStatus: 403, keyStatus: 403,
	}
)

// of words the refusal of a caller who isn't let in.
func (k codes) of(err error, c *call) *apiError {
	if errors.Is(err, errExpired) {
		return fail(k.keyStatus, k.expired, "The security token included in the request is expired")
	}
	return fail(k.keyStatus, k.unknownKey, "The security token included in the request is invalid: %s", c.Name())
}

func (k codes) throttle() *apiError {
	return fail(k.throttledStatus, k.throttled, "Rate exceeded")
}

// deny words a refusal as IAM does.
func (k codes) deny(c *call) *apiError {
	return fail(k.deniedStatus, k.denied, "User: %s is not authorized to perform: %s:%s", c.Caller, c.Service, c.Operation)
}
