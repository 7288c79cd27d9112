package reconciler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/report"
	"tenantry.dev/reconciler/resource"
)

// known are the causes that people were asked about and that aren't over: what belongs to them stays there.
func (d *Daemon) known(ctx context.Context, s scan) ([]report.Known, error) {
	var list []report.Known
	seen := map[string]bool{}
	for _, p := range s.proposals {
		slug := strings.TrimPrefix(p.Branch, driftBranches)
		if seen[slug] {
			continue
		}
		seen[slug] = true
		p = latest(s.proposals, p.Branch)
		if p.State != "open" && p.ByUs || undecidable(p) {
			continue
		}
		if over, err := d.over(ctx, p); err != nil {
			return nil, err
		} else if over {
			continue
		}
		members, _, err := d.about(ctx, p.Branch)
		if err != nil {
			return nil, err
		}
		list = append(list, report.Known{Slug: slug, Members: members, Open: p.State == "open"})
	}
	return list, nil
}

// rememberAbout keeps what a cause's proposal is about, before it is proposed. What can't be judged now
// stays a part of it.
func (d *Daemon) rememberAbout(ctx context.Context, s scan, cause report.Cause) error {
	branch := driftBranches + cause.Slug
	before, _, err := d.about(ctx, branch)
	if err != nil {
		return err
	}
	var members []string
	for _, change := range cause.Changes {
		members = append(members, change.Address.String())
	}
	for _, address := range before {
		if len(s.plan.Changeset.Unseen) > 0 || s.blurred(address.Owner) {
			members = append(members, address.String())
		}
	}
	slices.Sort(members)
	return d.remember(ctx, stateAbout+branch, slices.Compact(members), "what "+cause.Slug+" is about")
}

// about recalls what a branch's proposal is about, and whether that is known at all.
func (d *Daemon) about(ctx context.Context, branch string) (members []resource.Address, known bool, err error) {
	text, err := d.Reconciler.State.Get(ctx, stateAbout+branch)
	if err != nil {
		return nil, false, fmt.Errorf("recall what %s is about: %w", branch, err)
	}
	if known = text != "" && json.Unmarshal([]byte(text), &members) == nil; !known { // earlier versions kept the owners alone
		members = nil
	}
	return members, known, nil
}

// untold tells whether the drift that a proposal is about may be there still, though the scan doesn't
// show it: the definitions of its owner can't be used, or the owner isn't settled, so that what
// differs can't be told from what was begun and not finished. If it isn't known whom the proposal is about,
// any such owner may be the one.
func (d *Daemon) untold(ctx context.Context, s scan, branch string) (bool, error) {
	members, known, err := d.about(ctx, branch)
	if err != nil {
		return false, err
	}
	owners := s.everybody()
	if known {
		owners = nil
		for _, address := range members {
			owners = append(owners, address.Owner)
		}
	}
	return slices.ContainsFunc(owners, s.blurred), nil
}

func (s scan) everybody() []resource.Owner {
	var all []resource.Owner
	for owner := range s.plan.known {
		all = append(all, owner)
	}
	for owner := range s.plan.desired {
		all = append(all, owner)
	}
	return all
}

// blurred tells whether an owner's drift can't be told at present.
func (s scan) blurred(owner resource.Owner) bool {
	if slices.ContainsFunc(s.plan.Changeset.Broken, func(b changeset.Broken) bool { return b.Owner == owner }) {
		return true
	}
	state, known := s.plan.known[owner]
	if !known {
		_, wanted := s.plan.desired[owner]
		return wanted // nothing was applied to it yet; if it isn't wanted either, it is gone
	}
	for address := range s.plan.waits.known {
		if address.Owner == owner { // it may end badly, and then the drift is there again
			return true
		}
	}
	for _, b := range state.Begun {
		again := b.Commit != "" && b.Commit == s.target.Commit
		if b.Written && !again || b.Removed {
			return true
		}
	}
	return false
}

// withdrawMoot closes the open proposals whose drift is gone, and notes of the decided ones that
// they are over. While some of the cloud can't be seen, nothing is known to be gone, and neither is
// the drift of an owner that can't be judged. A report on what was put back stays for people to take;
// told has the branches that are to have one.
func (d *Daemon) withdrawMoot(ctx context.Context, s scan, told map[string]Proposal) error {
	if len(s.plan.Changeset.Unseen) > 0 {
		return nil
	}
	var failures []error
	for i, p := range s.proposals {
		_, reported := told[p.Branch]
		stays := slices.ContainsFunc(s.causes, func(c report.Cause) bool { return driftBranches+c.Slug == p.Branch })
		if stays || reported || undecidable(p) || p.State != "open" && p.ByUs {
			continue
		}
		untold, err := d.untold(ctx, s, p.Branch)
		if err != nil || untold {
			failures = append(failures, err)
			continue
		}
		if p.State != "open" {
			failures = append(failures, d.concludeOnce(ctx, p))
			continue
		}
		if err := d.Forge.Withdraw(ctx, p.Branch, "The cloud is as Git wants it again, so there is nothing left to decide here."); err != nil {
			failures = append(failures, fmt.Errorf("withdraw %s: %w", p.Branch, err))
			continue
		}
		s.proposals[i].State, s.proposals[i].ByUs = "closed", true
		// What somebody asked for was about what was there, and not about what comes back.
		failures = append(failures, d.forgetWish(ctx, p.Branch), d.forgetDecision(ctx, p))
		d.Log.Info("drift is gone", "proposal", p.URL)
	}
	return errors.Join(failures...)
}
