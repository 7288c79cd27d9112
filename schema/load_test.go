package schema

import (
	"os"
	"testing"
	"time"
)

func TestEx(t *testing.T) {
	start := time.Now()
	f, found := Load(os.DirFS("../fleet-example"))
	t.Log(time.Since(start))
	for _, x := range found[:min(len(found), 20)] {
		t.Log(x, x.Severity)
	}
	if f == nil {
		t.Fatal()
	}
	t.Log(len(f.Tenants), len(f.Broken), len(f.Render().Desired), f.Scopes())
	for o, b := range f.Broken {
		t.Log(o, b)
		break
	}
}
