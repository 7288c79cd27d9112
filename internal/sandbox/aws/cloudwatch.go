package awsbox

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// cloudwatchService is https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/, as far as
// metric alarms go. Today's SDK speaks CBOR, older ones and the command line the query protocol.
func cloudwatchService() *service {
	binary := cborRPC{shapes: map[string]string{
		"InvalidParameterValue": "InvalidParameterValueException", "InvalidParameterCombination": "InvalidParameterCombinationException",
		"MissingParameter": "MissingRequiredParameterException", "ValidationError": "ValidationException",
	}}
	forms := query{"http://monitoring.amazonaws.com/doc/2010-08-01/"}
	k := queryCodes
	k.invalidTag = "InvalidParameterValue"
	return &service{
		name: "monitoring", codes: k,
		speaks: func(r *http.Request) protocol {
			if strings.HasPrefix(r.URL.Path, "/service/") {
				return binary
			}
			return forms
		},
		operations: map[string]operation{
			"PutMetricAlarm":      {true, putMetricAlarm},
			"DescribeAlarms":      {false, describeAlarms},
			"DeleteAlarms":        {true, deleteAlarms},
			"TagResource":         {true, onAlarm(func(c *call, r *Resource) error { return c.tag(r, c.in["Tags"]) })},
			"UntagResource":       {true, onAlarm(func(c *call, r *Resource) error { untag(r, c.in.strs("TagKeys")); return nil })},
			"ListTagsForResource": {false, alarmTags},
		},
	}
}

// The members of an alarm by their type. They are kept as text, lists as JSON.
var (
	alarmTexts = []string{
		"AlarmDescription", "MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Unit",
		"ComparisonOperator", "TreatMissingData", "EvaluateLowSampleCountPercentile",
	}
	alarmNumbers = []string{"Period", "EvaluationPeriods", "DatapointsToAlarm"}
	alarmActions = []string{"AlarmActions", "OKActions", "InsufficientDataActions"}
)

// alarmWords are the members with a fixed vocabulary.
var alarmWords = map[string][]string{
	"Statistic": {"SampleCount", "Average", "Sum", "Minimum", "Maximum"},
	"ComparisonOperator": {
		"GreaterThanOrEqualToThreshold", "GreaterThanThreshold", "LessThanThreshold", "LessThanOrEqualToThreshold",
		"LessThanLowerOrGreaterThanUpperThreshold", "LessThanLowerThreshold", "GreaterThanUpperThreshold",
	},
	"TreatMissingData": {"breaching", "notBreaching", "ignore", "missing"},
}

// putMetricAlarm replaces everything about an existing alarm but its tags, which it ignores.
func putMetricAlarm(c *call) (any, error) {
	name := c.in.str("AlarmName")
	if name == "" || len(name) > 255 {
		return nil, refuse("ValidationError", "Value '%s' at 'alarmName' failed to satisfy constraint: 1 to 255 characters", name)
	}
	r := c.make(kindAlarm, name, c.arn("cloudwatch", "alarm:"+name))
	if old := c.get(kindAlarm, name); old != nil {
		r.Tags, r.Created = old.Tags, old.Created
	} else if err := c.tag(r, c.in["Tags"]); err != nil {
		return nil, err
	}
	if err := fillAlarm(c, r); err != nil {
		return nil, err
	}
	c.put(r)
	return nil, nil
}

func fillAlarm(c *call, r *Resource) error {
	for _, member := range slices.Concat(alarmTexts, alarmNumbers) {
		r.set(member, c.in.str(member))
	}
	if c.in.has("Metrics") {
		return fail(http.StatusNotImplemented, "InvalidAction", "The sandbox has no alarms on metric math.")
	}
	r.Attributes["ActionsEnabled"] = orDefault(c.in.str("ActionsEnabled"), "true")
	r.Attributes["Threshold"] = c.in.str("Threshold")
	for _, member := range alarmActions {
		if len(c.in.list(member)) > 5 {
			return refuse("ValidationError", "Member %s must have length less than or equal to 5", member)
		}
		r.Attributes[member] = toText(append([]string{}, c.in.strs(member)...))
	}
	dimensions := []map[string]string{}
	for _, d := range c.in.list("Dimensions") {
		pair, _ := d.(obj)
		dimensions = append(dimensions, map[string]string{"Name": pair.str("Name"), "Value": pair.str("Value")})
	}
	r.Attributes["Dimensions"] = toText(dimensions)
	r.Attributes["UpdatedAt"] = stamp(c.now())
	return checkAlarm(r)
}

func toText(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return "" // lists of text always marshal
	}
	return string(text)
}

func checkAlarm(r *Resource) error {
	for _, member := range []string{"MetricName", "Namespace", "ComparisonOperator", "EvaluationPeriods", "Period", "Threshold"} {
		if r.Attributes[member] == "" {
			return refuse("MissingParameter", "The parameter %s is required.", member)
		}
	}
	for member, words := range alarmWords {
		if word := r.Attributes[member]; word != "" && !slices.Contains(words, word) {
			return refuse("ValidationError", "Value '%s' at '%s' failed to satisfy constraint: %v", word, member, words)
		}
	}
	if (r.Attributes["Statistic"] == "") == (r.Attributes["ExtendedStatistic"] == "") {
		return refuse("InvalidParameterCombination", "Exactly one of Statistic and ExtendedStatistic must be specified")
	}
	period, _ := strconv.Atoi(r.Attributes["Period"])
	evaluations, _ := strconv.Atoi(r.Attributes["EvaluationPeriods"])
	datapoints, _ := strconv.Atoi(r.Attributes["DatapointsToAlarm"])
	longest := 86400
	if period >= 3600 {
		longest = 7 * 86400
	}
	switch {
	case period != 10 && period != 20 && period != 30 && (period < 60 || period%60 != 0):
		return refuse("ValidationError", "Metric Alarm Period must be 10, 20, 30 or any multiple of 60")
	case evaluations < 1 || period*evaluations > longest:
		return refuse("ValidationError", "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= %d)", longest)
	case r.Attributes["DatapointsToAlarm"] != "" && (datapoints < 1 || datapoints > evaluations):
		return refuse("ValidationError", "DatapointsToAlarm must be from 1 to EvaluationPeriods")
	}
	return nil
}

func alarmOut(r *Resource) obj {
	updated := parseStamp(r.Attributes["UpdatedAt"])
	out := obj{
		"AlarmName": r.Name, "AlarmArn": r.ID, "AlarmConfigurationUpdatedTimestamp": updated, "StateUpdatedTimestamp": updated,
		"StateValue": "INSUFFICIENT_DATA", "StateReason": "Unchecked: Initial alarm creation", "ActionsEnabled": r.Attributes["ActionsEnabled"] == "true",
	}
	for _, member := range alarmTexts {
		out.add(member, r.Attributes[member])
	}
	for _, member := range alarmNumbers {
		if n, err := strconv.Atoi(r.Attributes[member]); err == nil {
			out[member] = n
		}
	}
	out["Threshold"], _ = strconv.ParseFloat(r.Attributes["Threshold"], 64)
	for _, member := range alarmActions {
		var actions []string
		_ = json.Unmarshal([]byte(r.Attributes[member]), &actions) // changed by hand into something else: none
		out[member] = append([]string{}, actions...)
	}
	var dimensions []map[string]string
	_ = json.Unmarshal([]byte(r.Attributes["Dimensions"]), &dimensions)
	list := []obj{}
	for _, d := range dimensions {
		list = append(list, obj{"Name": d["Name"], "Value": d["Value"]})
	}
	out["Dimensions"] = list
	return out
}

// describeAlarms lists metric alarms unless AlarmTypes asks for composite ones alone; there are none
// of those.
func describeAlarms(c *call) (any, error) {
	names, prefix, types := c.in.strs("AlarmNames"), c.in.str("AlarmNamePrefix"), c.in.strs("AlarmTypes")
	if len(names) > 0 && prefix != "" {
		return nil, refuse("InvalidParameterCombination", "AlarmNamePrefix and AlarmNames can't be used together")
	}
	var matching []*Resource
	for _, r := range c.list(kindAlarm) {
		named := len(names) == 0 || slices.Contains(names, r.Name)
		if named && strings.HasPrefix(r.Name, prefix) && (len(types) == 0 || slices.Contains(types, "MetricAlarm")) {
			matching = append(matching, r)
		}
	}
	p := pager{size: 100, refusal: func() error { return refuse("InvalidNextToken", "The next token specified is invalid.") }}
	alarms, next, err := page(c, p, matching, byName, c.in.str("NextToken"), c.in.int("MaxRecords", 50))
	if err != nil {
		return nil, err
	}
	list := []obj{}
	for _, r := range alarms {
		list = append(list, alarmOut(r))
	}
	return obj{"MetricAlarms": list, "CompositeAlarms": []obj{}}.add("NextToken", next), nil
}

// deleteAlarms deletes all or, if one doesn't exist, none.
func deleteAlarms(c *call) (any, error) {
	var found []*Resource
	for _, name := range c.in.strs("AlarmNames") {
		r := c.get(kindAlarm, name)
		if r == nil {
			return nil, fail(http.StatusNotFound, "ResourceNotFound", "Alarm %s does not exist", name)
		}
		found = append(found, r)
	}
	for _, r := range found {
		c.remove(r)
	}
	return nil, nil
}

func alarm(c *call) (*Resource, error) {
	name, ok := strings.CutPrefix(c.in.str("ResourceARN"), c.arn("cloudwatch", "alarm:"))
	if !ok {
		return nil, refuse("InvalidParameterValue", "Invalid ARN: %s", c.in.str("ResourceARN"))
	}
	if r := c.get(kindAlarm, name); r != nil {
		return r, nil
	}
	return nil, fail(http.StatusNotFound, "ResourceNotFoundException", "Alarm %s does not exist", name)
}

func onAlarm(change func(*call, *Resource) error) func(*call) (any, error) {
	return func(c *call) (any, error) {
		r, err := alarm(c)
		if err != nil {
			return nil, err
		}
		if err := change(c, r); err != nil {
			return nil, err
		}
		c.put(r)
		return obj{}, nil
	}
}

func alarmTags(c *call) (any, error) {
	r, err := alarm(c)
	if err != nil {
		return nil, err
	}
	return obj{"Tags": tagList(r.Tags, "Key", "Value")}, nil
}
