package awsbox_test

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	smtypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	awsbox "tenantry.dev/internal/sandbox/aws"
	"tenantry.dev/providers"
	drivers "tenantry.dev/providers/aws"
	"tenantry.dev/reconciler/resource"
)

// both are drivers for two accounts of one sandbox.
func both(t *testing.T, b *bench) providers.Set {
	t.Helper()
	var accounts []drivers.Account
	for id, external := range map[string]string{blue: "secret-of-blue", green: "secret-of-green"} {
		accounts = append(accounts, drivers.Account{ID: id, RoleARN: "arn:aws:iam::" + id + ":role/tenantry", ExternalID: external})
	}
	return must[providers.Set](t)(drivers.Drivers(aws.Config{
		Region: here, BaseEndpoint: aws.String("http://127.0.0.1:9"), HTTPClient: &http.Client{Transport: b.Transport()},
		Credentials: credentials.NewStaticCredentialsProvider("AKIASANDBOX", "sandbox", ""),
	}, accounts))
}

// inAccount is a resource that the fleet wants in an account.
func inAccount(account, owner, kind, attribute, name string) resource.Desired {
	return resource.Desired{
		Address: resource.Address{Owner: resource.Tenant(owner), Kind: kind, Name: "one"}, Nonce: owner,
		Scope: resource.Scope{Account: account, Region: here}, Attributes: resource.Attributes{attribute: resource.String(name)},
	}
}

// Two accounts may have the same names of everything but buckets, and each sees its own.
func TestNamesThatTwoAccountsHave(t *testing.T) {
	b := newBench(t)
	set := both(t, b)
	for kind, attribute := range map[string]string{
		"aws.kms.key": "alias", "aws.logs.group": "name", "aws.sns.topic": "name", "aws.sqs.queue": "name", "aws.secretsmanager.secret": "name",
	} {
		name := map[string]string{"alias": "alias/shared", "name": "shared"}[attribute]
		for account, owner := range map[string]string{blue: "acme", green: "globex"} {
			must[resource.Observed](t)(set[kind].Create(t.Context(), inAccount(account, owner, kind, attribute, name), "web"))
		}
		for account, owner := range map[string]string{blue: "acme", green: "globex"} {
			seen := must[[]resource.Observed](t)(set[kind].Observe(t.Context(), resource.Scope{Account: account, Region: here}, "web"))
			if len(seen) != 1 || seen[0].Address.Owner != resource.Tenant(owner) {
				t.Errorf("%s in %s: %v", kind, account, seen)
			}
		}
	}
	bucket := set["aws.s3.bucket"]
	must[resource.Observed](t)(bucket.Create(t.Context(), inAccount(blue, "acme", "aws.s3.bucket", "name", "shared-bucket"), "web"))
	before := b.Writes()
	if _, err := bucket.Create(t.Context(), inAccount(green, "globex", "aws.s3.bucket", "name", "shared-bucket"), "web"); !errors.Is(err, providers.ErrNotOurs) {
		t.Errorf("a bucket that the other account has: %v", err)
	}
	if n := b.Writes() - before; n > 0 {
		t.Errorf("%d writes", n)
	}
}

// A bucket name that a stranger has is nobody's to take, to change or to adopt.
func TestABucketNameOfAStranger(t *testing.T) {
	b := newBench(t)
	set := both(t, b)
	do(t, s3.NewFromConfig(b.as(green)).CreateBucket, &s3.CreateBucketInput{Bucket: aws.String("taken-name"), CreateBucketConfiguration: inRegion(here)})
	before := b.Writes()
	want := inAccount(blue, "acme", "aws.s3.bucket", "name", "taken-name")
	_, err := set["aws.s3.bucket"].Create(t.Context(), want, "web")
	if !errors.Is(err, providers.ErrNotOurs) {
		t.Errorf("create: %v", err)
	}
	want.Adopt = "taken-name"
	if _, err := set["aws.s3.bucket"].(providers.Adopter).Adopt(t.Context(), want, "web"); err == nil {
		t.Error("it was adopted")
	}
	if seen, err := set["aws.s3.bucket"].Observe(t.Context(), want.Scope, "web"); err != nil || len(seen) > 0 {
		t.Errorf("seen: %v, %v", seen, err)
	}
	if n := b.Writes() - before; n > 0 {
		t.Errorf("%d writes", n)
	}
}

// The name of a secret that was deleted a minute ago is taken: ours comes back with its value, and what was
// somebody else's is left to its end.
func TestASecretDeletedAMinuteAgo(t *testing.T) {
	b := newBench(t)
	driver := both(t, b)["aws.secretsmanager.secret"]
	client := secretsmanager.NewFromConfig(b.as(blue))
	want := inAccount(blue, "acme", "aws.secretsmanager.secret", "name", "ours")
	have := must[resource.Observed](t)(driver.Create(t.Context(), want, "web"))
	do(t, client.PutSecretValue, &secretsmanager.PutSecretValueInput{SecretId: &have.ID, SecretString: aws.String("s3cret")})
	do(t, client.DeleteSecret, &secretsmanager.DeleteSecretInput{SecretId: &have.ID, RecoveryWindowInDays: aws.Int64(7)})
	do(t, client.CreateSecret, &secretsmanager.CreateSecretInput{Name: aws.String("theirs")})
	do(t, client.DeleteSecret, &secretsmanager.DeleteSecretInput{SecretId: aws.String("theirs"), RecoveryWindowInDays: aws.Int64(7)})
	b.now = b.now.Add(time.Minute)
	again := must[resource.Observed](t)(driver.Create(t.Context(), want, "web"))
	if again.ID != have.ID || again.Retired != "" {
		t.Errorf("%+v came back as %+v", have, again)
	}
	if got := do(t, client.GetSecretValue, &secretsmanager.GetSecretValueInput{SecretId: &have.ID}); *got.SecretString != "s3cret" {
		t.Errorf("its value is %s", *got.SecretString)
	}
	theirs := inAccount(blue, "globex", "aws.secretsmanager.secret", "name", "theirs")
	if _, err := driver.Create(t.Context(), theirs, "web"); !errors.Is(err, providers.ErrNotOurs) {
		t.Errorf("somebody else's: %v", err)
	}
	if got := do(t, client.DescribeSecret, &secretsmanager.DescribeSecretInput{SecretId: aws.String("theirs")}); got.DeletedDate == nil {
		t.Error("somebody else's was restored")
	}
}

// The name of a queue that was deleted less than a minute ago can't be used yet; that is no failure.
func TestAQueueDeletedAMinuteAgo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, box := cloudOf(awsbox.Conditions{}, drivers.Account{ID: blue, RoleARN: "arn:aws:iam::" + blue + ":role/tenantry"})
		driver := must[providers.Set](t)(c.Drivers())["aws.sqs.queue"]
		want := inAccount(blue, "acme", "aws.sqs.queue", "name", "jobs")
		have := must[resource.Observed](t)(driver.Create(t.Context(), want, "web"))
		cfg := (&bench{Server: box, t: t}).base()
		do(t, sqs.NewFromConfig(cfg).DeleteQueue, &sqs.DeleteQueueInput{QueueUrl: &have.ID})
		if _, err := driver.Create(t.Context(), want, "web"); !errors.Is(err, providers.ErrPending) {
			t.Errorf("at once: %v", err)
		}
		over := time.NewTimer(time.Minute)
		<-over.C
		if again, err := driver.Create(t.Context(), want, "web"); err != nil || again.ID != have.ID {
			t.Errorf("a minute later: %+v, %v", again, err)
		}
	})
}

// A key that waits for its deletion and is wanted again works again, and is the same key. A second one
// is not made.
func TestAKeyThatWaitsForItsDeletion(t *testing.T) {
	b := newBench(t)
	driver := both(t, b)["aws.kms.key"]
	client := kms.NewFromConfig(b.as(blue))
	want := inAccount(blue, "acme", "aws.kms.key", "alias", "alias/acme")
	have := must[resource.Observed](t)(driver.Create(t.Context(), want, "web"))
	do(t, client.ScheduleKeyDeletion, &kms.ScheduleKeyDeletionInput{KeyId: &have.ID, PendingWindowInDays: aws.Int32(7)})
	seen := must[[]resource.Observed](t)(driver.Observe(t.Context(), want.Scope, "web"))
	if len(seen) != 1 || seen[0].Retired == "" || seen[0].Attributes["enabled"] != resource.Bool(false) {
		t.Fatalf("seen: %+v", seen)
	}
	back := must[resource.Observed](t)(driver.Update(t.Context(), seen[0], want))
	meta := do(t, client.DescribeKey, &kms.DescribeKeyInput{KeyId: &have.ID}).KeyMetadata
	if back.ID != have.ID || !meta.Enabled || meta.DeletionDate != nil {
		t.Errorf("%s came back as %s, %+v", have.ID, back.ID, meta)
	}
	do(t, client.ScheduleKeyDeletion, &kms.ScheduleKeyDeletionInput{KeyId: &have.ID, PendingWindowInDays: aws.Int32(7)})
	again := must[resource.Observed](t)(driver.Create(t.Context(), want, "web"))
	if again.ID != have.ID {
		t.Errorf("a second key %s beside %s", again.ID, have.ID)
	}
}

// A replica is part of the secret that it is a copy of, although it carries the same mark: its own region
// has nothing of ours. One that somebody made into a secret of its own is one too many.
func TestAReplicaIsNoSecretOfItsOwn(t *testing.T) {
	b := newBench(t)
	driver := both(t, b)["aws.secretsmanager.secret"]
	want := inAccount(blue, "acme", "aws.secretsmanager.secret", "name", "ours")
	want.Attributes["replicas"] = must[resource.Value](t)(resource.ParseValue([]byte(`[{"region": "us-east-1", "kmsKey": ""}]`)))
	must[resource.Observed](t)(driver.Create(t.Context(), want, "web"))
	there := resource.Scope{Account: blue, Region: "us-east-1"}
	if seen, err := driver.Observe(t.Context(), there, "web"); err != nil || len(seen) > 0 {
		t.Errorf("a replica is seen: %v, %v", seen, err)
	}
	do(t, secretsmanager.NewFromConfig(b.in(blue, "us-east-1")).CreateSecret, &secretsmanager.CreateSecretInput{
		Name: aws.String("promoted"), Tags: []smtypes.Tag{
			{Key: aws.String("tenantry:fleet"), Value: aws.String("web")}, {Key: aws.String("tenantry:address"), Value: aws.String(want.Address.String())},
		},
	})
	if seen, err := driver.Observe(t.Context(), there, "web"); err != nil || len(seen) != 1 {
		t.Errorf("what isn't a replica: %v, %v", seen, err)
	}
}
