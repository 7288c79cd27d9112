package aws

import (
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

// A Cloud is AWS as one identity reaches it: sessions in accounts, connections, rates, and what is known
// of tags. It outlives the sets of drivers that it gives, so that a fleet whose accounts or types change
// enters no account again and forgets no rate. Safe for concurrent use.
type Cloud struct {
	base     aws.Config
	settling settling

	mu      sync.Mutex
	entered map[Account]*entry
	configs map[reach]aws.Config
	rates   *Rates
	indexes map[resource.Scope]*tagIndex
}

// A reach is a scope by the way into its account: definitions that name another role get no session of
// this one's.
type reach struct {
	account Account
	scope   resource.Scope
}

// Rates keep the calls of several clouds together within what an account allows: AWS counts them by account and
// region, whichever role or fleet they are for. Safe for concurrent use.
type Rates struct {
	mu     sync.Mutex
	scopes map[resource.Scope]*limiters
}

// NewRates has spent nothing yet.
func NewRates() *Rates { return &Rates{scopes: map[resource.Scope]*limiters{}} }

func (r *Rates) in(scope resource.Scope) *limiters {
	r.mu.Lock()
	defer r.mu.Unlock()
	return kept(r.scopes, scope, newLimiters)
}

// NewCloud makes a cloud. base is what the SDK's LoadDefaultConfig returned, so that endpoints, profiles
// and proxies are set the ordinary way; its credentials assume each account's role. No call is made before
// a driver is used.
func NewCloud(base aws.Config) *Cloud { return NewCloudAt(base, NewRates()) }

// NewCloudAt makes a cloud whose calls count together with those of others that have the same rates.
func NewCloudAt(base aws.Config, rates *Rates) *Cloud {
	return &Cloud{
		base:    pooled(base),
		entered: map[Account]*entry{}, configs: map[reach]aws.Config{},
		rates: rates, indexes: map[resource.Scope]*tagIndex{},
	}
}

// Drivers returns the drivers of all kinds, for the accounts given and no other. types are the names of the
// resource types that are driven through Cloud Control, besides the kinds that have a driver of their own.
func (c *Cloud) Drivers(accounts []Account, types ...string) (providers.Set, error) {
	s, err := c.sessions(accounts)
	if err != nil {
		return nil, fmt.Errorf("aws: %w", err)
	}
	drivers := []providers.Driver{
		newAlarm(s),
		newBucket(s),
		newKey(s),
		newLogGroup(s),
		newQueue(s),
		newRole(s),
		newSecret(s),
		newTopic(s),
	}
	if len(types) > 0 {
		typed, err := typedDrivers(s, types)
		if err != nil {
			return nil, fmt.Errorf("aws: %w", err)
		}
		drivers = append(drivers, typed...)
	}
	return providers.NewSet(drivers...)
}

// entry is the way into an account, made once.
func (c *Cloud) entry(account Account) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, entered := c.entered[account]
	if !entered {
		e = &entry{credentials: credentialsFor(c.base, account)}
		c.entered[account] = e
	}
	return e
}

// configured is the configuration of clients for a scope, made once. Rates are an account's, by whatever role.
func (c *Cloud) configured(account Account, scope resource.Scope, creds aws.CredentialsProvider) aws.Config {
	c.mu.Lock()
	defer c.mu.Unlock()
	cfg, made := c.configs[reach{account, scope}]
	if !made {
		cfg = limited(c.base, scope, c.rates.in(scope))
		cfg.Credentials = creds
		cfg.APIOptions = append(cfg.APIOptions, addTagEar(kept(c.indexes, scope, newTagIndex), scope))
		c.configs[reach{account, scope}] = cfg
	}
	return cfg
}

// tagIndex is what is known of the tags in a scope.
func (c *Cloud) tagIndex(scope resource.Scope) *tagIndex {
	c.mu.Lock()
	defer c.mu.Unlock()
	return kept(c.indexes, scope, newTagIndex)
}

// kept returns what is kept under a key, and makes it if there is nothing yet.
func kept[Key comparable, Thing any](things map[Key]Thing, key Key, first func() Thing) Thing {
	thing, there := things[key]
	if !there {
		thing = first()
		things[key] = thing
	}
	return thing
}
