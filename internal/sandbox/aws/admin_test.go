package awsbox_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	awsbox "tenantry.dev/internal/sandbox/aws"
)

func TestHistoryAndTwins(t *testing.T) {
	b := newBench(t)
	client := sqs.NewFromConfig(b.as(blue))
	create := func(name string) *string {
		return do(t, client.CreateQueue, &sqs.CreateQueueInput{
			QueueName: aws.String(name),
			Tags:      map[string]string{"tenantry:fleet": "f", "tenantry:address": "tenant/acme/aws.sqs.queue/jobs"},
		}).QueueUrl
	}
	one := create("one")
	do(t, client.DeleteQueue, &sqs.DeleteQueueInput{QueueUrl: one})
	create("two")
	if twins := awsbox.Twins(b.History(), "tenantry:fleet", "tenantry:address"); len(twins) != 0 {
		t.Errorf("one after the other are seen as twins: %+v", twins)
	}
	three := create("three")
	do(t, client.DeleteQueue, &sqs.DeleteQueueInput{QueueUrl: three})
	twins := awsbox.Twins(b.History(), "tenantry:fleet", "tenantry:address")
	if len(twins) != 1 || twins[0].At.Name != "three" || twins[0].Values != "f tenant/acme/aws.sqs.queue/jobs" {
		t.Errorf("two at a time are seen as %+v", twins)
	}
	var what []string
	for _, e := range b.History() {
		what = append(what, e.What+" "+e.Name+" by "+e.Operation)
	}
	want := []string{
		"created one by sqs.CreateQueue", "deleted one by sqs.DeleteQueue", "created two by sqs.CreateQueue",
		"created three by sqs.CreateQueue", "deleted three by sqs.DeleteQueue",
	}
	if diff := cmp.Diff(want, what); diff != "" {
		t.Error(diff)
	}
	if live := b.Live(); len(live) != 1 || live[0].Name != "two" || live[0].Account != blue || live[0].Region != here {
		t.Errorf("live: %+v", live)
	}
}

func TestCounts(t *testing.T) {
	b := newBench(t)
	mine, theirs := sqs.NewFromConfig(b.as(blue)), sqs.NewFromConfig(b.as(green))
	b.ResetCounts()
	do(t, mine.CreateQueue, &sqs.CreateQueueInput{QueueName: aws.String("a")})
	do(t, mine.ListQueues, &sqs.ListQueuesInput{})
	do(t, theirs.ListQueues, &sqs.ListQueuesInput{})
	if b.Writes() != 1 || b.Counts()["sqs.ListQueues"] != 2 || b.CountsOf(green)["sqs.ListQueues"] != 1 || b.CountsOf(green)["sqs.CreateQueue"] != 0 {
		t.Errorf("%d writes, %v", b.Writes(), b.Counts())
	}
	calls := b.Calls()
	if len(calls) != 3 || !calls[0].Write || calls[0].Seq != 1 || calls[1].Seq != 0 || calls[2].Account != green {
		t.Errorf("calls: %+v", calls)
	}
}

func TestSameSeedSameIDs(t *testing.T) {
	id := func() string {
		b := newBench(t)
		return *do(t, iam.NewFromConfig(b.as(blue)).CreateRole, &iam.CreateRoleInput{RoleName: aws.String("r"), AssumeRolePolicyDocument: aws.String(trust)}).Role.RoleId
	}
	if a, b := id(), id(); a != b {
		t.Errorf("%s and %s", a, b)
	}
}

func TestChaos(t *testing.T) {
	b := newBench(t)
	cfg := b.as(blue)
	logs := cloudwatchlogs.NewFromConfig(cfg)
	address := "tenant/acme/aws.logs.group/app"
	do(t, logs.CreateLogGroup, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("/acme/app"), Tags: map[string]string{"tenantry:address": address}})
	for _, test := range []struct {
		m    awsbox.Mischief
		want string // in the error
	}{
		{awsbox.Mischief{Address: address, Do: "retention-changed"}, ""},
		{awsbox.Mischief{Kind: "aws.logs.group", Name: "/acme/app", Attribute: "tags.team", Value: "red"}, ""},
		{awsbox.Mischief{Address: address, Do: "versioning-off"}, "retention-removed"},
		{awsbox.Mischief{Address: "tenant/none", Do: "deleted"}, "nothing like that"},
		{awsbox.Mischief{Address: address}, "nothing to do"},
		{awsbox.Mischief{Do: "deleted"}, "say what to change"},
	} {
		err := b.Chaos(test.m)
		if (err == nil) != (test.want == "") || (err != nil && !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%+v: %v", test.m, err)
		}
	}
	group := do(t, logs.DescribeLogGroups, &cloudwatchlogs.DescribeLogGroupsInput{}).LogGroups[0]
	if *group.RetentionInDays != 1 {
		t.Errorf("retention is %d", *group.RetentionInDays)
	}
	last := b.History()[2]
	if last.By != "arn:aws:iam::"+blue+":user/robin" || last.Operation != "by hand" || last.Tags["team"] != "red" {
		t.Errorf("the last event is %+v", last)
	}
	if err := b.Chaos(awsbox.Mischief{Address: address, Do: "deleted", By: "sam"}); err != nil || len(b.Live()) != 0 {
		t.Errorf("deleting by hand: %v, left %v", err, b.Live())
	}
}

// Every ready-made mischief must be visible through the API afterwards; here that it changes the
// store at all, so that none is a joke without a punch line.
func TestEveryPrankChangesSomething(t *testing.T) {
	for _, prank := range awsbox.Pranks() {
		b := newBench(t)
		cfg := b.as(blue)
		everything(t, cfg)
		for _, r := range b.Live() {
			must[any](t)(nil, b.Chaos(awsbox.Mischief{Kind: r.Kind, Name: r.Name, Attribute: "tags.tenantry:fleet", Value: "f"}))
		}
		for _, r := range b.Live() {
			if prank.Kind != "" && prank.Kind != r.Kind || r.Kind == "aws.kms.alias" {
				continue
			}
			before := len(b.History())
			if err := b.Chaos(awsbox.Mischief{Kind: r.Kind, Name: r.Name, Do: prank.Do}); err != nil {
				t.Errorf("%s on %s: %v", prank.Do, r.Kind, err)
			}
			after, ok := liveByID(b)[r.ID]
			if ok && cmp.Equal(after.Attributes, r.Attributes) && cmp.Equal(after.Tags, r.Tags) && len(b.History()) < before+2 {
				t.Errorf("%s changes nothing about %s", prank.Do, r.Kind)
			}
		}
	}
}

func liveByID(b *bench) map[string]awsbox.Resource {
	out := map[string]awsbox.Resource{}
	for _, r := range b.Live() {
		out[r.ID] = r
	}
	return out
}

func TestAdminOverHTTP(t *testing.T) {
	b := newBench(t)
	server := httptest.NewServer(b)
	defer server.Close()
	do(t, s3.NewFromConfig(b.as(blue)).CreateBucket, &s3.CreateBucketInput{Bucket: aws.String("acme-data"), CreateBucketConfiguration: inRegion(here)})

	ask := func(method, path, body, accept string) (int, string) {
		t.Helper()
		req := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), method, server.URL+"/_sandbox"+path, strings.NewReader(body)))
		req.Header.Set("Accept", accept)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded") // as curl does
		if strings.HasPrefix(path, "/evil") {
			req.Header.Set("Sec-Fetch-Site", "cross-site")
		}
		resp := must[*http.Response](t)(server.Client().Do(req))
		text := must[[]byte](t)(io.ReadAll(resp.Body))
		return resp.StatusCode, string(text)
	}
	for _, test := range []struct {
		method, path, body, accept string
		status                     int
		want                       string
	}{
		{"GET", "/", "", "text/html", 200, "An AWS for trying things out"},
		{"GET", "", "", "text/html", 200, "An AWS for trying things out"},
		{"GET", "/resources", "", "text/html", 200, "<b>acme-data</b>"},
		{"GET", "/resources?kind=aws.sqs.queue", "", "*/*", 200, "[]"},
		{"GET", "/resources?q=acme", "", "*/*", 200, `"name": "acme-data"`},
		{"GET", "/chaos", "", "*/*", 200, `"do": "versioning-off"`},
		{"POST", "/chaos", `{"name": "acme-data", "do": "versioning-off"}`, "*/*", 200, "done"},
		{"POST", "/chaos", "kind=aws.s3.bucket&name=acme-data&do=public-access-block-removed", "text/html", 200, "Done: public-access-block-removed"},
		{"POST", "/chaos", `{"name": "none", "do": "deleted"}`, "*/*", 422, "nothing like that"},
		{"POST", "/chaos", `{"nome": "none"}`, "*/*", 400, "nome"},
		{"GET", "/history", "", "*/*", 200, `"operation": "by hand"`},
		{"GET", "/requests", "", "*/*", 200, `"operation": "CreateBucket"`},
		{"GET", "/counts", "", "*/*", 200, `"writes": 1`},
		{"DELETE", "/counts", "", "*/*", 200, `"writes": 0`},
		{"POST", "/conditions", `{"lag": {"delay": "5s"}, "pageSize": 2}`, "*/*", 200, `"delay": "5s"`},
		{"POST", "/conditions", `{"latency": "1ms"}`, "*/*", 200, `"pageSize": 2`},
		{"POST", "/conditions", `{"lotency": "1ms"}`, "*/*", 400, "there are pageSize"},
		{"GET", "/nothing", "", "*/*", 404, ""},
		{"POST", "/evil", "", "*/*", 403, ""},
	} {
		status, text := ask(test.method, test.path, test.body, test.accept)
		if status != test.status || !strings.Contains(text, test.want) {
			t.Errorf("%s %s %s: %d %s", test.method, test.path, test.body, status, text)
		}
	}
	if c := b.Conditions(); c.Lag == nil || c.Lag.Delay != 5*time.Second || c.PageSize != 2 || c.Latency != time.Millisecond {
		t.Errorf("conditions are %+v", c)
	}
	ask("POST", "/conditions", `{"reset": true}`, "*/*")
	if diff := cmp.Diff(awsbox.Conditions{}, b.Conditions()); diff != "" {
		t.Error(diff)
	}
}
