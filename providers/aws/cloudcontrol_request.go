package aws

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol"
	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol/types"

	"tenantry.dev/internal/awstypes"
	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

// Cloud Control answers a write with a request, which goes on by itself. It is looked at again until
// it ends or until a write has had its time; then the same write, sent again with the same token,
// goes on where it was.
// https://docs.aws.amazon.com/cloudcontrolapi/latest/userguide/resource-operations-manage-requests.html
const (
	firstLook = 200 * time.Millisecond
	lastLook  = 5 * time.Second
	longest   = 40 * time.Second // of waiting, which leaves room within the time of one write
)

// generations is how often a create may have been asked for with the same words: a resource that was
// made and deleted again within a day and a half, or a failure whose reason was mended since.
const generations = 8

// errExists is a create of what is there already.
var errExists = errors.New("it exists already")

// request asks for a new resource and returns its identifier once it is there. With an error it has one
// if there is something, such as a resource that didn't become stable.
func (d *cloudControl) request(ctx context.Context, client *cloudcontrol.Client, want resource.Desired, state string) (string, error) {
	began := time.Now()
	for generation := range generations {
		token := clientToken("create", want.Scope, want.Address, state, strconv.Itoa(generation))
		out, err := client.CreateResource(ctx, &cloudcontrol.CreateResourceInput{TypeName: &d.Name, DesiredState: &state, ClientToken: &token})
		if hasCode(err, "ClientTokenConflictException") {
			continue
		}
		if hasCode(err, "AlreadyExistsException") {
			return "", fmt.Errorf("create %s: %w", want.Address, errExists)
		}
		if err != nil {
			return "", failed("create "+d.Name, want.Address.String(), err)
		}
		event, err := d.await(ctx, client, out.ProgressEvent)
		if err != nil {
			return "", fmt.Errorf("create %s %s: %w", d.Name, want.Address, err)
		}
		stale := event.EventTime != nil && event.EventTime.Before(began.Add(-time.Minute))
		switch {
		case event.OperationStatus == types.OperationStatusSuccess:
			id := str(event.Identifier)
			if stale { // it may have been deleted since
				if _, err := d.get(ctx, client, "read", id); errors.Is(err, providers.ErrGone) {
					continue
				}
			}
			return id, nil
		case event.ErrorCode == types.HandlerErrorCodeAlreadyExists:
			return str(event.Identifier), fmt.Errorf("create %s: %w", want.Address, errExists)
		case stale: // the answer is to an earlier try
			continue
		}
		return str(event.Identifier), d.failure("create", want.Address.String(), event)
	}
	return "", fmt.Errorf("create %s %s: it was asked for %d times within two days and isn't there: %w", d.Name, want.Address, generations, providers.ErrPending)
}

// send patches a resource and waits for the end. An empty patch sends nothing.
func (d *cloudControl) send(ctx context.Context, client *cloudcontrol.Client, operation string, have resource.Observed, patch []awstypes.Operation) error {
	if len(patch) == 0 {
		return nil
	}
	text, err := json.Marshal(patch)
	if err != nil {
		return fmt.Errorf("%s %s: %w", operation, have.Address, err)
	}
	document := string(text)
	out, err := client.UpdateResource(ctx, &cloudcontrol.UpdateResourceInput{TypeName: &d.Name, Identifier: &have.ID, PatchDocument: &document})
	if err != nil {
		return failed(operation+" "+d.Name, have.ID, err)
	}
	event, err := d.await(ctx, client, out.ProgressEvent)
	if err != nil {
		return fmt.Errorf("%s %s %s: %w", operation, d.Name, have.ID, err)
	}
	return d.failure(operation, have.ID, event)
}

// remove deletes a resource and waits for the end.
func (d *cloudControl) remove(ctx context.Context, client *cloudcontrol.Client, have resource.Observed) error {
	out, err := client.DeleteResource(ctx, &cloudcontrol.DeleteResourceInput{TypeName: &d.Name, Identifier: &have.ID})
	if err = failed("delete "+d.Name, have.ID, err); err != nil {
		if errors.Is(err, providers.ErrGone) {
			return nil
		}
		return err
	}
	event, err := d.await(ctx, client, out.ProgressEvent)
	if err != nil {
		return fmt.Errorf("delete %s %s: %w", d.Name, have.ID, err)
	}
	if err := d.failure("delete", have.ID, event); !errors.Is(err, providers.ErrGone) {
		return err
	}
	return nil
}

// await looks at a request until it ends. ErrPending if it takes longer than one write may.
func (d *cloudControl) await(ctx context.Context, client *cloudcontrol.Client, event *types.ProgressEvent) (*types.ProgressEvent, error) {
	for wait, waited := firstLook, time.Duration(0); ; wait = min(2*wait, lastLook) {
		if event == nil {
			return nil, fmt.Errorf("the answer says nothing of the request: %w", providers.ErrUnsure)
		}
		switch event.OperationStatus {
		case types.OperationStatusSuccess, types.OperationStatusFailed, types.OperationStatusCancelComplete:
			return event, nil
		}
		if waited += wait; waited > longest {
			return nil, fmt.Errorf("%s is still at it: %w", cmp.Or(str(event.StatusMessage), "the service"), providers.ErrPending)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the request %s: %w: %w", str(event.RequestToken), providers.ErrPending, ctx.Err())
		case <-time.After(wait):
		}
		out, err := client.GetResourceRequestStatus(ctx, &cloudcontrol.GetResourceRequestStatusInput{RequestToken: event.RequestToken})
		if err != nil {
			return nil, failed("look at the request", str(event.RequestToken), err)
		}
		event = out.ProgressEvent
	}
}

// handlerErrors are what the codes of handlers mean to a caller; others are failures and nothing else.
// https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-test-contract-errors.html
var handlerErrors = map[types.HandlerErrorCode]error{
	types.HandlerErrorCodeNotFound:                     providers.ErrGone,
	types.HandlerErrorCodeAccessDenied:                 providers.ErrDenied,
	types.HandlerErrorCodeUnauthorizedTaggingOperation: providers.ErrDenied,
	types.HandlerErrorCodeInvalidCredentials:           providers.ErrDenied,
	types.HandlerErrorCodeResourceConflict:             providers.ErrPending,
	types.HandlerErrorCodeThrottling:                   providers.ErrPending,
	types.HandlerErrorCodeServiceInternalError:         providers.ErrPending,
	types.HandlerErrorCodeServiceTimeout:               providers.ErrPending,
	types.HandlerErrorCodeNetworkFailure:               providers.ErrPending,
	types.HandlerErrorCodeInternalFailure:              providers.ErrPending,
}

// failure is the error that an ended request stands for; nil if it succeeded.
func (d *cloudControl) failure(operation, object string, event *types.ProgressEvent) error {
	if event.OperationStatus == types.OperationStatusSuccess {
		return nil
	}
	text := fmt.Sprintf("%s %s %s: %s: %s (request %s)", operation, d.Name, object,
		cmp.Or(string(event.ErrorCode), string(event.OperationStatus)), str(event.StatusMessage), str(event.RequestToken))
	if kind := handlerErrors[event.ErrorCode]; kind != nil {
		return fmt.Errorf("%s: %w", text, kind)
	}
	return errors.New(text)
}

// clientToken makes a create the same create when it is sent again. AWS keeps tokens for a day and a half.
// https://docs.aws.amazon.com/cloudcontrolapi/latest/APIReference/API_CreateResource.html
func clientToken(operation string, scope resource.Scope, address resource.Address, rest ...string) string {
	h := sha256.New()
	for _, part := range append([]string{operation, scope.String(), address.String()}, rest...) {
		_, _ = fmt.Fprintf(h, "%d:%s", len(part), part) // a hash takes everything
	}
	return hex.EncodeToString(h.Sum(nil))
}

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
