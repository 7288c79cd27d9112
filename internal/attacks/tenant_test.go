package attacks

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	awsbox "tenantry.dev/internal/sandbox/aws"
	"tenantry.dev/providers"
	drivers "tenantry.dev/providers/aws"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

const (
	fleet    = "suite"
	ours     = "111111111111"
	stranger = "222222222222"
	region   = "eu-central-1"
	owner    = resource.Owner("tenant/acme")
)

// A world is a tenant in a sandbox that is reached over HTTP, with everything applied.
type world struct {
	t       *testing.T
	box     *awsbox.Server
	url     string
	types   []string // which are driven by AWS's description of them
	set     providers.Set
	desired []resource.Desired
	hand    Hand
}

// entered is a configuration with a session in an account.
func (w *world) entered(id string) aws.Config {
	w.t.Helper()
	cfg := aws.Config{
		Region: region, BaseEndpoint: &w.url, HTTPClient: http.DefaultClient,
		Credentials: credentials.NewStaticCredentialsProvider("AKIASANDBOX", "sandbox", ""),
	}
	out, err := sts.NewFromConfig(cfg).AssumeRole(w.t.Context(), &sts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::" + id + ":role/tenantry"), RoleSessionName: aws.String("robin"),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	c := out.Credentials
	cfg.Credentials = credentials.NewStaticCredentialsProvider(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)
	return cfg
}

// drivers makes a set that knows nothing of an earlier one.
func (w *world) drivers() providers.Set {
	w.t.Helper()
	set, err := drivers.Drivers(aws.Config{
		Region: region, BaseEndpoint: &w.url, HTTPClient: http.DefaultClient,
		Credentials: credentials.NewStaticCredentialsProvider("AKIASANDBOX", "sandbox", ""),
	}, []drivers.Account{{ID: ours, RoleARN: "arn:aws:iam::" + ours + ":role/tenantry"}}, w.types...)
	if err != nil {
		w.t.Fatal(err)
	}
	return set
}

func newWorld(t *testing.T, more ...part) *world {
	t.Helper()
	box := awsbox.New(awsbox.Options{
		Accounts: []awsbox.Account{
			{ID: ours, RoleARN: "arn:aws:iam::" + ours + ":role/tenantry", Policies: []string{"boundary"}},
			{ID: stranger, RoleARN: "arn:aws:iam::" + stranger + ":role/tenantry"},
		},
		Conditions: awsbox.Conditions{ConfirmAtOnce: true},
	})
	running, err := box.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = running.Close() })
	w := &world{t: t, box: box, url: running.URL}
	for _, p := range more {
		w.types = append(w.types, p.kind)
	}
	w.set = w.drivers()
	w.hand = Hand{Config: w.entered(ours), Have: map[string]resource.Observed{}, Stranger: stranger}
	w.loot()
	for _, r := range append(slices.Clone(tenant), more...) {
		w.create(r)
	}
	return w
}

// loot is what the other account has ready.
func (w *world) loot() {
	w.t.Helper()
	cfg := w.entered(stranger)
	buckets := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	name := aws.String("loot-of-strangers")
	w.hand.Bucket, w.hand.Queue = "arn:aws:s3:::"+*name, "arn:aws:sqs:"+region+":"+stranger+":loot"
	for _, err := range []error{
		did(w.t.Context(), buckets.CreateBucket, &s3.CreateBucketInput{Bucket: name, CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: region}}),
		did(w.t.Context(), buckets.PutBucketVersioning, &s3.PutBucketVersioningInput{Bucket: name, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}}),
		did(w.t.Context(), sqs.NewFromConfig(cfg).CreateQueue, &sqs.CreateQueueInput{QueueName: aws.String("loot"), Attributes: map[string]string{"Policy": *openTo("*", w.hand.Queue)}}),
	} {
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// A part is a resource of the tenant: its kind, its name and its attributes as JSON, in which
// ${name.output} is filled in.
type part struct{ kind, name, attributes string }

var filled = regexp.MustCompile(`\$\{([a-z]+)\.([a-z]+)\}`)

// create makes a resource of the tenant and wants it from then on.
func (w *world) create(p part) {
	w.t.Helper()
	text := filled.ReplaceAllStringFunc(p.attributes, func(ref string) string {
		m := filled.FindStringSubmatch(ref)
		return w.hand.Have[m[1]].Outputs[m[2]]
	})
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &fields); err != nil {
		w.t.Fatalf("%s: %v", p.name, err)
	}
	attributes := resource.Attributes{}
	for name, field := range fields {
		value, err := resource.ParseValue(field)
		if err != nil {
			w.t.Fatalf("%s: %s: %v", p.name, name, err)
		}
		attributes[name] = value
	}
	kind := w.set[p.kind].Kind()
	d := resource.Desired{
		Address: resource.Address{Owner: owner, Kind: p.kind, Name: p.name}, Scope: w.scope(kind),
		Attributes: kind.Canonical(attributes),
	}
	send := d
	if kind.Unrepeatable {
		send.Nonce = "n"
	}
	have, err := w.set[p.kind].Create(w.t.Context(), send, fleet)
	if err != nil {
		w.t.Fatal(err)
	}
	w.hand.Have[p.name] = have
	w.desired = append(w.desired, d)
}

func (w *world) scope(kind resource.Kind) resource.Scope {
	if kind.Global {
		return resource.Scope{Account: ours, Region: resource.Global}
	}
	return resource.Scope{Account: ours, Region: region}
}

// changes observes everything with drivers that have seen nothing, and compares it as production does.
func (w *world) changes(ctx context.Context) (changeset.Changeset, []resource.Observed) {
	w.t.Helper()
	set := w.drivers()
	var observed []resource.Observed
	for _, name := range slices.Sorted(maps.Keys(set)) {
		found, err := set[name].Observe(ctx, w.scope(set[name].Kind()), fleet)
		if err != nil {
			w.t.Fatalf("observe %s: %v", name, err)
		}
		observed = append(observed, found...)
	}
	created := map[resource.Address]bool{}
	for _, d := range w.desired {
		created[d.Address] = true
	}
	cs, err := changeset.Compute(changeset.Snapshot{
		Fleet: fleet, Kinds: set.Kinds(), Commit: "0000000000000000000000000000000000000000",
		Desired: w.desired, Applied: w.desired, Observed: observed, Settled: map[resource.Owner]bool{owner: true},
		Created: created, Limits: changeset.Limits{Count: 100}, Now: time.Now(),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return cs, observed
}

// tenant has all eight kinds, set up so that everything in the list has something to spoil.
var tenant = []part{
	{key, "key", `{"alias": "alias/acme", "description": "The tenant's", "rotation": true, "tags": {"tenant": "acme"}}`},
	{queue, "dead", `{"name": "acme-dead"}`},
	{queue, "spare", `{"name": "acme-spare"}`},
	{queue, "jobs", `{"name": "acme-jobs", "encryption": "kms", "kmsKey": "${key.arn}", "tags": {"tenant": "acme"},
		"deadLetter": {"targetArn": "${dead.arn}", "maxReceiveCount": 3}}`},
	{topic, "news", `{"name": "acme-news", "displayName": "Acme", "kmsKey": "${key.arn}", "tags": {"tenant": "acme"},
		"subscriptions": [{"protocol": "sqs", "endpoint": "${jobs.arn}"}]}`},
	{alarm, "backlog", `{"name": "acme-backlog", "namespace": "AWS/SQS", "metric": "ApproximateAgeOfOldestMessage", "statistic": "Maximum",
		"dimensions": {"QueueName": "acme-jobs"}, "threshold": 300, "comparison": "GreaterThanThreshold", "treatMissingData": "breaching",
		"alarmActions": ["${news.arn}"], "tags": {"tenant": "acme"}}`},
	{logGroup, "logs", `{"name": "/acme/app", "retentionDays": 90, "kmsKey": "${key.arn}", "tags": {"tenant": "acme"},
		"subscriptionFilters": [{"name": "siem", "pattern": "", "destinationArn": "arn:aws:logs:eu-central-1:111111111111:destination:siem", "roleArn": "", "distribution": "ByLogStream"}]}`},
	{bucket, "data", `{"name": "acme-data", "versioning": true, "encryption": {"algorithm": "aws:kms", "kmsKey": "${key.arn}"}, "tags": {"tenant": "acme"},
		"lifecycle": [{"id": "exports", "prefix": "exports/", "expireDays": 14, "noncurrentExpireDays": 0}],
		"policy": {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:*",
			"Resource": ["arn:aws:s3:::acme-data", "arn:aws:s3:::acme-data/*"], "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]}}`},
	{secret, "login", `{"name": "acme/login", "description": "The database", "kmsKey": "${key.arn}", "tags": {"tenant": "acme"},
		"rotation": {"lambdaArn": "arn:aws:lambda:eu-central-1:111111111111:function:rotate", "days": 30}}`},
	{role, "app", `{"name": "acme-app", "description": "The program", "permissionsBoundary": "arn:aws:iam::111111111111:policy/boundary", "tags": {"tenant": "acme"},
		"managedPolicies": ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
		"inlinePolicies": {"read": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "${data.arn}/*"}]}},
		"assumeRolePolicy": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"},
			"Action": "sts:AssumeRole", "Condition": {"StringEquals": {"aws:SourceAccount": "111111111111"}}}]}}`},
}

// program stands for what is driven by AWS's description of it. Making it takes longer than all else.
var program = part{
	function, "report", `{"FunctionName": "acme-report", "Role": "${app.arn}", "Handler": "index.handler", "Runtime": "nodejs22.x",
		"Code": {"ZipFile": "exports.handler = async () => {}"}, "Environment": {"Variables": {"ENDPOINT": "https://acme.example.com"}}}`,
}
