package github

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	attemptTimeout = 30 * time.Second // from sending to the last byte of the answer
	answerLimit    = 32 << 20         // bytes of one answer; GitHub's longest, a recursive tree, has 7 MB
)

// attempt is the RoundTripper nearest to the network. It reads each answer whole within a time
// and a size, so that the layers above work on bytes in memory. Safe for concurrent use.
type attempt struct{ next http.RoundTripper }

func (a attempt) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeoutCause(req.Context(), attemptTimeout,
		fmt.Errorf("no answer within %v", attemptTimeout))
	defer cancel()
	resp, err := a.next.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return nil, causeOf(ctx, err)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, answerLimit+1))
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return nil, causeOf(ctx, fmt.Errorf("read the answer: %w", err))
	}
	if len(body) > answerLimit {
		return nil, fmt.Errorf("the answer is longer than %d bytes", answerLimit)
	}
	setBody(resp, body)
	return resp, nil
}

// causeOf prefers the reason for which a context ended to the error that it ended with.
func causeOf(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		return fmt.Errorf("%w (%w)", cause, err)
	}
	return err
}

func setBody(resp *http.Response, body []byte) {
	resp.Body = io.NopCloser(bytes.NewReader(body))
	resp.ContentLength = int64(len(body))
}

// resend returns the request for its n-th sending, with its body from the beginning. The first
// one is the request itself.
func resend(req *http.Request, n int) (*http.Request, error) {
	if n == 1 {
		return req, nil
	}
	again := req.Clone(req.Context())
	if req.Body == nil || req.Body == http.NoBody {
		return again, nil
	}
	if req.GetBody == nil {
		return nil, errors.New("the request's body can't be sent a second time")
	}
	body, err := req.GetBody()
	if err != nil {
		return nil, err
	}
	again.Body = body
	return again, nil
}

// sleep waits, and fails with the context's cause if that ends first.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
