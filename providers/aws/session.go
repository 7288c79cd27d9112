package aws

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"tenantry.dev/reconciler/resource"
)

// An Account is an AWS account that drivers may work in, and how they get there.
type Account struct {
	ID string // 12 digits
	// RoleARN is assumed for everything in the account; empty means that the base credentials are
	// the account's own.
	RoleARN string
	// ReadRole is assumed instead where nothing is written; empty means that RoleARN is.
	ReadRole string
	// ExternalID is sent with AssumeRole; empty sends none.
	ExternalID string
	// Fleet is what sessions are tagged with; empty tags none.
	Fleet string
}

const (
	// A session lasts as long as a role allows without being configured to. The shortest maximum
	// is one hour, which is also the limit for role chaining.
	// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
	sessionLength = time.Hour
	// A session is renewed well before its end, so that no write begins on one that expires under it.
	renewBefore = 5 * time.Minute
	// concurrency bounds the calls in flight per driver and scope.
	concurrency = 16
	// idleConns are kept per host, which all accounts share, so that reading a fleet doesn't pay for a TLS
	// handshake per call.
	idleConns = 8 * concurrency
	// homeRegion signs for services without a region, when the base configuration names none.
	homeRegion = "us-east-1"
)

// sessions reaches a fleet's accounts. What it makes for that is the cloud's, and is shared with other sets of
// drivers that reach the same accounts in the same way. Safe for concurrent use.
type sessions struct {
	*Cloud

	accounts map[string]Account
	tagging  *pool[*tagging.Client]
}

// An entry is the way into an account. Its lock makes the proof of the account's id happen once.
type entry struct {
	mu          sync.Mutex
	proven      bool
	credentials aws.CredentialsProvider
}

func newSessions(base aws.Config, accounts []Account) (*sessions, error) {
	return NewCloud(base).sessions(accounts)
}

func (c *Cloud) sessions(accounts []Account) (*sessions, error) {
	s := &sessions{Cloud: c, accounts: make(map[string]Account, len(accounts))}
	s.tagging = newPool(s, func(c aws.Config) *tagging.Client { return tagging.NewFromConfig(c) })
	for _, a := range accounts {
		if known, twice := s.accounts[a.ID]; twice && known != a {
			return nil, fmt.Errorf("account %s has two different roles, %q and %q", a.ID, known.RoleARN, a.RoleARN)
		}
		s.accounts[a.ID] = a
	}
	return s, nil
}

// config returns what clients for the scope are made of. The first call for an account proves that
// its credentials lead to that account and no other; until that succeeds nothing in it is called.
func (s *sessions) config(ctx context.Context, scope resource.Scope) (aws.Config, error) {
	account, known := s.accounts[scope.Account]
	if !known {
		return aws.Config{}, fmt.Errorf("scope %s: the fleet has no account %s", scope, scope.Account)
	}
	e := s.entry(account)
	if err := e.prove(ctx, s.base, account); err != nil {
		return aws.Config{}, err
	}
	return s.configured(account, scope, e.credentials), nil
}

func (e *entry) prove(ctx context.Context, base aws.Config, account Account) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.proven {
		return nil
	}
	if err := verify(ctx, base, account, e.credentials); err != nil {
		return err
	}
	e.proven = true
	return nil
}

// Verify proves that the account can be reached and is the one it claims to be. Errors wrap
// providers.ErrDenied if the role can't be assumed. It has no effect.
func Verify(ctx context.Context, base aws.Config, account Account) error {
	base = pooled(base)
	return verify(ctx, base, account, credentialsFor(base, account))
}

func verify(ctx context.Context, base aws.Config, account Account, creds aws.CredentialsProvider) error {
	cfg := guarded(base, resource.Scope{Account: account.ID, Region: resource.Global})
	cfg.Credentials = creds
	out, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return failed("enter account", account.ID, err)
	}
	if got := aws.ToString(out.Account); got != account.ID {
		return fmt.Errorf("enter account %s: its credentials lead to account %s (%s); nothing is done with them. Correct the account's id or role",
			account.ID, got, aws.ToString(out.Arn))
	}
	return nil
}

// guarded returns base for the scope, with our retryer, limiter and deadlines in place of what the
// environment asks for.
func guarded(base aws.Config, scope resource.Scope) aws.Config {
	return limited(base, scope, newLimiters())
}

// limited is guarded with limiters that others count against, too.
func limited(base aws.Config, scope resource.Scope, limits *limiters) aws.Config {
	cfg := base.Copy()
	if scope.Region != resource.Global {
		cfg.Region = scope.Region
	} else if cfg.Region == "" {
		cfg.Region = homeRegion
	}
	cfg.RetryMode, cfg.RetryMaxAttempts = "", 0
	if cfg.Retryer == nil { // only code can set it; the environment can't
		cfg.Retryer = newRetryer
	}
	cfg.APIOptions = append(slices.Clone(base.APIOptions), addDeadline, addLimiter(limits))
	return cfg
}

// partition is the part of AWS that a region belongs to, as ARNs name it.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
func partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

// pooled keeps enough idle connections, unless the caller brought a client of its own.
func pooled(base aws.Config) aws.Config {
	client, standard := base.HTTPClient.(*awshttp.BuildableClient)
	if base.HTTPClient == nil {
		client, standard = awshttp.NewBuildableClient(), true
	}
	if standard {
		base.HTTPClient = client.WithTransportOptions(func(t *http.Transport) {
			t.MaxIdleConnsPerHost, t.MaxIdleConns = idleConns, 4*idleConns
		})
	}
	return base
}

// A pool makes one client of a service per scope and keeps it. Safe for concurrent use.
type pool[Client any] struct {
	sessions *sessions
	open     func(aws.Config) Client

	mu   sync.Mutex
	made map[resource.Scope]Client
}

func newPool[Client any](s *sessions, open func(aws.Config) Client) *pool[Client] {
	return &pool[Client]{sessions: s, open: open, made: map[resource.Scope]Client{}}
}

// in returns the client for the scope. The first use of an account may make calls to enter it.
func (p *pool[Client]) in(ctx context.Context, scope resource.Scope) (Client, error) {
	cfg, err := p.sessions.config(ctx, scope)
	if err != nil {
		var none Client
		return none, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	client, made := p.made[scope]
	if !made {
		client = p.open(cfg)
		p.made[scope] = client
	}
	return client, nil
}

// settling remembers when this process last created something that takes a while to be known
// everywhere. Safe for concurrent use.
type settling struct {
	mu   sync.Mutex
	last time.Time
}

// settleWindow is how long a new IAM principal may be refused elsewhere. Mostly it is seconds;
// more than a minute has been seen.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html (eventual consistency)
const settleWindow = 2 * time.Minute

// note remembers that something was created just now.
func (s *settling) note() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = time.Now()
}

// lasts tells whether a creation is so recent that others may not know of it.
func (s *settling) lasts() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.last.IsZero() && time.Since(s.last) < settleWindow
}
