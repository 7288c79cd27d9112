package aws

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

// Sessions say in CloudTrail what they are for, by their name and their tags:
//
//	reading                    tenantry                                   tenantry:fleet
//	writing for a tenant       tenantry@4f2a90c1d3e5,tenant=acme          and tenantry:commit, tenantry:tenant
//	writing for a cell         tenantry@4f2a90c1d3e5,cell=eu-1            and tenantry:commit
//
// One session reads an account; each commit and owner that is written has one of its own, which costs a
// call for some twenty writes. Nothing in names or tags is a secret. The tags aren't transitive: nothing
// else is assumed with these sessions.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html
const sessionName = "tenantry"

const (
	// keptSessions is how many sessions for writing are kept for an account, at least, and half as many at
	// most that nobody has used since. One that is gone and needed again costs a call.
	keptSessions = 512
	// maxSessionName is the most characters that STS takes.
	// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
	maxSessionName = 64
	// maxTagValue is the most characters of a session tag's value.
	maxTagValue = 256
	// commitInName is how many characters of a commit's name are in that of a session.
	commitInName = 12
)

// An entrance gives the credentials for an account that what they are for asks for. The zero purpose is
// reading. Safe for concurrent use.
type entrance struct {
	account Account
	client  *sts.Client

	mu     sync.Mutex
	recent map[providers.Purpose]aws.CredentialsProvider
	older  map[providers.Purpose]aws.CredentialsProvider // that nobody has asked for since recent began
	plain  time.Time                                     // until when tags aren't tried, as they were refused
}

// credentialsFor gives the account's own credentials, renewed in time, by assuming its roles with the
// base credentials.
func credentialsFor(base aws.Config, account Account) aws.CredentialsProvider {
	if account.RoleARN == "" {
		return base.Credentials
	}
	return newEntrance(base, account)
}

func newEntrance(base aws.Config, account Account) *entrance {
	return &entrance{
		account: account, client: sts.NewFromConfig(guarded(base, resource.Scope{Account: account.ID, Region: resource.Global})),
		recent: map[providers.Purpose]aws.CredentialsProvider{},
	}
}

// Retrieve returns the credentials for the purpose of ctx.
func (e *entrance) Retrieve(ctx context.Context) (aws.Credentials, error) {
	purpose, _ := providers.PurposeOf(ctx)
	return e.session(purpose).Retrieve(ctx)
}

// session finds the session for a purpose, or has one begun when it is needed.
func (e *entrance) session(p providers.Purpose) aws.CredentialsProvider {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s, ok := e.recent[p]; ok {
		return s
	}
	s, ok := e.older[p]
	if !ok {
		s = aws.NewCredentialsCache(assumption{e, p}, func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = renewBefore })
	}
	if len(e.recent) >= keptSessions {
		e.older, e.recent = e.recent, map[providers.Purpose]aws.CredentialsProvider{}
	}
	e.recent[p] = s
	return s
}

// tags tells whether sessions are tagged: they aren't for a while after that was refused.
func (e *entrance) tags() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.account.Fleet != "" && !time.Now().Before(e.plain)
}

func (e *entrance) refused() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.plain = time.Now().Add(sessionLength)
}

// role is the one that is assumed for a purpose.
func (e *entrance) role(p providers.Purpose) string {
	if p == (providers.Purpose{}) && e.account.ReadRole != "" {
		return e.account.ReadRole
	}
	return e.account.RoleARN
}

// An assumption is the way to a session for a purpose. Its errors name the account and the role, wherever
// they happen: at the first call or at a renewal hours later.
type assumption struct {
	entrance *entrance
	purpose  providers.Purpose
}

// Retrieve assumes the role: with tags, or without them if the role doesn't allow its sessions to be tagged.
func (a assumption) Retrieve(ctx context.Context) (aws.Credentials, error) {
	e := a.entrance
	role := e.role(a.purpose)
	tagged := e.tags()
	creds, err := a.assume(ctx, role, tagged)
	if tagged && refusesTags(err) {
		if creds, err = a.assume(ctx, role, false); err == nil {
			e.refused()
		}
	}
	if err != nil {
		return creds, e.denied(failed("assume role", role, err))
	}
	if creds.AccountID != "" && creds.AccountID != e.account.ID {
		return aws.Credentials{}, fmt.Errorf("assume role %s: it leads to account %s, not %s; nothing is done with it", role, creds.AccountID, e.account.ID)
	}
	return creds, nil
}

func (a assumption) assume(ctx context.Context, role string, tagged bool) (aws.Credentials, error) {
	account := a.entrance.account
	return stscreds.NewAssumeRoleProvider(a.entrance.client, role, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = nameOf(a.purpose)
		o.Duration = sessionLength
		if account.ExternalID != "" {
			o.ExternalID = aws.String(account.ExternalID)
		}
		if tagged {
			o.Tags = sessionTags(account.Fleet, a.purpose)
		}
	}).Retrieve(ctx)
}

// denied says how to mend that a role can't be assumed.
func (e *entrance) denied(err error) error {
	if !errors.Is(err, providers.ErrDenied) {
		return err
	}
	id := "an empty external id"
	if e.account.ExternalID != "" {
		id = "the external id of the fleet's definition"
	}
	return fmt.Errorf("account %s: %w. Let the role's trust policy allow sts:AssumeRole to the identity that Tenantry runs as, with %s",
		e.account.ID, err, id)
}

// refusesTags tells whether a role may be assumed, but not with tags.
func refusesTags(err error) bool {
	d, ok := DenialOf(err)
	return ok && d.Action == "sts:TagSession"
}

// nameOf is the name of a session, as far as its length allows.
func nameOf(p providers.Purpose) string {
	if p == (providers.Purpose{}) {
		return sessionName
	}
	commit := p.Commit[:min(len(p.Commit), commitInName)]
	name := sessionName + "@" + allowed(commit) + "," + allowed(strings.Replace(string(p.Owner), "/", "=", 1))
	return name[:min(len(name), maxSessionName)]
}

// allowed replaces what the name of a session can't have; its tags may have all of that.
func allowed(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_+=,.@-", r) {
			return r
		}
		return '-'
	}, text)
}

// sessionTags are what a session carries into everything that CloudTrail logs of it.
func sessionTags(fleet string, p providers.Purpose) []types.Tag {
	tags := []types.Tag{{Key: aws.String("tenantry:fleet"), Value: &fleet}}
	if commit := allowed(p.Commit[:min(len(p.Commit), maxTagValue)]); commit != "" {
		tags = append(tags, types.Tag{Key: aws.String("tenantry:commit"), Value: &commit})
	}
	if tenant, ok := strings.CutPrefix(string(p.Owner), "tenant/"); ok {
		tags = append(tags, types.Tag{Key: aws.String("tenantry:tenant"), Value: &tenant})
	}
	return tags
}
