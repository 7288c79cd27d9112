package aws

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

const eventAccount = "111122223333"

// attached is CloudTrail's record of a person who attaches a policy, as EventBridge delivers it.
const attached = `{"version":"0","id":"6a7e8feb-b491-4cf7-a9f1-bf3703467718","detail-type":"AWS API Call via CloudTrail","source":"aws.iam",
"account":"111122223333","time":"2026-11-21T09:30:00Z","region":"us-east-1","resources":[],"detail":{"eventVersion":"1.11",
"userIdentity":{"type":"AssumedRole","principalId":"AROA1:robin@example.com","arn":"arn:aws:sts::111122223333:assumed-role/Admins/robin@example.com",
"accountId":"111122223333","accessKeyId":"ASIAROBIN","sessionContext":{"sessionIssuer":{"type":"Role","arn":"arn:aws:iam::111122223333:role/Admins"}}},
"eventTime":"2026-11-21T09:29:58Z","eventSource":"iam.amazonaws.com","eventName":"AttachRolePolicy","awsRegion":"us-east-1","sourceIPAddress":"203.0.113.7",
"requestParameters":{"roleName":"brightdesk-acme-role","policyArn":"arn:aws:iam::aws:policy/AdministratorAccess"},"responseElements":null,
"eventID":"4b5a0b5c-0000-4000-8000-000000000001","readOnly":false,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333"}}`

// kindsOfEvents are the natives and some types.
func kindsOfEvents(t testing.TB, types ...string) eventKinds {
	t.Helper()
	kinds := types
	for _, n := range nativeEvents {
		kinds = append(kinds, n.kind)
	}
	about, err := newEventKinds(kinds)
	if err != nil {
		t.Fatal(err)
	}
	return about
}

func TestAnEventIsRead(t *testing.T) {
	got, err := parseEvent(eventAccount, attached, kindsOfEvents(t), func(key string) bool { return key == "ASIAOURS" })
	if err != nil {
		t.Fatal(err)
	}
	want := providers.Event{
		ID: "4b5a0b5c-0000-4000-8000-000000000001", Scope: resource.Scope{Account: eventAccount, Region: "us-east-1"}, Action: "iam:AttachRolePolicy",
		Kinds: []string{"aws.iam.role"}, Names: []string{"arn:aws:iam::aws:policy/AdministratorAccess", "AdministratorAccess", "brightdesk-acme-role"},
		By: "arn:aws:sts::111122223333:assumed-role/Admins/robin@example.com", Session: "robin@example.com", From: "203.0.113.7",
		At: time.Date(2026, 11, 21, 9, 29, 58, 0, time.UTC),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// What is ours is told by the access key alone: a session of our own role, with our own name, may be anybody's.
func TestOursIsToldByTheKey(t *testing.T) {
	ours := func(key string) bool { return key == "ASIAOURS" }
	for from, want := range map[string]bool{
		`"accessKeyId":"ASIAOURS"`:                        true,
		`"accessKeyId":"ASIAROBIN","userName":"tenantry"`: false,
		`"accessKeyId":""`:                                false,
	} {
		body := strings.ReplaceAll(strings.ReplaceAll(attached, `"accessKeyId":"ASIAROBIN"`, from), "Admins/robin@example.com", "tenantry/tenantry")
		got, err := parseEvent(eventAccount, body, kindsOfEvents(t), ours)
		if err != nil || got.Ours != want {
			t.Errorf("%s: ours is %t (%v)", from, got.Ours, err)
		}
	}
}

func TestWhatIsNoEvent(t *testing.T) {
	none := func(string) bool { return false }
	for name, body := range map[string]string{
		"no JSON": "hello", "empty": "", "a list": "[]", "a number": "3", "null": "null", "cut": attached[:200],
		"another account's":      strings.Replace(attached, `"account":"111122223333"`, `"account":"999999999999"`, 1),
		"another account's call": strings.Replace(attached, `"recipientAccountId":"111122223333"`, `"recipientAccountId":"999999999999"`, 1),
		"a schedule":             strings.Replace(attached, "AWS API Call via CloudTrail", "Scheduled Event", 1),
		"a partner's":            strings.Replace(attached, "iam.amazonaws.com", "iam.example.com", 1),
		"without an id":          strings.NewReplacer(`"eventID":"4b5a0b5c-0000-4000-8000-000000000001",`, "", `"id":"6a7e8feb-b491-4cf7-a9f1-bf3703467718",`, "").Replace(attached),
	} {
		if _, err := parseEvent(eventAccount, body, eventKinds{}, none); !errors.Is(err, providers.ErrForeign) {
			t.Errorf("%s: %v", name, err)
		}
	}
	read := strings.Replace(attached, `"readOnly":false`, `"readOnly":true`, 1)
	if _, err := parseEvent(eventAccount, read, eventKinds{}, none); !errors.Is(err, errRead) {
		t.Errorf("a read: %v", err)
	}
	denied := strings.Replace(attached, `"readOnly":false`, `"readOnly":false,"errorCode":"AccessDenied"`, 1)
	if e, err := parseEvent(eventAccount, denied, eventKinds{}, none); err != nil || !e.Denied {
		t.Errorf("a refusal: %+v, %v", e, err)
	}
}

func TestNamesInARecord(t *testing.T) {
	for text, want := range map[string][]string{
		`{"queueUrl":"https://sqs.eu-central-1.amazonaws.com/111122223333/jobs"}`:                                {"https://sqs.eu-central-1.amazonaws.com/111122223333/jobs", "jobs"},
		`{"resourceArn":"arn:aws:logs:eu-central-1:111122223333:log-group:/brightdesk/acme:*"}`:                  {"arn:aws:logs:eu-central-1:111122223333:log-group:/brightdesk/acme", "/brightdesk/acme"},
		`{"secretId":"arn:aws:secretsmanager:eu-central-1:111122223333:secret:brightdesk/acme/database-AbCdEf"}`: {"arn:aws:secretsmanager:eu-central-1:111122223333:secret:brightdesk/acme/database-AbCdEf", "brightdesk/acme/database-AbCdEf"},
		`{"alarmNames":["a-1","a-2","a-1"],"n":7,"b":true,"account":"111122223333","region":"eu-central-1"}`:     {"a-1", "a-2"},
		`{"policyDocument":"{\"Version\":\"2012-10-17\"}","description":"for the night"}`:                        nil,
		`{"keyMetadata":{"keyId":"f8c272ce-4239-4a86-871a-40e9b136aa2c","creationDate":"2026-11-21T09:29:58Z"}}`: {"f8c272ce-4239-4a86-871a-40e9b136aa2c"},
		`{"secretString":"HIDDEN_DUE_TO_SECURITY_REASONS"}`:                                                      nil,
	} {
		var r trailRecord
		if err := json.Unmarshal([]byte(text), &r.RequestParameters); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, r.names()); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

func TestKindsOfEvents(t *testing.T) {
	about := kindsOfEvents(t, "AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable", "AWS::Lambda::Function", "AWS::Lambda::Permission", "AWS::RDS::DBInstance",
		"AWS::CloudWatch::Dashboard", "AWS::ApplicationAutoScaling::ScalableTarget", "AWS::StepFunctions::StateMachine", "AWS::EC2::SecurityGroup", "AWS::EC2::VPC")
	for call, want := range map[string][]string{
		"s3:PutBucketPolicy":                    {"aws.s3.bucket"},
		"s3:CreateAccessPoint":                  nil,
		"iam:AttachRolePolicy":                  {"aws.iam.role"},
		"iam:CreateAccessKey":                   nil,
		"logs:PutRetentionPolicy":               {"aws.logs.group"},
		"logs:CreateLogStream":                  nil,
		"kms:CreateGrant":                       {"aws.kms.key"},
		"monitoring:PutMetricAlarm":             {"aws.cloudwatch.alarm", "AWS::CloudWatch::Dashboard"},
		"monitoring:PutDashboard":               {"AWS::CloudWatch::Dashboard"},
		"dynamodb:UpdateTimeToLive":             {"AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable"},
		"dynamodb:TagResource":                  {"AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable"},
		"lambda:AddPermission":                  {"AWS::Lambda::Permission"},
		"lambda:SomethingNew":                   {"AWS::Lambda::Function", "AWS::Lambda::Permission"},
		"rds:ModifyDBInstance":                  {"AWS::RDS::DBInstance"},
		"states:UpdateStateMachine":             {"AWS::StepFunctions::StateMachine"},
		"autoscaling:RegisterScalableTarget":    {"AWS::ApplicationAutoScaling::ScalableTarget"},
		"ec2:AuthorizeSecurityGroupIngress":     {"AWS::EC2::SecurityGroup"},
		"elasticfilesystem:PutFileSystemPolicy": nil,
	} {
		service, name, _ := strings.Cut(call, ":")
		got := about.of(service, trailRecord{EventName: name})
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", call, diff)
		}
	}
	for name, want := range map[string][]string{"AWS::S3::Bucket": {"aws.s3.bucket"}, "AWS::RDS::DBInstance": {"AWS::RDS::DBInstance"}, "AWS::ECS::Cluster": nil} {
		got := about.of("cloudcontrolapi", trailRecord{EventName: "UpdateResource", RequestParameters: map[string]any{"typeName": name}})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Cloud Control on %s: %s", name, diff)
		}
	}
}

// Whatever a queue holds, it makes an event of the account, or an error that says what becomes of it.
func FuzzEvents(f *testing.F) {
	f.Add(attached)
	f.Add(`{"detail-type":"AWS API Call via CloudTrail","account":"111122223333","detail":{"eventSource":"s3.amazonaws.com","eventName":"x","eventID":"y","requestParameters":[[[["a"]]]]}}`)
	about := kindsOfEvents(f, "AWS::DynamoDB::Table")
	f.Fuzz(func(t *testing.T, body string) {
		e, err := parseEvent(eventAccount, body, about, func(string) bool { return false })
		if err != nil {
			if !errors.Is(err, providers.ErrForeign) && !errors.Is(err, errRead) {
				t.Fatalf("an error of no sort: %v", err)
			}
			return
		}
		if e.ID == "" || e.Scope.Account != eventAccount || e.Ours || len(e.Names) > mostNames || e.By == "" {
			t.Fatalf("%+v", e)
		}
		for _, name := range e.Names {
			if len(name) > longestName || len(name) < shortestName {
				t.Fatalf("the name %q", name)
			}
		}
	})
}
