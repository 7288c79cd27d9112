package awsbox

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// taggingService is https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/: one list
// of what carries tags in the account and region, over most services. IAM roles aren't among them.
func taggingService() *service {
	return &service{
		name: "tagging", codes: jsonCodes, speaks: always(jsonRPC{version: "1.1"}),
		operations: map[string]operation{"GetResources": {false, getResources}},
	}
}

// taggable gives the service and type by which GetResources filters.
var taggable = map[string]string{
	kindBucket: "s3:bucket", kindKey: "kms:key", kindLogGroup: "logs:log-group", kindAlarm: "cloudwatch:alarm",
	kindTopic: "sns:topic", kindQueue: "sqs:queue", kindSecret: "secretsmanager:secret",
}

// taggingTokenLife is how long a PaginationToken is good.
const taggingTokenLife = 15 * time.Minute

func getResources(c *call) (any, error) {
	p := pager{size: 100, life: taggingTokenLife, refusal: func() error {
		return refuse("PaginationTokenExpiredException", "The pagination token is expired or invalid.")
	}}
	if lag := c.srv.cond.IndexLag; lag > 0 {
		c.lag = &Lag{Delay: lag}
	}
	limit := c.in.int("ResourcesPerPage", 0)
	resources, next, err := page(c, p, c.tagged(), func(r *Resource) string { return r.ID }, c.in.str("PaginationToken"), limit)
	if err != nil {
		return nil, err
	}
	list := []obj{}
	for _, r := range resources {
		list = append(list, obj{"ResourceARN": r.ID, "Tags": tagList(r.Tags, "Key", "Value")})
	}
	return obj{"ResourceTagMappingList": list, "PaginationToken": next}, nil
}

// tagged returns what the filters let through, by ARN.
func (c *call) tagged() []*Resource {
	var out []*Resource
	for kind, typ := range taggable {
		if !ofType(typ, c.in.strs("ResourceTypeFilters")) {
			continue
		}
		for _, r := range c.list(kind) {
			if len(r.Tags) > 0 && r.Account == c.Account && r.Region == c.Region && carries(r, c.in.list("TagFilters")) {
				out = append(out, r)
			}
		}
	}
	slices.SortFunc(out, func(a, b *Resource) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// ofType: a filter names a service, or a service and a type.
func ofType(typ string, filters []string) bool {
	service, _, _ := strings.Cut(typ, ":")
	return len(filters) == 0 || slices.Contains(filters, typ) || slices.Contains(filters, service)
}

// carries: every filter's key is there, with one of its values if it has any.
func carries(r *Resource, filters []any) bool {
	for _, f := range filters {
		filter, _ := f.(obj)
		value, ok := r.Tags[filter.str("Key")]
		if values := filter.strs("Values"); !ok || (len(values) > 0 && !slices.Contains(values, value)) {
			return false
		}
	}
	return true
}
