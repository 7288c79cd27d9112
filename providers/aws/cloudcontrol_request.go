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
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol"
	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol/types"

	"tenantry.dev/internal/awstypes"
	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

// Cloud Control answers a write with a request, which goes on by itself. It is looked at for a few
// seconds, in which most end. What takes longer is an UnderWay, whose ticket is the request's token: AWS
// keeps it for seven days.
// https://docs.aws.amazon.com/cloudcontrolapi/latest/userguide/resource-operations-manage-requests.html
const (
	firstLook = 200 * time.Millisecond // each further one after twice that
	longest   = 3 * time.Second
)

// generations is how often a create may have been asked for with the same words: a resource that was
// made and deleted again within a day and a half, or a failure whose reason was mended since.
const generations = 8

// errExists is a create of what is there already.
var errExists = errors.New("it exists already")

// errEarlier is a create whose resource an earlier one under the same mark has made.
var errEarlier = fmt.Errorf("%w: an earlier create of ours made it", errExists)

// request asks for a new resource and returns its identifier once it is there. With an error it has one
// if there is something, such as a resource that didn't become stable. While it isn't known what
// becomes of the request, the error of a type whose identity AWS makes up is ErrUnsure: only the same
// words under the same mark may be sent again then.
func (d *cloudControl) request(ctx context.Context, client *cloudcontrol.Client, want resource.Desired, state string) (string, error) {
	began := time.Now()
	counted, attempts := countAttempts(ctx)
	for generation := range generations {
		token := clientToken("create", want.Scope, want.Address, cmp.Or(want.Nonce, state), strconv.Itoa(generation))
		attempts.Store(0)
		out, err := client.CreateResource(counted, &cloudcontrol.CreateResourceInput{TypeName: &d.Name, DesiredState: &state, ClientToken: &token})
		if hasCode(err, "ClientTokenConflictException") {
			if id, err := d.earlier(ctx, client, want); err != nil || id != "" {
				return id, cmp.Or(err, fmt.Errorf("create %s: %w", want.Address, errEarlier))
			}
			continue
		}
		if hasCode(err, "AlreadyExistsException") {
			return "", fmt.Errorf("create %s: %w", want.Address, errExists)
		}
		if err != nil {
			open := attempts.Load() > 1 || unsure(err) // what an earlier attempt did isn't in the last one's error
			return "", d.open(open, failed("create "+d.Name, want.Address.String(), err))
		}
		running := out.ProgressEvent != nil && !ended(out.ProgressEvent)
		event, err := d.await(ctx, client, out.ProgressEvent)
		if _, underWay := errors.AsType[*providers.UnderWay](err); underWay {
			return "", fmt.Errorf("create %s %s: %w", d.Name, want.Address, err)
		}
		if err != nil {
			return "", d.open(true, fmt.Errorf("create %s %s: %w", d.Name, want.Address, err))
		}
		// What was still going on when it was asked for is no old answer, whatever the two clocks say.
		stale := !running && event.EventTime != nil && event.EventTime.Before(began.Add(-time.Minute))
		switch id := str(event.Identifier); {
		case event.OperationStatus == types.OperationStatusSuccess:
			if stale { // it may have been deleted since
				if _, err := d.get(ctx, client, "read", id); errors.Is(err, providers.ErrGone) {
					continue
				}
			}
			return id, nil
		case event.ErrorCode == types.HandlerErrorCodeAlreadyExists:
			return id, fmt.Errorf("create %s: %w", want.Address, errExists)
		case stale && !d.left(ctx, client, id): // the answer is to an earlier try
			continue
		}
		return str(event.Identifier), d.notMade(event, d.failure("create", want.Address.String(), event))
	}
	return "", fmt.Errorf("create %s %s: it was asked for %d times within two days and isn't there: %w", d.Name, want.Address, generations, providers.ErrPending)
}

// notMade is the error of a create that ended badly. If that leaves open whether something was made which
// can't be told by its name, it may be asked for again only after a look, and isn't ErrPending.
func (d *cloudControl) notMade(event *types.ProgressEvent, err error) error {
	if err != nil && d.kind.Unrepeatable && str(event.Identifier) == "" && vagueErrors[event.ErrorCode] {
		return &openError{errors.New(err.Error())}
	}
	return err
}

// left tells whether an earlier create that failed left something that another one would double.
func (d *cloudControl) left(ctx context.Context, client *cloudcontrol.Client, id string) bool {
	if id == "" || !d.kind.Unrepeatable {
		return false
	}
	_, err := d.get(ctx, client, "read", id)
	return !errors.Is(err, providers.ErrGone)
}

// open makes an error one of a create that may still have its effect, if it is open whether it has and
// the create can't be repeated by name.
func (d *cloudControl) open(open bool, err error) error {
	if !open || !d.kind.Unrepeatable {
		return err
	}
	return &openError{err}
}

// openError is a create whose end isn't known. If the service is still at it, it is ErrPending as well.
type openError struct{ err error }

func (e *openError) Error() string { return e.err.Error() + "; what it makes may still show up" }

// Is makes it ErrUnsure.
func (e *openError) Is(target error) bool { return target == providers.ErrUnsure }

// Unwrap returns what is known of it.
func (e *openError) Unwrap() error { return e.err }

// countAttempts returns a context that counts the attempts which pass its gate.
func countAttempts(ctx context.Context) (context.Context, *atomic.Int64) {
	var n atomic.Int64
	return providers.WithGate(ctx, func() error {
		err := providers.Pass(ctx)
		if err == nil {
			n.Add(1)
		}
		return err
	}), &n
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

// await looks at a request until it ends, for a few seconds at most. What goes on after that, or can't be
// looked at, is under way.
func (d *cloudControl) await(ctx context.Context, client *cloudcontrol.Client, event *types.ProgressEvent) (*types.ProgressEvent, error) {
	for wait, waited := firstLook, time.Duration(0); ; wait *= 2 {
		if event == nil || !ended(event) && str(event.RequestToken) == "" {
			return nil, fmt.Errorf("the answer says nothing of the request: %w", providers.ErrUnsure)
		}
		if ended(event) {
			return event, nil
		}
		if waited += wait; waited > longest {
			return nil, underWay(event)
		}
		select {
		case <-ctx.Done():
			return nil, underWay(event)
		case <-time.After(wait):
		}
		out, err := client.GetResourceRequestStatus(ctx, &cloudcontrol.GetResourceRequestStatusInput{RequestToken: event.RequestToken})
		if err != nil {
			under := underWay(event)
			under.What += ", and can't be asked about it: " + failed("look at the request", str(event.RequestToken), err).Error()
			return nil, under
		}
		event = out.ProgressEvent
	}
}

// doing is what a request does, for people.
var doing = map[types.Operation]string{
	types.OperationCreate: "creating it", types.OperationUpdate: "updating it", types.OperationDelete: "deleting it",
}

// underWay says of a request that AWS goes on with it.
func underWay(event *types.ProgressEvent) *providers.UnderWay {
	what := "AWS is still " + cmp.Or(doing[event.Operation], "at it")
	if message := str(event.StatusMessage); message != "" {
		what += ": " + message
	}
	return &providers.UnderWay{What: what, Ticket: str(event.RequestToken)}
}

// Await looks once at a request that took longer than a few seconds.
// https://docs.aws.amazon.com/cloudcontrolapi/latest/APIReference/API_GetResourceRequestStatus.html
func (d *cloudControl) Await(ctx context.Context, scope resource.Scope, ticket string) error {
	client, err := d.clients.in(ctx, scope)
	if err != nil {
		return err
	}
	out, err := client.GetResourceRequestStatus(ctx, &cloudcontrol.GetResourceRequestStatusInput{RequestToken: &ticket})
	if hasCode(err, "RequestTokenNotFoundException") {
		return gone("look at the request", ticket)
	}
	if err != nil {
		return failed("look at the request", ticket, err)
	}
	event := out.ProgressEvent
	if event == nil || !ended(event) {
		return underWay(cmp.Or(event, &types.ProgressEvent{RequestToken: &ticket}))
	}
	operation := strings.ToLower(string(event.Operation))
	err = d.failure(operation, str(event.Identifier), event)
	switch {
	case err == nil, event.Operation == types.OperationDelete && errors.Is(err, providers.ErrGone):
		return nil
	case event.Operation == types.OperationCreate && d.kind.Unrepeatable && str(event.Identifier) != "":
		err = &openError{errors.New(err.Error())} // it is there in part, and a list need not show it yet
	case event.Operation == types.OperationCreate:
		err = d.notMade(event, err)
	}
	return &providers.Ended{Err: err}
}

func ended(event *types.ProgressEvent) bool {
	switch event.OperationStatus {
	case types.OperationStatusSuccess, types.OperationStatusFailed, types.OperationStatusCancelComplete:
		return true
	}
	return false
}

// vagueErrors are the codes of handlers that leave open whether something was made.
var vagueErrors = map[types.HandlerErrorCode]bool{
	types.HandlerErrorCodeServiceInternalError: true,
	types.HandlerErrorCodeServiceTimeout:       true,
	types.HandlerErrorCodeNetworkFailure:       true,
	types.HandlerErrorCodeInternalFailure:      true,
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
// Of a type whose identity AWS makes up, it follows from the mark that the create leaves and not from what
// is asked for: that mark stays while an earlier create has no answer, so that one that asks for something
// else meanwhile finds the earlier one rather than making a second resource.
// https://docs.aws.amazon.com/cloudcontrolapi/latest/APIReference/API_CreateResource.html
func clientToken(operation string, scope resource.Scope, address resource.Address, rest ...string) string {
	h := sha256.New()
	for _, part := range append([]string{operation, scope.String(), address.String()}, rest...) {
		_, _ = fmt.Fprintf(h, "%d:%s", len(part), part) // a hash takes everything
	}
	return hex.EncodeToString(h.Sum(nil))
}

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
