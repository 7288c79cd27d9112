package resource

import (
	"bytes"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

func anyDesired() *rapid.Generator[Desired] {
	return rapid.Custom(func(t *rapid.T) Desired {
		d := Desired{Address: anAddress().Draw(t, "address"), Scope: Scope{"111122223333", rapid.String().Draw(t, "region")}, Attributes: Attributes{}}
		d.Origin = Origin{File: rapid.String().Draw(t, "file"), Line: rapid.IntRange(0, 1e6).Draw(t, "line"), Col: rapid.IntRange(0, 300).Draw(t, "col")}
		for _, name := range rapid.SliceOfN(rapid.String(), 0, 4).Draw(t, "names") {
			v := anyValue().Draw(t, "value")
			if rapid.Bool().Draw(t, "secret") {
				v = v.AsSecret()
			}
			d.Attributes[name] = v
			if rapid.Bool().Draw(t, "placed") {
				if d.Origins == nil {
					d.Origins = map[string]Origin{}
				}
				d.Origins[name] = d.Origin
			}
		}
		return d
	})
}

func TestPack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(anyDesired(), 0, 5).Draw(t, "list")
		packed := Pack(list)
		back, err := Unpack(packed)
		if err != nil || len(back) != len(list) || len(list) > 0 && !reflect.DeepEqual(back, list) {
			t.Fatalf("%v came back as %v (%v)", list, back, err)
		}
		if !bytes.Equal(Pack(back), packed) {
			t.Fatal("packed differently the second time")
		}
	})
}

func FuzzUnpack(f *testing.F) {
	f.Add(Pack([]Desired{{Address: Address{Tenant("acme"), "aws.s3.bucket", "data"}, Attributes: Attributes{"name": String("x")}}}))
	f.Fuzz(func(t *testing.T, packed []byte) {
		list, err := Unpack(packed)
		if err != nil {
			return
		}
		again, err := Unpack(Pack(list))
		if err != nil || !reflect.DeepEqual(list, again) {
			t.Fatalf("%v came back as %v (%v)", list, again, err)
		}
	})
}
