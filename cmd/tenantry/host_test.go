package main

import (
	"net"
	"net/http"
	"testing"
	"time"
)

// A connection on which nobody says anything neither keeps the daemon from ending nor makes that a failure.
func TestASilentConnectionHoldsUpNothing(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	silent, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	if _, err := http.Get("http://" + listener.Addr().String()); err != nil { // it was taken up by then
		t.Fatal(err)
	}
	if err := shut(t.Context(), server); err != nil {
		t.Error(err)
	}
	<-ended
}
