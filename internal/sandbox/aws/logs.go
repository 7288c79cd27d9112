package awsbox

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// logsService is https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/, as far as
// log groups go.
func logsService() *service {
	return &service{
		name: "logs", codes: jsonCodes, speaks: always(jsonRPC{version: "1.1"}),
		operations: map[string]operation{
			"CreateLogGroup":        {true, createLogGroup},
			"DescribeLogGroups":     {false, describeLogGroups},
			"DeleteLogGroup":        {true, deleteLogGroup},
			"PutRetentionPolicy":    {true, putRetentionPolicy},
			"DeleteRetentionPolicy": {true, onLogGroup(func(_ *call, r *Resource) error { r.set("retentionInDays", ""); return nil })},
			"AssociateKmsKey":       {true, onLogGroup(associateKmsKey)},
			"DisassociateKmsKey":    {true, onLogGroup(func(_ *call, r *Resource) error { r.set("kmsKeyId", ""); return nil })},
			"TagResource":           {true, onLogGroup(func(c *call, r *Resource) error { return c.tag(r, c.in["tags"]) })},
			"UntagResource":         {true, onLogGroup(func(c *call, r *Resource) error { untag(r, c.in.strs("tagKeys")); return nil })},
			"ListTagsForResource":   {false, logGroupTags},
			"DescribeMetricFilters": {false, func(*call) (any, error) { return obj{"metricFilters": []obj{}}, nil }},

			"PutSubscriptionFilter":       {true, onLogGroup(putSubscriptionFilter)},
			"DeleteSubscriptionFilter":    {true, onLogGroup(deleteSubscriptionFilter)},
			"DescribeSubscriptionFilters": {false, describeSubscriptionFilters},
		},
	}
}

var logGroupName = regexp.MustCompile(`^[.\-_/#A-Za-z0-9]{1,512}$`)

// retentions are the numbers of days that CloudWatch Logs takes:
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
var retentions = []int{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

func createLogGroup(c *call) (any, error) {
	name := c.in.str("logGroupName")
	if !logGroupName.MatchString(name) || strings.HasPrefix(name, "aws/") {
		return nil, refuse("InvalidParameterException", "1 validation error detected: Value '%s' at 'logGroupName' failed to satisfy constraint", name)
	}
	if c.get(kindLogGroup, name) != nil {
		return nil, refuse("ResourceAlreadyExistsException", "The specified log group already exists")
	}
	r := c.make(kindLogGroup, name, c.arn("logs", "log-group:"+name))
	if key := c.in.str("kmsKeyId"); key != "" {
		if err := associateKmsKey(c, r); err != nil {
			return nil, err
		}
	}
	if err := c.tag(r, c.in["tags"]); err != nil {
		return nil, err
	}
	c.put(r)
	return nil, nil
}

// logGroup finds the group by name, or by the ARN that doesn't end in ":*".
func logGroup(c *call) (*Resource, error) {
	name := c.in.str("logGroupName")
	for _, member := range []string{"resourceArn", "resourceIdentifier"} {
		if arn := c.in.str(member); arn != "" {
			var ok bool
			if name, ok = strings.CutPrefix(arn, c.arn("logs", "log-group:")); !ok || strings.HasSuffix(name, ":*") {
				return nil, refuse("InvalidParameterException", "Invalid ARN: %s", arn)
			}
		}
	}
	if r := c.get(kindLogGroup, name); r != nil {
		return r, nil
	}
	return nil, refuse("ResourceNotFoundException", "The specified log group does not exist.")
}

func onLogGroup(change func(*call, *Resource) error) func(*call) (any, error) {
	return func(c *call) (any, error) {
		r, err := logGroup(c)
		if err != nil {
			return nil, err
		}
		if err := change(c, r); err != nil {
			return nil, err
		}
		c.put(r)
		return nil, nil
	}
}

// associateKmsKey wants a key's ARN.
func associateKmsKey(c *call, r *Resource) error {
	arn := c.in.str("kmsKeyId")
	if !strings.HasPrefix(arn, "arn:aws:kms:"+c.Region+":") || !strings.Contains(arn, ":key/") {
		return refuse("InvalidParameterException", "The specified KMS key does not exist or is not allowed to be used: '%s'", arn)
	}
	r.Attributes["kmsKeyId"] = arn
	return nil
}

func putRetentionPolicy(c *call) (any, error) {
	days := c.in.int("retentionInDays", -1)
	return onLogGroup(func(_ *call, r *Resource) error {
		if !slices.Contains(retentions, days) {
			return refuse("InvalidParameterException", "Value '%d' at 'retentionInDays' failed to satisfy constraint: %v", days, retentions)
		}
		r.Attributes["retentionInDays"] = strconv.Itoa(days)
		return nil
	})(c)
}

func deleteLogGroup(c *call) (any, error) {
	r, err := logGroup(c)
	if err != nil {
		return nil, err
	}
	c.remove(r)
	return nil, nil
}

func describeLogGroups(c *call) (any, error) {
	prefix, pattern := c.in.str("logGroupNamePrefix"), c.in.str("logGroupNamePattern")
	if prefix != "" && pattern != "" {
		return nil, refuse("InvalidParameterException", "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
	}
	if limit := c.in.int("limit", 50); limit < 1 || limit > 50 {
		return nil, refuse("InvalidParameterException", "Value '%d' at 'limit' failed to satisfy constraint: 1 to 50", limit)
	}
	var matching []*Resource
	for _, r := range c.list(kindLogGroup) {
		if strings.HasPrefix(r.Name, prefix) && strings.Contains(strings.ToLower(r.Name), strings.ToLower(pattern)) {
			matching = append(matching, r)
		}
	}
	p := pager{size: 50, refusal: func() error { return refuse("InvalidParameterException", "The specified nextToken is invalid.") }}
	groups, next, err := page(c, p, matching, byName, c.in.str("nextToken"), c.in.int("limit", 50))
	if err != nil {
		return nil, err
	}
	list := []obj{}
	for _, r := range groups {
		out := obj{
			"logGroupName": r.Name, "arn": r.ID + ":*", "logGroupArn": r.ID, "creationTime": r.Created.UnixMilli(),
			"metricFilterCount": 0, "storedBytes": 0, "logGroupClass": "STANDARD",
		}
		if days, err := strconv.Atoi(r.Attributes["retentionInDays"]); err == nil {
			out["retentionInDays"] = days
		}
		list = append(list, out.add("kmsKeyId", r.Attributes["kmsKeyId"]))
	}
	return obj{"logGroups": list}.add("nextToken", next), nil
}

func logGroupTags(c *call) (any, error) {
	r, err := logGroup(c)
	if err != nil {
		return nil, err
	}
	return obj{"tags": r.Tags}, nil
}
