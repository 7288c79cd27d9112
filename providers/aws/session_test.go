package aws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"golang.org/x/time/rate"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

func emptyLists(call) reply { return reply{body: `{"SecretList":[]}`} }

func TestAccountsAreEnteredOnceWithTheExternalID(t *testing.T) {
	w := newWire(t, emptyLists)
	d := newSecret(w.sessions())
	for _, region := range []string{"eu-central-1", "eu-central-1", "us-west-2"} {
		if _, err := d.Observe(t.Context(), resource.Scope{Account: testAccount, Region: region}, testFleet); err != nil {
			t.Fatal(err)
		}
	}
	assumed, proven := w.sent("AssumeRole"), w.sent("GetCallerIdentity")
	if len(assumed) != 1 || len(proven) != 1 {
		t.Fatalf("role assumed %d times, account proven %d times, want once each", len(assumed), len(proven))
	}
	form := assumed[0].form
	if form.Get("ExternalId") != "fleet-1" || form.Get("RoleArn") != testRole || form.Get("DurationSeconds") != "3600" {
		t.Errorf("AssumeRole was sent %v", form)
	}
	for _, c := range w.sent("ListSecrets") {
		if !strings.Contains(c.header.Get("Authorization"), "AKIDROLE") {
			t.Error("the service was called with other credentials than the role's")
		}
	}
}

func TestAnAccountWithoutARoleUsesTheBaseCredentials(t *testing.T) {
	w := newWire(t, emptyLists)
	d := newSecret(w.sessions(Account{ID: testAccount}))
	if _, err := d.Observe(t.Context(), testScope, testFleet); err != nil {
		t.Fatal(err)
	}
	if len(w.sent("AssumeRole")) != 0 || !strings.Contains(w.sent("ListSecrets")[0].header.Get("Authorization"), "AKIDBASE") {
		t.Error("want the base credentials and no role")
	}
}

func TestAWrongAccountStopsEverythingInIt(t *testing.T) {
	w := newWire(t, emptyLists)
	w.account = "999999999999"
	_, err := newSecret(w.sessions()).Observe(t.Context(), testScope, testFleet)
	if err == nil || !strings.Contains(err.Error(), "999999999999") {
		t.Errorf("error %v, want one that names the account that was reached", err)
	}
	if n := len(w.sent("ListSecrets")); n != 0 {
		t.Errorf("%d calls were made in a wrong account", n)
	}
	if err := Verify(t.Context(), w.base(), Account{ID: testAccount, RoleARN: testRole}); err == nil {
		t.Error("Verify let a wrong account pass")
	}
}

func TestAnUnknownAccountIsNamed(t *testing.T) {
	w := newWire(t, emptyLists)
	_, err := newSecret(w.sessions()).Observe(t.Context(), resource.Scope{Account: "000000000000", Region: "eu-west-1"}, testFleet)
	if err == nil || !strings.Contains(err.Error(), "no account 000000000000") || len(w.calls) != 0 {
		t.Errorf("error %v after %d calls", err, len(w.calls))
	}
}

func TestARefusedRoleIsDeniedAndSaysHowToMendIt(t *testing.T) {
	w := newWire(t, emptyLists)
	base := w.base()
	base.HTTPClient = clientFunc(func(c call) reply {
		if c.op == "AssumeRole" {
			return queryError(403, "AccessDenied", "not authorized to perform sts:AssumeRole")
		}
		return w.sts(c)
	})
	err := Verify(t.Context(), base, Account{ID: testAccount, RoleARN: testRole, ExternalID: "fleet-1"})
	if !errors.Is(err, providers.ErrDenied) {
		t.Fatalf("error %v, want ErrDenied", err)
	}
	for _, part := range []string{testAccount, testRole, "trust policy", "external id"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the message doesn't mention %q: %v", part, err)
		}
	}
	if strings.Contains(err.Error(), "fleet-1") {
		t.Errorf("the message shows the external id: %v", err)
	}
}

func TestTwoRolesForOneAccountAreRefused(t *testing.T) {
	w := newWire(t, emptyLists)
	_, err := Drivers(w.base(), []Account{{ID: testAccount, RoleARN: "a"}, {ID: testAccount, RoleARN: "b"}})
	if err == nil {
		t.Error("want an error")
	}
}

func TestThrottledReadsAreRepeatedWhateverTheEnvironmentSays(t *testing.T) {
	for name, value := range map[string]string{
		"AWS_MAX_ATTEMPTS": "1", "AWS_RETRY_MODE": "adaptive", "AWS_NEW_RETRIES_2026": "true",
		"AWS_ACCESS_KEY_ID": "AKIDBASE", "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "eu-central-1",
		"AWS_CA_BUNDLE": "", "AWS_ENDPOINT_URL": "", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
	} {
		t.Setenv(name, value)
	}
	refusals := 5
	w := newWire(t, func(call) reply {
		if refusals--; refusals >= 0 {
			return jsonError("ThrottlingException", "Rate exceeded")
		}
		return reply{body: `{"SecretList":[]}`}
	})
	base, err := config.LoadDefaultConfig(t.Context(), config.WithHTTPClient(w.base().HTTPClient))
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSessions(base, []Account{{ID: testAccount}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newSecret(s).Observe(t.Context(), testScope, testFleet); err != nil {
		t.Fatal(err)
	}
	if n := len(w.sent("ListSecrets")); n != 6 {
		t.Errorf("%d attempts, want 6", n)
	}
}

func TestAQuotaIsNotAThrottle(t *testing.T) {
	w := newWire(t, func(call) reply { return jsonError("LimitExceededException", "too many secrets") })
	if _, err := newSecret(w.sessions()).Observe(t.Context(), testScope, testFleet); err == nil {
		t.Error("want an error")
	}
	if n := len(w.sent("ListSecrets")); n != 1 {
		t.Errorf("%d attempts, want 1", n)
	}
}

func TestRetryersAreNotShared(t *testing.T) {
	w := newWire(t, emptyLists)
	cfg := guarded(w.base(), testScope)
	if cfg.Retryer() == cfg.Retryer() {
		t.Error("two clients would spend one quota of retries")
	}
}

func TestBackoffGrowsFromShortToTwentySeconds(t *testing.T) {
	for attempt := range 70 {
		most := time.Duration(0)
		for range 200 {
			d, err := backoff(attempt, nil)
			if err != nil || d <= 0 || d > maxBackoff {
				t.Fatalf("attempt %d: %s, %v", attempt, d, err)
			}
			most = max(most, d)
		}
		if attempt == 0 && most > firstBackoff+1 || attempt > 12 && most < time.Second {
			t.Errorf("attempt %d: at most %s", attempt, most)
		}
	}
}

// The limiter must count attempts: with two tokens and the next in an hour, the third attempt can't
// be sent in time.
func TestTheLimiterCountsAttempts(t *testing.T) {
	w := newWire(t, func(call) reply { return jsonError("ThrottlingException", "Rate exceeded") })
	cfg := w.base()
	cfg.Retryer = newRetryer
	limiters := newLimiters()
	limiters.byName["Secrets Manager"] = newLimiter(rate.Every(time.Hour))
	limiters.byName["Secrets Manager"].tokens = rate.NewLimiter(rate.Every(time.Hour), 2)
	client := secretsmanager.NewFromConfig(cfg, func(o *secretsmanager.Options) {
		o.APIOptions = append(o.APIOptions, addLimiter(limiters))
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := client.ListSecrets(ctx, &secretsmanager.ListSecretsInput{})
	if n := len(w.sent("ListSecrets")); err == nil || n != 2 {
		t.Errorf("%d attempts with two tokens: %v", n, err)
	}
	if unsure(err) {
		t.Errorf("a call that was held back counts as sent: %v", err)
	}
}

func TestEveryScopeHasItsOwnLimits(t *testing.T) {
	limits := newLimiters()
	if limits.limiter("KMS", "CreateKey") == limits.limiter("KMS", "DescribeKey") {
		t.Error("CreateKey has a rate of its own")
	}
	if limits.limiter("KMS", "ListKeys") != limits.limiter("KMS", "DescribeKey") {
		t.Error("operations without a rate of their own share the service's")
	}
	if got := limits.limiter("Nimbus", "GetCloud").tokens.Limit(); got != otherwise {
		t.Errorf("an unknown service has %v calls/s", got)
	}
}

func TestAnAttemptThatHangsIsGivenUpAndRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := true
		base := newWire(t, nil).base()
		base.HTTPClient = doer(func(ctx context.Context, c call) reply {
			if hang {
				hang = false
				<-ctx.Done()
				return reply{lost: ctx.Err()}
			}
			return reply{body: `{"SecretList":[]}`}
		})
		client := secretsmanager.NewFromConfig(guarded(base, testScope))
		began := time.Now()
		if _, err := client.ListSecrets(t.Context(), &secretsmanager.ListSecretsInput{}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < readDeadline || took > readDeadline+time.Second {
			t.Errorf("took %s, want one deadline of %s", took, readDeadline)
		}
	})
}

func TestAWriteThatWasSentIsSeenThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		base := newWire(t, nil).base()
		base.HTTPClient = doer(func(sent context.Context, c call) reply {
			cancel() // the caller is told to stop while the service works
			select {
			case <-sent.Done():
				return reply{lost: sent.Err()}
			case <-time.After(5 * time.Second):
				return reply{body: `{"KeyMetadata":{"KeyId":"k"}}`}
			}
		})
		out, err := kms.NewFromConfig(guarded(base, testScope)).CreateKey(ctx, &kms.CreateKeyInput{}, cautiously)
		if err != nil || str(out.KeyMetadata.KeyId) != "k" {
			t.Errorf("the write was cut in half: %v", err)
		}
		if _, err := kms.NewFromConfig(guarded(base, testScope)).CreateKey(ctx, &kms.CreateKeyInput{}, cautiously); unsure(err) || err == nil {
			t.Errorf("a write that was cancelled before it was sent: %v", err)
		}
	})
}

func TestANewPrincipalIsPendingForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		unknown := apiError("MalformedPolicyDocument", "Invalid principal in policy")
		syntax := apiError("MalformedPolicyDocument", "Syntax errors in policy")
		s := sessions{Cloud: &Cloud{}}
		if err := s.failed("do", "it", unknown); errors.Is(err, providers.ErrPending) {
			t.Error("pending although nothing was created")
		}
		s.settling.note()
		if err := s.failed("do", "it", unknown); !errors.Is(err, providers.ErrPending) {
			t.Errorf("%v, want ErrPending right after a create", err)
		}
		if err := s.failed("do", "it", syntax); errors.Is(err, providers.ErrPending) {
			t.Error("a syntax error never settles")
		}
		time.Sleep(settleWindow)
		if err := s.failed("do", "it", unknown); errors.Is(err, providers.ErrPending) {
			t.Error("pending for ever")
		}
	})
}

func TestGlobalKindsSignForTheBaseRegion(t *testing.T) {
	base := newWire(t, emptyLists).base()
	if got := guarded(base, testGlobal).Region; got != "eu-central-1" {
		t.Errorf("region %q", got)
	}
	base.Region = ""
	if got := guarded(base, testGlobal).Region; got != homeRegion {
		t.Errorf("region %q", got)
	}
	if got := guarded(base, testScope).Region; got != "eu-central-1" {
		t.Errorf("region %q", got)
	}
}

// Whether a create that failed may have had its effect decides if it may be sent again.
func TestUnsure(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	tests := []struct {
		reason string
		reply  reply
		want   bool
		again  bool // it is sent again, as the service said that it did nothing
	}{
		{"the service refused it", jsonError("ValidationException", "no"), false, false},
		{"the service was too busy for it", jsonError("ThrottlingException", "no"), false, true},
		{"nobody was there", reply{lost: refused}, false, false},
		{"the name didn't resolve", reply{lost: &net.DNSError{Err: "no such host", IsNotFound: true}}, false, false},
		{"the connection broke", reply{lost: io.ErrUnexpectedEOF}, true, false},
		{"the connection was reset", reply{lost: &net.OpError{Op: "read", Err: errors.New("connection reset by peer")}}, true, false},
		{"the service failed", reply{status: 500, body: `{"__type":"KMSInternalException"}`}, true, false},
		{"a proxy failed", reply{status: 502, body: `<html>`}, true, false},
		{"the answer was garbled", reply{body: `{"KeyMetadata":`}, true, false},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			w := newWire(t, func(call) reply { return tt.reply })
			_, err := kms.NewFromConfig(guarded(w.base(), testScope)).CreateKey(t.Context(), &kms.CreateKeyInput{}, cautiously)
			if err == nil || unsure(err) != tt.want {
				t.Errorf("unsure(%v) = %t", err, !tt.want)
			}
			want := 1
			if tt.again {
				want = maxAttempts
			}
			if n := len(w.sent("CreateKey")); n != want {
				t.Errorf("sent %d times, want %d", n, want)
			}
		})
	}
	denied := newWire(t, emptyLists).base()
	denied.Credentials = credentialsFor(denied, Account{ID: testAccount, RoleARN: testRole})
	denied.HTTPClient = clientFunc(func(call) reply { return queryError(403, "AccessDenied", "no") })
	denied.Credentials = credentialsFor(denied, Account{ID: testAccount, RoleARN: testRole})
	_, err := kms.NewFromConfig(guarded(denied, testScope)).CreateKey(t.Context(), &kms.CreateKeyInput{}, cautiously)
	if err == nil || unsure(err) || !errors.Is(err, providers.ErrDenied) {
		t.Errorf("without credentials nothing is sent: %v", err)
	}
	noKeys := newWire(t, emptyLists).base()
	noKeys.Credentials = credentials.NewStaticCredentialsProvider("", "", "")
	_, err = kms.NewFromConfig(guarded(noKeys, testScope)).CreateKey(t.Context(), &kms.CreateKeyInput{}, cautiously)
	if err == nil || unsure(err) {
		t.Errorf("without credentials nothing is sent: %v", err)
	}
}

func TestErrorsSayWhatTheyMean(t *testing.T) {
	for code, want := range sentinels {
		err := failed("read bucket", "acme-data", fmt.Errorf("operation error S3: GetBucketTagging, %w", apiError(code, "as AWS puts it")))
		if !errors.Is(err, want) {
			t.Errorf("%s: %v", code, err)
		}
		if text := err.Error(); text != "read bucket acme-data: "+want.Error()+": "+code+": as AWS puts it" {
			t.Errorf("%s reads %q", code, text)
		}
	}
	if err := failedNaming("attach policy to role", "r", apiError("NoSuchEntity", "no such policy")); errors.Is(err, providers.ErrGone) || code(err) != "NoSuchEntity" {
		t.Errorf("it isn't the role that is gone: %v", err)
	}
	if err := failed("x", "y", nil); err != nil {
		t.Errorf("no error became %v", err)
	}
	once := failed("a", "b", apiError("AccessDenied", "no"))
	if twice := failed("c", "d", once); !errors.Is(twice, providers.ErrDenied) || !strings.HasPrefix(twice.Error(), "c d: a b: ") {
		t.Errorf("wrapped twice: %v", twice)
	}
}
