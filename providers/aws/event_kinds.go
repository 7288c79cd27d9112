package aws

import (
	"fmt"
	"slices"
	"strings"

	"tenantry.dev/internal/awstypes"
)

// nativeEvents says which events may be about the kinds with a driver of their own: by the service, and by
// the words in its name for the call. A kind too many costs a listing when nobody knows what an event names.
var nativeEvents = []struct {
	service, kind string
	typeName      string   // what Cloud Control calls it
	words         []string // of which the call's name has one; none stands for any
	but           []string // of which it has none
}{
	{"s3", "aws.s3.bucket", "AWS::S3::Bucket", []string{"Bucket"}, nil},
	{"iam", "aws.iam.role", "AWS::IAM::Role", []string{"Role"}, []string{"PassRole"}},
	{"kms", "aws.kms.key", "AWS::KMS::Key", nil, []string{"GenerateDataKey", "Encrypt", "Decrypt"}},
	{"logs", "aws.logs.group", "AWS::Logs::LogGroup", nil, []string{"LogStream", "LogEvents", "Query", "ExportTask"}},
	{"monitoring", "aws.cloudwatch.alarm", "AWS::CloudWatch::Alarm", []string{"Alarm", "Tag"}, nil},
	{"sns", "aws.sns.topic", "AWS::SNS::Topic", nil, []string{"Platform", "Publish", "SMS"}},
	{"sqs", "aws.sqs.queue", "AWS::SQS::Queue", nil, []string{"Message"}},
	{"secretsmanager", "aws.secretsmanager.secret", "AWS::SecretsManager::Secret", nil, nil},
}

// eventServices has what IAM calls a service by what CloudTrail calls it, where that differs.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html (eventSource)
var eventServices = map[string][]string{
	"monitoring":  {"cloudwatch"},
	"autoscaling": {"autoscaling", "application-autoscaling", "autoscaling-plans"},
}

// helpers are services that handlers of types call for the sake of others: a type's own service isn't
// one of them as long as there is any other.
var helpers = []string{"iam", "kms", "ec2", "logs", "s3", "sso", "events", "elasticloadbalancing", "acm", ""}

// eventKinds tells what events may be about, among the kinds in use.
type eventKinds struct {
	natives map[string]bool
	types   []eventType
}

// An eventType is a type with the service that it belongs to, as IAM calls it, and the actions that its
// handlers call to write it.
type eventType struct {
	name     string
	services []string
	actions  map[string]bool // "dynamodb:UpdateTable"
}

// newEventKinds reads what AWS publishes about those of the kinds that are types.
func newEventKinds(kinds []string) (eventKinds, error) {
	out := eventKinds{natives: map[string]bool{}}
	table, err := awstypes.Open()
	if err != nil {
		return out, err
	}
	for _, kind := range kinds {
		if !table.Has(kind) {
			out.natives[kind] = true
			continue
		}
		t, err := table.Type(kind)
		if err != nil {
			return out, fmt.Errorf("the events of %s: %w", kind, err)
		}
		out.types = append(out.types, eventTypeOf(t))
	}
	return out, nil
}

func eventTypeOf(t awstypes.Type) eventType {
	out := eventType{name: t.Name, actions: map[string]bool{}}
	counts := map[string]int{}
	for _, handler := range []string{"create", "update", "delete"} {
		for _, permission := range t.Handlers[handler].Permissions {
			service, _, _ := strings.Cut(permission, ":")
			out.actions[permission] = true
			counts[service]++
		}
	}
	own, most := strings.ToLower(strings.Split(t.Name, "::")[1]), ""
	for service, n := range counts {
		if !slices.Contains(helpers, service) && (n > counts[most] || n == counts[most] && service < most) {
			most = service
		}
	}
	for _, service := range []string{own, most} {
		if counts[service] > 0 && service != "" && !slices.Contains(out.services, service) {
			out.services = append(out.services, service)
		}
	}
	return out
}

// of are the kinds that a record may be about.
func (k eventKinds) of(service string, r trailRecord) []string {
	if service == "cloudcontrolapi" {
		return k.throughCloudControl(r)
	}
	var kinds []string
	for _, n := range nativeEvents {
		if n.service == service && k.natives[n.kind] && speaksOf(r.EventName, n.words, n.but) {
			kinds = append(kinds, n.kind)
		}
	}
	called, known := eventServices[service]
	if !known {
		called = []string{service}
	}
	var exact, all []string
	for _, t := range k.types {
		for _, s := range called {
			if !slices.Contains(t.services, s) {
				continue
			}
			all = append(all, t.name)
			if t.actions[s+":"+r.EventName] {
				exact = append(exact, t.name)
			}
		}
	}
	// What a tag is taken off of, a type's own actions don't tell.
	if len(exact) == 0 || strings.Contains(r.EventName, "Tag") {
		exact = all
	}
	return append(kinds, exact...)
}

func speaksOf(action string, words, but []string) bool {
	has := func(word string) bool { return strings.Contains(action, word) }
	return (len(words) == 0 || slices.ContainsFunc(words, has)) && !slices.ContainsFunc(but, has)
}

// throughCloudControl is about the type that the request names.
func (k eventKinds) throughCloudControl(r trailRecord) []string {
	parameters, _ := r.RequestParameters.(map[string]any)
	name, _ := parameters["typeName"].(string)
	for _, n := range nativeEvents {
		if n.typeName == name && k.natives[n.kind] {
			return []string{n.kind}
		}
	}
	if slices.ContainsFunc(k.types, func(t eventType) bool { return t.name == name }) {
		return []string{name}
	}
	return nil
}
