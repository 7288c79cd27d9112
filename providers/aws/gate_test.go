package aws

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"golang.org/x/time/rate"

	"tenantry.dev/providers"
)

var errClosed = errors.New("a newer commit took over")

// gated is a context whose gate is closed once shut is set.
func gated(ctx context.Context, shut *atomic.Bool) context.Context {
	return providers.WithGate(ctx, func() error {
		if shut.Load() {
			return errClosed
		}
		return nil
	})
}

// What was allowed when the caller asked need not be when the limiter lets it go: the gate is asked
// after that wait. Reads pass without being asked about.
func TestTheGateIsAskedAfterTheLimiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire(t, func(call) reply { return reply{body: `{}`} })
		cfg := w.base()
		limiters := newLimiters()
		limiters.byName["Secrets Manager"] = newLimiter(rate.Every(20 * time.Second))
		cfg.Retryer = newRetryer
		cfg.APIOptions = append(cfg.APIOptions, addDeadline, addLimiter(limiters)) // as guarded does
		client := secretsmanager.NewFromConfig(cfg)
		var shut atomic.Bool
		ctx := gated(t.Context(), &shut)
		put := &secretsmanager.CreateSecretInput{Name: aws.String("one")}
		if _, err := client.CreateSecret(ctx, put); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(10*time.Second, func() { shut.Store(true) })
		begun := time.Now()
		_, err := client.CreateSecret(ctx, put)
		if !errors.Is(err, errClosed) || unsure(err) {
			t.Errorf("a write that the gate refused: %v; unsure: %t", err, unsure(err))
		}
		if n := len(w.sent("CreateSecret")); n != 1 || time.Since(begun) < 20*time.Second {
			t.Errorf("%d creates were sent; the second was decided on after %s", n, time.Since(begun))
		}
		if _, err := client.ListSecrets(ctx, &secretsmanager.ListSecretsInput{}); err != nil {
			t.Errorf("a read was refused: %v", err)
		}
	})
}

// A write that is tried again may be too late by then.
func TestTheGateIsAskedForEveryAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var shut atomic.Bool
		w := newWire(t, func(call) reply {
			shut.Store(true)
			return jsonError("ThrottlingException", "Rate exceeded")
		})
		client := secretsmanager.NewFromConfig(guarded(w.base(), testScope))
		_, err := client.CreateSecret(gated(t.Context(), &shut), &secretsmanager.CreateSecretInput{Name: aws.String("one")})
		if n := len(w.sent("CreateSecret")); !errors.Is(err, errClosed) || n != 1 {
			t.Errorf("%d attempts, %v", n, err)
		}
	})
}

// Entering an account is no write, and may take a while: the gate is asked after it.
func TestTheGateIsAskedAfterTheCredentials(t *testing.T) {
	var shut atomic.Bool
	enters := false
	w := newWire(t, newKeyStore().answer)
	s := w.sessions()
	cfg, err := s.config(t.Context(), testScope)
	if err != nil {
		t.Fatal(err)
	}
	renewing := cfg.Credentials
	cfg.Credentials = aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
		enters = true
		shut.Store(true)
		return renewing.Retrieve(ctx)
	})
	_, err = kms.NewFromConfig(cfg).CreateKey(gated(t.Context(), &shut), &kms.CreateKeyInput{}, cautiously)
	if n := len(w.sent("CreateKey")); !enters || !errors.Is(err, errClosed) || unsure(err) || n != 0 {
		t.Errorf("%d keys were asked for, %v; the credentials were asked for: %t", n, err, enters)
	}
}

// A driver whose second request is refused says what the first one made.
func TestAKeyMadeBeforeTheGateShutIsNamed(t *testing.T) {
	store := newKeyStore()
	var shut atomic.Bool
	d := newKey(newWire(t, func(c call) reply {
		if c.op == "CreateKey" {
			shut.Store(true)
		}
		return store.answer(c)
	}).sessions())
	want := desired(kindKey, map[string]any{"alias": "alias/acme"})
	made, err := d.Create(gated(t.Context(), &shut), want, testFleet)
	if made.ID == "" || !errors.Is(err, errClosed) || len(store.aliases) != 0 {
		t.Errorf("made %q, aliases %v, %v", made.ID, store.aliases, err)
	}
}
