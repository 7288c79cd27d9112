package reconciler_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	awsbox "tenantry.dev/internal/sandbox/aws"
	"tenantry.dev/internal/store"
	"tenantry.dev/providers"
	"tenantry.dev/providers/aws"
	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/resource"
	"tenantry.dev/schema"
)

// customer renders a tenant of twelve resources of the eight kinds, on AWS.
func customer(name string) []resource.Desired {
	owner := resource.Tenant(name)
	list := []resource.Desired{}
	add := func(kind, resourceName string, attributes map[string]any) {
		d := desired(owner, kind, resourceName, attributes)
		if kind == "aws.iam.role" {
			d.Scope.Region = resource.Global
		}
		list = append(list, d)
	}
	ref := func(kind, resourceName, output string) string {
		return resource.Ref{Address: resource.Address{Owner: owner, Kind: kind, Name: resourceName}, Output: output}.Placeholder()
	}
	key := ref("aws.kms.key", "key", "arn")
	add("aws.kms.key", "key", map[string]any{"alias": "alias/" + name, "rotation": true})
	for _, bucket := range []string{"data", "exports"} {
		add("aws.s3.bucket", bucket, map[string]any{
			"name": name + "-" + bucket, "versioning": true, "encryption": map[string]any{"algorithm": "aws:kms", "kmsKey": key},
		})
	}
	add("aws.logs.group", "logs", map[string]any{"name": "/app/" + name, "retentionDays": 30, "kmsKey": key})
	add("aws.sns.topic", "alerts", map[string]any{"name": name + "-alerts"})
	add("aws.sqs.queue", "dead", map[string]any{"name": name + "-dead"})
	add("aws.sqs.queue", "jobs", map[string]any{"name": name + "-jobs", "visibilityTimeout": 60})
	add("aws.sqs.queue", "mail", map[string]any{"name": name + "-mail"})
	for _, alarm := range []string{"backlog", "age"} {
		add("aws.cloudwatch.alarm", alarm, map[string]any{
			"name": name + "-" + alarm, "namespace": "AWS/SQS", "metric": "ApproximateNumberOfMessagesVisible", "statistic": "Maximum", "comparison": "GreaterThanThreshold", "threshold": 100,
			"dimensions": map[string]string{"QueueName": name + "-jobs"}, "alarmActions": []string{ref("aws.sns.topic", "alerts", "arn")},
		})
	}
	add("aws.secretsmanager.secret", "secret", map[string]any{"name": name + "/secret", "kmsKey": key})
	add("aws.iam.role", "role", map[string]any{
		"name": name + "-app",
		"assumeRolePolicy": map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{
			"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": map[string]any{"Service": "ecs-tasks.amazonaws.com"},
		}}},
		"inlinePolicies": map[string]any{"main": map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{
			"Effect": "Allow", "Action": "s3:GetObject", "Resource": ref("aws.s3.bucket", "data", "arn"),
		}}}},
	})
	return list
}

// A timetable has the requests of a fleet's resources, each with the resource that it was made for.
type timetable struct {
	inner http.RoundTripper

	mu    sync.Mutex
	trips []trip
}

type trip struct {
	address    resource.Address
	writes     bool // it was made in the making of the resource, and not in a look at it
	begun, end time.Time
}

type tripKey struct{}

func (t *timetable) RoundTrip(r *http.Request) (*http.Response, error) {
	this, _ := r.Context().Value(tripKey{}).(trip)
	if strings.Contains(r.Header.Get("Authorization"), "/sts/") {
		this = trip{} // the session is for all that is made of a customer
	}
	this.begun = time.Now()
	response, err := t.inner.RoundTrip(r)
	this.end = time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.trips = append(t.trips, this)
	return response, err
}

// take returns the requests since the last time.
func (t *timetable) take() []trip {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := t.trips
	t.trips = nil
	return out
}

// traced is a driver that says which resource its requests are for.
type traced struct {
	providers.Driver
	providers.Refresher
}

func (d traced) Create(ctx context.Context, want resource.Desired, fleet string) (resource.Observed, error) {
	return d.Driver.Create(context.WithValue(ctx, tripKey{}, trip{address: want.Address, writes: true}), want, fleet)
}

func (d traced) Refresh(ctx context.Context, have resource.Observed) (resource.Observed, error) {
	return d.Refresher.Refresh(context.WithValue(ctx, tripKey{}, trip{address: have.Address}), have)
}

// An estate is an account in the sandbox with a number of customers in it.
type estate struct {
	*world
	box       *awsbox.Server
	timetable *timetable
	fleet     reconciler.Target
}

func newEstate(t testing.TB, customers int) *estate {
	t.Helper()
	role := "arn:aws:iam::" + scope.Account + ":role/tenantry"
	e := &estate{box: awsbox.New(awsbox.Options{Accounts: []awsbox.Account{{ID: scope.Account, RoleARN: role}}})}
	e.timetable = &timetable{inner: e.box.Transport()}
	set, err := aws.Drivers(awssdk.Config{
		Region: scope.Region, BaseEndpoint: awssdk.String("http://127.0.0.1"), HTTPClient: &http.Client{Transport: e.timetable},
		Credentials: credentials.NewStaticCredentialsProvider("AKIASANDBOX", "sandbox", ""),
	}, []aws.Account{{ID: scope.Account, RoleARN: role}})
	if err != nil {
		t.Fatal(err)
	}
	for name, d := range set {
		set[name] = traced{d, d.(providers.Refresher)}
	}
	kept, err := store.Open(t.Context(), t.TempDir(), store.ReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kept.Close() })
	e.world = &world{store: kept, Reconciler: &reconciler.Reconciler{
		Providers: func(*schema.Fleet, []string) (providers.Set, error) { return set, nil },
		State:     kept, Recorder: kept, Observer: reconciler.NewObserver(0), Settle: time.Nanosecond,
	}}
	var all [][]resource.Desired
	for i := range customers {
		all = append(all, customer(fmt.Sprintf("customer-%03d", i)))
	}
	e.fleet = target("c0", all...)
	if err := e.passes(e.fleet, reconciler.Question{}); err != nil {
		t.Fatal(err)
	}
	plan, err := e.Plan(t.Context(), e.fleet, reconciler.Question{})
	if err != nil || len(plan.Changeset.Changes)+len(plan.Changeset.Broken) > 0 {
		t.Fatalf("at first there is left %v %v: %v", plan.Changeset.Changes, plan.Changeset.Broken, err)
	}
	e.timetable.take()
	return e
}

// onboard adds a customer, calls done, and returns the requests of that.
func (e *estate) onboard(t testing.TB, name string, done func()) []trip {
	t.Helper()
	e.fleet = target("c-"+name, e.fleet.Rendering.Desired, customer(name))
	if err := e.passes(e.fleet, hour); err != nil {
		t.Fatal(err)
	}
	done()
	trips := e.timetable.take()
	plan, err := e.Plan(t.Context(), e.fleet, reconciler.Question{})
	if err != nil || len(plan.Changeset.Changes) > 0 || plan.Changeset.Unchanged != len(e.fleet.Rendering.Desired) {
		t.Fatalf("after %s was onboarded there is left %+v: %v", name, plan.Changeset, err)
	}
	return trips
}

// latency is how long every call takes once the estate is there.
const latency = 50 * time.Millisecond

// An onboarding is what it took to onboard one customer: by the bubble's clock, by that of the longest
// chain of its own calls, and of the look at what was made; and of the processor, in whatever time.
type onboarding struct {
	calls               map[string]int // by kind, and whether it was for the making
	took, making, proof time.Duration
	processor           time.Duration
}

func (o onboarding) String() string {
	return fmt.Sprintf("%v calls, %v, %.2f of its longest chain (%v), %.2f with the proof (%v); %v of processor time",
		o.calls, o.took, o.took.Seconds()/o.making.Seconds(), o.making, o.took.Seconds()/(o.making+o.proof).Seconds(), o.proof, o.processor.Round(time.Millisecond))
}

// onboarded onboards a customer into an estate of others, in a bubble of its own time, in which nothing
// takes time but what is waited for.
func onboarded(t *testing.T, customers int) (o onboarding) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate(t, customers)
		time.Sleep(time.Minute) // so that no rate is used up
		e.box.SetConditions(awsbox.Conditions{Latency: latency})
		begun, used := time.Now(), processor()
		trips := e.onboard(t, "acme", func() { o.took, o.processor = time.Since(begun), processor()-used })
		o.making, o.proof = chains(customer("acme"), trips)
		o.calls = map[string]int{}
		for _, one := range trips {
			o.calls[fmt.Sprint(one.address.Kind, " ", one.writes)]++
			if one.address.Owner != "tenant/acme" && one.address.Owner != "" {
				t.Errorf("with %d others, a request was made for %s", customers, one.address)
			}
		}
	})
	return o
}

// processor is the processor time of this process.
func processor() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Onboarding a customer costs the same calls and takes the same time in every fleet, makes none for
// anybody else, and takes hardly longer than what its resources need one another for.
func TestOnboardingIsAsQuickAsItsDependencies(t *testing.T) {
	few, many := onboarded(t, 5), onboarded(t, 50)
	t.Log(few)
	if !maps.Equal(few.calls, many.calls) {
		t.Errorf("with 5 others, onboarding cost %v, and with 50 %v", few.calls, many.calls)
	}
	for _, o := range []onboarding{few, many} {
		if longest := o.making.Seconds() * 1.3; o.took.Seconds() > longest {
			t.Errorf("it took %s", o)
		}
	}
}

// waves is the length of the longest chain in requests of which each began after the one before it ended.
func waves(trips []trip) int {
	slices.SortFunc(trips, func(a, b trip) int { return a.end.Compare(b.end) })
	n, at := 0, time.Time{}
	for _, one := range trips {
		if !one.begun.Before(at) {
			n, at = n+1, one.end
		}
	}
	return n
}

// chains is how long the making of a customer takes if every request is sent as soon as what its resource
// refers to is made, and how long the look takes at what was made.
func chains(list []resource.Desired, trips []trip) (making, proof time.Duration) {
	of := func(address resource.Address, writes bool) int {
		return waves(slices.DeleteFunc(slices.Clone(trips), func(one trip) bool { return one.address != address || one.writes != writes }))
	}
	refs := map[resource.Address][]resource.Ref{}
	for _, d := range list {
		refs[d.Address] = d.Attributes.Refs()
	}
	var until func(resource.Address) int
	until = func(address resource.Address) int {
		before := 0
		for _, ref := range refs[address] {
			before = max(before, until(ref.Address))
		}
		return before + of(address, true)
	}
	longest, look := 0, 0
	for _, d := range list {
		longest, look = max(longest, until(d.Address)), max(look, of(d.Address, false))
	}
	return time.Duration(longest) * latency, time.Duration(look) * latency
}
