package awsbox

import "net/http"

// A protocol is how operations and their answers are written on the wire.
type protocol interface {
	// decode finds the operation that is asked for and its input.
	decode(r *http.Request, body []byte) (operation string, in obj, failure *apiError)
	encode(c *call, result any, requestID string) response
	fail(c *call, failure *apiError, requestID string) response
}

// A service is a table of operations behind one or two protocols.
type service struct {
	name       string // as in the credential scope
	operations map[string]operation
	speaks     func(*http.Request) protocol
	codes      codes
}

func always(p protocol) func(*http.Request) protocol {
	return func(*http.Request) protocol { return p }
}

// allServices is everything that the sandbox can do.
func allServices() map[string]*service {
	all := map[string]*service{}
	for _, s := range []*service{
		stsService(), s3Service(), iamService(), kmsService(), logsService(), cloudwatchService(),
		snsService(), sqsService(), secretsService(), taggingService(), cloudControlService(),
	} {
		all[s.name] = s
	}
	return all
}
