package awsbox_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	awsbox "tenantry.dev/internal/sandbox/aws"
	"tenantry.dev/providers"
	drivers "tenantry.dev/providers/aws"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// A subject is what the matrix is about: a resource as it is made and as it is changed, in JSON.
type subject struct{ kind, plain, changed string }

const (
	readAll = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}`
	letIn   = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111111111111:root"}, "Action": "*", "Resource": "*"}]}`
)

// subjects are all kinds with a driver of their own and two types: one with a name, one without.
func subjects() []subject {
	return []subject{
		{"aws.s3.bucket", `{"name": "{name}"}`, `{"name": "{name}", "versioning": true, "eventBridge": true, "objectOwnership": "ObjectWriter", "tags": {"a": "b"},
			"lifecycle": [{"id": "x", "prefix": "", "expireDays": 3, "noncurrentExpireDays": 0}]}`},
		{"aws.iam.role", `{"name": "{name}", "assumeRolePolicy": ` + trust + `}`, `{"name": "{name}", "assumeRolePolicy": ` + trust + `, "description": "d",
			"inlinePolicies": {"read": ` + readAll + `}, "managedPolicies": ["arn:aws:iam::aws:policy/ReadOnlyAccess"], "tags": {"a": "b"}}`},
		{"aws.kms.key", `{"alias": "alias/{name}"}`, `{"alias": "alias/{name}", "description": "d", "rotation": true, "tags": {"a": "b"},
			"grants": [{"name": "g", "principal": "arn:aws:iam::111111111111:role/r", "operations": ["Decrypt"], "retiringPrincipal": "", "encryptionContext": {}}]}`},
		{"aws.logs.group", `{"name": "{name}"}`, `{"name": "{name}", "retentionDays": 30, "tags": {"a": "b"},
			"subscriptionFilters": [{"name": "f", "pattern": "", "destinationArn": "arn:aws:logs:eu-central-1:111111111111:destination:d", "roleArn": "", "distribution": "ByLogStream"}]}`},
		{
			"aws.cloudwatch.alarm", `{"name": "{name}", "namespace": "AWS/SQS", "metric": "m", "statistic": "Sum", "threshold": 1, "comparison": "GreaterThanThreshold"}`,
			`{"name": "{name}", "namespace": "AWS/SQS", "metric": "m", "statistic": "Sum", "threshold": 2, "comparison": "GreaterThanThreshold", "tags": {"a": "b"}}`,
		},
		{"aws.sns.topic", `{"name": "{name}"}`, `{"name": "{name}", "displayName": "d", "tags": {"a": "b"}, "subscriptions": [{"protocol": "sqs", "endpoint": "arn:aws:sqs:eu-central-1:111111111111:q"}]}`},
		{"aws.sqs.queue", `{"name": "{name}"}`, `{"name": "{name}", "delay": 3, "redriveAllow": {"permission": "denyAll", "sources": []}, "tags": {"a": "b"}}`},
		{"aws.secretsmanager.secret", `{"name": "{name}"}`, `{"name": "{name}", "description": "d", "policy": ` + letIn + `, "replicas": [{"region": "us-east-1", "kmsKey": ""}], "tags": {"a": "b"}}`},
		{"AWS::Events::Rule", `{"Name": "{name}", "EventPattern": {"source": ["aws.s3"]}}`, `{"Name": "{name}", "EventPattern": {"source": ["aws.s3"]}, "State": "DISABLED"}`},
		{"AWS::EC2::VPC", `{"CidrBlock": "10.0.0.0/16"}`, `{"CidrBlock": "10.0.0.0/16", "EnableDnsHostnames": true}`},
	}
}

// A mishap is what goes wrong with writes: how a hook is armed with the operation that it is for.
type mishap struct {
	name string
	arm  func(box *awsbox.Server, operation string)
}

// refusals are the codes of refusals, by service; others say the usual one.
var (
	throttles = map[string]string{"s3": "SlowDown", "iam": "Throttling", "sns": "Throttling", "sqs": "RequestThrottled"}
	denials   = map[string]string{"s3": "AccessDenied", "iam": "AccessDenied", "sns": "AuthorizationError", "sqs": "AccessDenied", "monitoring": "AccessDenied"}
)

func codeOf(codes map[string]string, service, usual string) string {
	if c, own := codes[service]; own {
		return c
	}
	return usual
}

// times makes a hook for the first calls of an operation.
func times(n int, operation string, fault func(awsbox.Call) awsbox.Fault) awsbox.Hook {
	var mu sync.Mutex
	return func(c awsbox.Call) awsbox.Fault {
		mu.Lock()
		defer mu.Unlock()
		if c.Name() != operation || n == 0 {
			return awsbox.Fault{}
		}
		n--
		return fault(c)
	}
}

func mishaps() []mishap {
	say := func(f awsbox.Fault) func(awsbox.Call) awsbox.Fault {
		return func(awsbox.Call) awsbox.Fault { return f }
	}
	broken := awsbox.Fault{Code: "InternalFailure", Status: 500}
	return []mishap{
		{"the answer is lost", func(box *awsbox.Server, op string) { box.After(times(1, op, say(awsbox.Fault{Drop: true}))) }},
		{"every answer is lost for a while", func(box *awsbox.Server, op string) { box.After(times(7, op, say(awsbox.Fault{Drop: true}))) }},
		{"500 after the effect", func(box *awsbox.Server, op string) { box.After(times(1, op, say(broken))) }},
		{"500 before the effect", func(box *awsbox.Server, op string) { box.Before(times(1, op, say(broken))) }},
		{"the service is away for a while", func(box *awsbox.Server, op string) { box.Before(times(9, op, say(broken))) }},
		{"the connection is cut before the effect", func(box *awsbox.Server, op string) { box.Before(times(1, op, say(awsbox.Fault{Drop: true}))) }},
		{"throttled", func(box *awsbox.Server, op string) {
			box.Before(times(5, op, func(c awsbox.Call) awsbox.Fault {
				return awsbox.Fault{Code: codeOf(throttles, c.Service, "ThrottlingException"), Status: 400}
			}))
		}},
		{"denied", func(box *awsbox.Server, op string) {
			box.Before(times(1, op, func(c awsbox.Call) awsbox.Fault {
				return awsbox.Fault{Code: codeOf(denials, c.Service, "AccessDeniedException"), Status: 403}
			}))
		}},
	}
}

// A trial brings a resource to one state after the other, as the engine does: observe, compare, write,
// and again until nothing is left. Every look begins with drivers that remember nothing.
type trial struct {
	t       *testing.T
	box     *awsbox.Server
	s       subject
	applied []resource.Desired
	unsure  map[resource.Address]time.Time
	denied  bool // a write was refused for lack of permission, and said so
}

const ourFleet = "suite"

func newTrial(t *testing.T, s subject, conditions awsbox.Conditions) *trial {
	conditions.ConfirmAtOnce = true
	box := awsbox.New(awsbox.Options{
		Accounts: []awsbox.Account{{ID: blue, RoleARN: "arn:aws:iam::" + blue + ":role/tenantry"}}, Conditions: conditions,
	})
	return &trial{t: t, box: box, s: s, unsure: map[resource.Address]time.Time{}}
}

func (r *trial) driver() providers.Driver {
	r.t.Helper()
	var types []string
	if strings.Contains(r.s.kind, "::") {
		types = append(types, r.s.kind)
	}
	set := must[providers.Set](r.t)(drivers.Drivers(aws.Config{
		Region: here, BaseEndpoint: aws.String("http://127.0.0.1:9"), HTTPClient: &http.Client{Transport: r.box.Transport()},
		Credentials: credentials.NewStaticCredentialsProvider("AKIASANDBOX", "sandbox", ""),
	}, []drivers.Account{{ID: blue, RoleARN: "arn:aws:iam::" + blue + ":role/tenantry"}}, types...))
	return set[r.s.kind]
}

func (r *trial) scope(kind resource.Kind) resource.Scope {
	if kind.Global {
		return resource.Scope{Account: blue, Region: resource.Global}
	}
	return resource.Scope{Account: blue, Region: here}
}

func (r *trial) desired(name, attributes string) resource.Desired {
	r.t.Helper()
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(strings.ReplaceAll(attributes, "{name}", "acme-"+name)), &fields); err != nil {
		r.t.Fatal(err)
	}
	kind := r.driver().Kind()
	d := resource.Desired{
		Address: resource.Address{Owner: "tenant/acme", Kind: r.s.kind, Name: name}, Scope: r.scope(kind), Attributes: resource.Attributes{},
	}
	for field, text := range fields {
		d.Attributes[field] = must[resource.Value](r.t)(resource.ParseValue(text))
	}
	d.Attributes = kind.Canonical(d.Attributes)
	return d
}

// settles is how long a create may take to show.
const settles = 5 * time.Minute

// bring makes the cloud be as desired, however often that takes, within bounds.
func (r *trial) bring(desired ...resource.Desired) error {
	var last error
	for range 200 {
		done, err := r.look(desired)
		if done {
			r.applied = desired
			return nil
		}
		if err != nil {
			last = err
		}
		pause := time.NewTimer(20 * time.Second)
		<-pause.C
	}
	return fmt.Errorf("it doesn't converge: %w", last)
}

// look observes once and makes the first change, if there is one.
func (r *trial) look(desired []resource.Desired) (done bool, err error) {
	driver := r.driver()
	kind := driver.Kind()
	observed, err := driver.Observe(r.t.Context(), r.scope(kind), ourFleet)
	if err != nil {
		return false, fmt.Errorf("observe: %w", err)
	}
	snapshot := changeset.Snapshot{
		Fleet: ourFleet, Kinds: map[string]resource.Kind{kind.Name: kind}, Commit: "0000000000000000000000000000000000000000", Desired: desired, Applied: r.applied, Observed: observed,
		Settled: map[resource.Owner]bool{"tenant/acme": len(r.applied) > 0}, Removed: map[resource.Owner]string{}, Created: map[resource.Address]bool{},
		Nonces: map[resource.Address][]string{}, Unsure: r.unsure, Limits: changeset.Limits{Count: 100}, CorrectDrift: true, Now: time.Now(),
	}
	for _, o := range observed {
		snapshot.Created[o.Address], snapshot.Nonces[o.Address] = true, []string{"n"}
		delete(r.unsure, o.Address)
	}
	if len(desired) == 0 {
		snapshot.Removed["tenant/acme"] = "1111111111111111111111111111111111111111"
	}
	cs := must[changeset.Changeset](r.t)(changeset.Compute(snapshot))
	for _, c := range cs.Changes {
		if c.Action == changeset.None && c.Hold == "" {
			continue
		}
		if c.Hold != "" {
			return false, errors.New(c.Hold)
		}
		return false, r.write(driver, c)
	}
	return true, nil
}

func (r *trial) write(driver providers.Driver, c changeset.Change) error {
	ctx := r.t.Context()
	var err error
	switch c.Action {
	case changeset.Create:
		send := *c.Want
		if driver.Kind().Unrepeatable {
			send.Nonce = "n"
			r.unsure[c.Address] = time.Now().Add(settles)
		}
		var made resource.Observed
		made, err = driver.Create(ctx, send, ourFleet)
		if err != nil && made.ID == "" && !errors.Is(err, providers.ErrUnsure) && !errors.Is(err, providers.ErrPending) {
			delete(r.unsure, c.Address) // nothing was made, says the driver
		}
	case changeset.Update:
		_, err = driver.Update(ctx, *c.Have, *c.Want)
	case changeset.Delete:
		err = driver.Delete(ctx, *c.Have)
	case changeset.Retire:
		_, err = driver.(providers.Retirer).Retire(ctx, *c.Have, "2026-01-01T00:00:00Z")
	default:
		r.t.Fatalf("no use for %s of %s", c.Action, c.Address)
	}
	r.denied = r.denied || errors.Is(err, providers.ErrDenied)
	return err
}

// life is a resource's whole: made, changed, and ended.
func (r *trial) life() error {
	for _, state := range [][]resource.Desired{
		{r.desired("one", r.s.plain)}, {r.desired("one", r.s.changed)}, {},
	} {
		if err := r.bring(state...); err != nil {
			return err
		}
	}
	return nil
}

// foreign makes another fleet's resource, and returns what there is of it.
func (r *trial) foreign() []awsbox.Resource {
	r.t.Helper()
	d := r.desired("theirs", r.s.plain)
	if r.driver().Kind().Unrepeatable {
		d.Nonce = "theirs"
	}
	must[resource.Observed](r.t)(r.driver().Create(r.t.Context(), d, "others"))
	return r.theirs()
}

func (r *trial) theirs() []awsbox.Resource {
	return slices.DeleteFunc(r.box.Live(), func(l awsbox.Resource) bool { return l.Tags["tenantry:fleet"] != "others" })
}

// writes are the operations that a life has, each once.
func writes(t *testing.T, s subject) []string {
	t.Helper()
	r := newTrial(t, s, awsbox.Conditions{})
	before := r.box.Counts()
	var mu sync.Mutex
	seen := map[string]bool{}
	r.box.Before(func(c awsbox.Call) awsbox.Fault {
		mu.Lock()
		defer mu.Unlock()
		if c.Write && c.Service != "sts" {
			seen[c.Name()] = true
		}
		return awsbox.Fault{}
	})
	if err := r.life(); err != nil {
		t.Fatal(err)
	}
	if len(before) > 0 || len(seen) < 2 {
		t.Fatalf("a life has the writes %v", seen)
	}
	return slices.Sorted(maps.Keys(seen))
}

// TestFaultMatrix has each write of each kind go wrong in each way, once: nothing is made twice, nothing
// of others is touched, and in the end the cloud is as Git wants it.
func TestFaultMatrix(t *testing.T) {
	for _, s := range subjects() {
		t.Run(s.kind, func(t *testing.T) {
			t.Parallel()
			var operations []string
			synctest.Test(t, func(t *testing.T) { operations = writes(t, s) })
			for _, m := range mishaps() {
				for _, operation := range operations {
					t.Run(strings.ReplaceAll(m.name, " ", "_")+"/"+operation, func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) { goesWrong(t, s, m, operation) })
					})
				}
			}
		})
	}
}

func goesWrong(t *testing.T, s subject, m mishap, operation string) {
	r := newTrial(t, s, awsbox.Conditions{})
	theirs := r.foreign()
	m.arm(r.box, operation)
	if err := r.life(); err != nil {
		t.Fatal(err)
	}
	r.sound(theirs)
	if m.name == "denied" && !r.denied {
		t.Error("nobody was told that permission lacks")
	}
}

// sound holds a life to what must be true after each.
func (r *trial) sound(theirs []awsbox.Resource) {
	r.t.Helper()
	if twins := awsbox.Twins(r.box.History(), "tenantry:fleet", "tenantry:address"); len(twins) > 0 {
		r.t.Errorf("two at once: %+v", twins)
	}
	if now := r.theirs(); len(now) != len(theirs) || len(now) > 0 && !reflect.DeepEqual(now, theirs) {
		r.t.Errorf("what others have was %+v and is %+v", theirs, now)
	}
	made := 0
	for _, e := range r.box.History() {
		if e.What == awsbox.Created && e.Kind == r.s.kind && e.Tags["tenantry:fleet"] != "others" {
			made++
		}
	}
	if made != 1 {
		r.t.Errorf("%d were made", made)
	}
	for _, l := range r.box.Live() {
		if l.Kind == r.s.kind && l.Tags["tenantry:fleet"] == ourFleet && l.Tags["tenantry:retired"] == "" {
			r.t.Errorf("in the end there is still %s", l.ID)
		}
	}
}

// TestStaleReads: reads that show an earlier state, or nothing yet, make nothing twice either.
func TestStaleReads(t *testing.T) {
	for _, s := range subjects() {
		if s.kind == "aws.s3.bucket" || strings.Contains(s.kind, "::") {
			continue // whose reads follow every write
		}
		for _, lag := range []time.Duration{time.Second, 30 * time.Second, 2 * time.Minute} {
			t.Run(s.kind+"/"+lag.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					late := &awsbox.Lag{Delay: lag, Services: []string{"iam", "kms", "logs", "monitoring", "sns", "sqs", "secretsmanager", "tagging"}}
					r := newTrial(t, s, awsbox.Conditions{Lag: late})
					if err := r.life(); err != nil {
						t.Fatal(err)
					}
					r.sound(nil)
				})
			})
		}
	}
}

// TestNoReadIsPartial: whichever read of an observation is refused, fails, or finds its page's token
// expired, the observation is an error or whole.
func TestNoReadIsPartial(t *testing.T) {
	for _, s := range subjects() {
		t.Run(s.kind, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newTrial(t, s, awsbox.Conditions{})
				if err := errors.Join(r.bring(r.desired("one", s.changed), r.desired("two", s.plain))); err != nil {
					t.Fatal(err)
				}
				whole := func(why string) {
					t.Helper()
					driver := r.driver()
					seen, err := driver.Observe(t.Context(), r.scope(driver.Kind()), ourFleet)
					if err == nil && len(seen) != 2 {
						t.Errorf("%s: %d are seen, and that is no error", why, len(seen))
					}
				}
				for _, operation := range reads(r) {
					for _, code := range []string{"AccessDeniedException", "InternalFailure", "ValidationException"} {
						remove := r.box.Before(times(-1, operation, func(awsbox.Call) awsbox.Fault { return awsbox.Fault{Code: code, Status: 400} }))
						whole(operation + " " + code)
						remove()
					}
				}
				r.box.SetConditions(awsbox.Conditions{PageSize: 1, TokenLife: time.Millisecond, Latency: 2 * time.Millisecond})
				whole("expired tokens")
			})
		})
	}
}

// reads are the operations of an observation.
func reads(r *trial) []string {
	r.t.Helper()
	var mu sync.Mutex
	seen := map[string]bool{}
	remove := r.box.Before(func(c awsbox.Call) awsbox.Fault {
		mu.Lock()
		defer mu.Unlock()
		if c.Service != "sts" {
			seen[c.Name()] = true
		}
		return awsbox.Fault{}
	})
	defer remove()
	driver := r.driver()
	must[[]resource.Observed](r.t)(driver.Observe(r.t.Context(), r.scope(driver.Kind()), ourFleet))
	return slices.Sorted(maps.Keys(seen))
}
