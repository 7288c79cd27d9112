package awsbox

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
)

// maxFilters is how many subscription filters a log group can have.
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutSubscriptionFilter.html
const maxFilters = 2

// putSubscriptionFilter replaces the filter of the name. Nothing is sent to the destination.
func putSubscriptionFilter(c *call, r *Resource) error {
	name, destination := c.in.str("filterName"), c.in.str("destinationArn")
	switch {
	case name == "" || strings.ContainsAny(name, ":*"):
		return refuse("InvalidParameterException", "1 validation error detected: Value '%s' at 'filterName' failed to satisfy constraint", name)
	case !strings.HasPrefix(destination, "arn:aws:"):
		return refuse("InvalidParameterException", "destinationArn for vendor cannot be used: %s", destination)
	case r.Attributes["filter/"+name] == "" && len(r.with("filter/")) >= maxFilters:
		return refuse("LimitExceededException", "Resource limit exceeded.")
	}
	filter := obj{
		"filterName": name, "logGroupName": r.Name, "filterPattern": c.in.str("filterPattern"), "destinationArn": destination,
		"distribution": orDefault(c.in.str("distribution"), "ByLogStream"), "creationTime": c.now().UnixMilli(),
	}
	kept, err := json.Marshal(filter.add("roleArn", c.in.str("roleArn")))
	if err != nil {
		return refuse("InvalidParameterException", "%v", err)
	}
	r.Attributes["filter/"+name] = string(kept)
	return nil
}

func deleteSubscriptionFilter(c *call, r *Resource) error {
	name := "filter/" + c.in.str("filterName")
	if r.Attributes[name] == "" {
		return refuse("ResourceNotFoundException", "The specified subscription filter does not exist.")
	}
	r.set(name, "")
	return nil
}

func describeSubscriptionFilters(c *call) (any, error) {
	r, err := logGroup(c)
	if err != nil {
		return nil, err
	}
	p := pager{size: 50, refusal: func() error { return refuse("InvalidParameterException", "The specified nextToken is invalid.") }}
	names, next, err := page(c, p, r.with("filter/"), func(name string) string { return name }, c.in.str("nextToken"), c.in.int("limit", 50))
	if err != nil {
		return nil, err
	}
	list := []obj{}
	for _, name := range names {
		var filter map[string]any
		if err := json.Unmarshal([]byte(r.Attributes["filter/"+name]), &filter); err != nil {
			return nil, fail(http.StatusInternalServerError, "ServiceUnavailableException", "%v", err)
		}
		list = append(list, maps.Clone(obj(filter)))
	}
	return obj{"subscriptionFilters": list}.add("nextToken", next), nil
}
