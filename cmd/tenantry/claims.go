package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"tenantry.dev/internal/store"
	"tenantry.dev/providers"
	"tenantry.dev/reconciler"
	"tenantry.dev/schema"
)

// A register says which service has a fleet's name in an account. What is ours is known by the fleet's name in its tags,
// so that two fleets of one name in one account would each take the other's resources for its own. Safe for
// concurrent use.
type register struct {
	mu   sync.Mutex
	held map[claim]string // by the service's name
}

// A claim is the name of a fleet in an account.
type claim struct {
	Fleet   string `json:"fleet"`
	Account string `json:"account"`
}

// stateClaims is where a fleet's store remembers what it had claimed: at the next start, those who had something
// come before those who are new.
const stateClaims = "claims"

func claimsOf(fleet *schema.Fleet) []claim {
	var list []claim
	for _, a := range fleet.Accounts {
		list = append(list, claim{fleet.Name, a.ID})
	}
	return list
}

// stake claims the accounts of a fleet for a service, in place of what it had. The error is about another service
// that has one of them; then nothing changes.
func (c *register) stake(ctx context.Context, service string, fleet *schema.Fleet, state reconciler.State) error {
	list := claimsOf(fleet)
	if err := c.take(service, list); err != nil {
		return err
	}
	text, err := json.Marshal(list)
	if err != nil {
		return err
	}
	known, err := state.Get(ctx, stateClaims)
	if err == nil && known != string(text) {
		err = state.Put(ctx, stateClaims, string(text))
	}
	if err != nil {
		return fmt.Errorf("remember the fleet's accounts: %w", err)
	}
	return nil
}

func (c *register) take(service string, list []claim) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.free(service, list); err != nil {
		return err
	}
	if c.held == nil {
		c.held = map[claim]string{}
	}
	for k, who := range c.held {
		if who == service {
			delete(c.held, k)
		}
	}
	for _, k := range list {
		c.held[k] = service
	}
	return nil
}

// free fails if another service has one of the claims. Its caller holds the lock.
func (c *register) free(service string, list []claim) error {
	for _, k := range list {
		if who, taken := c.held[k]; taken && who != service {
			return fmt.Errorf("the fleet %s is in account %s already, as the one that this daemon serves as %s: each would take the other's resources "+
				"for its own. Give one of them another name before it is applied, or other accounts", k.Fleet, k.Account, who)
		}
	}
	return nil
}

// guard lets a service have drivers only for what no other one has: also for pull requests, which claim nothing.
func (c *register) guard(service string, open func(*schema.Fleet, []string) (providers.Set, error)) func(*schema.Fleet, []string) (providers.Set, error) {
	return func(fleet *schema.Fleet, kinds []string) (providers.Set, error) {
		c.mu.Lock()
		err := c.free(service, claimsOf(fleet))
		c.mu.Unlock()
		if err != nil {
			return nil, err
		}
		return open(fleet, kinds)
	}
}

// recall has the services keep what they had claimed when the daemon last ran, whichever of them is faster now. A
// store that can't be read is the affair of its service, when that is opened.
func (c *register) recall(ctx context.Context, log *slog.Logger, all []service) {
	for _, v := range all {
		list, err := v.recalled(ctx)
		if err == nil {
			err = c.take(v.name, list)
		}
		if err != nil {
			log.Warn("what the fleet had claimed counts for nothing", "fleet", v.name, "error", err)
		}
	}
}

func (v service) recalled(ctx context.Context) (list []claim, failure error) {
	dir, err := v.data()
	if err != nil || !store.Exists(dir) {
		return nil, err
	}
	kept, err := store.Open(ctx, dir, store.ReadOnly)
	if err != nil {
		return nil, err
	}
	defer func() { failure = errors.Join(failure, kept.Close()) }()
	text, err := kept.Get(ctx, stateClaims)
	if err != nil || text == "" {
		return nil, err
	}
	err = json.Unmarshal([]byte(text), &list)
	return list, err
}
