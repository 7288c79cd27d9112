package resource

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"unique"
)

// Pack writes resources in a form that is small, quick to read, and the same for the same resources.
// Unlike Encode it keeps secrets as they are, so what it writes belongs nowhere but in this process
// and its children.
func Pack(list []Desired) []byte {
	var b []byte
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, d := range list {
		b = packDesired(b, d)
	}
	return b
}

func packDesired(b []byte, d Desired) []byte {
	for _, text := range []string{string(d.Address.Owner), d.Address.Kind, d.Address.Name, d.Scope.Account, d.Scope.Region, d.Cell, d.Adopt, d.Nonce} {
		b = packText(b, text)
	}
	b = binary.AppendUvarint(b, uint64(len(d.Previously)))
	for _, a := range d.Previously {
		b = packText(packText(packText(b, string(a.Owner)), a.Kind), a.Name)
	}
	b = packOrigin(b, d.Origin)
	b = binary.AppendUvarint(b, uint64(len(d.Origins)))
	for _, name := range slices.Sorted(maps.Keys(d.Origins)) {
		b = packOrigin(packText(b, name), d.Origins[name])
	}
	b = binary.AppendUvarint(b, uint64(len(d.Attributes)))
	for _, name := range slices.Sorted(maps.Keys(d.Attributes)) {
		b = packValue(packText(b, name), d.Attributes[name])
	}
	return b
}

func packText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

func packOrigin(b []byte, o Origin) []byte {
	b = packText(b, o.File)
	b = binary.AppendVarint(b, int64(o.Line))
	return binary.AppendVarint(b, int64(o.Col))
}

func packValue(b []byte, v Value) []byte {
	secret := byte(0)
	if v.IsSecret() {
		secret = 1
	}
	return packText(append(b, secret), v.raw())
}

// MarshalBinary writes a value as Pack does, its secret bit included.
func (v Value) MarshalBinary() ([]byte, error) { return packValue(nil, v), nil }

// UnmarshalBinary reads what MarshalBinary wrote.
func (v *Value) UnmarshalBinary(text []byte) error {
	u := &unpacker{rest: string(text)}
	*v = u.value()
	return u.err()
}

// Unpack reads what Pack wrote. The texts of the result share the memory of one string.
func Unpack(packed []byte) ([]Desired, error) {
	u := &unpacker{rest: string(packed)}
	n := u.count()
	list := make([]Desired, 0, n)
	for range n {
		list = append(list, u.desired())
	}
	if err := u.err(); err != nil {
		return nil, fmt.Errorf("packed resources: %w", err)
	}
	return list, nil
}

// An unpacker reads packed text. After the first fault everything that it reads is zero.
type unpacker struct {
	rest string
	bad  bool
}

func (u *unpacker) err() error {
	if u.bad || u.rest != "" {
		return errors.New("the text is damaged")
	}
	return nil
}

func (u *unpacker) desired() Desired {
	var d Desired
	d.Address = Address{Owner: Owner(u.text()), Kind: u.text(), Name: u.text()}
	d.Scope = Scope{Account: u.text(), Region: u.text()}
	d.Cell, d.Adopt, d.Nonce = u.text(), u.text(), u.text()
	for range u.count() {
		d.Previously = append(d.Previously, Address{Owner: Owner(u.text()), Kind: u.text(), Name: u.text()})
	}
	d.Origin = u.origin()
	if n := u.count(); n > 0 {
		d.Origins = make(map[string]Origin, n)
		for range n {
			name := u.text()
			d.Origins[name] = u.origin()
		}
	}
	n := u.count()
	d.Attributes = make(Attributes, n)
	for range n {
		name := u.text()
		d.Attributes[name] = u.value()
	}
	return d
}

func (u *unpacker) origin() Origin {
	return Origin{File: u.text(), Line: u.number(), Col: u.number()}
}

func (u *unpacker) value() Value {
	if u.rest == "" {
		u.bad = true
		return Value{}
	}
	secret := u.rest[0] != 0
	u.rest = u.rest[1:]
	text := u.text()
	if secret {
		return Value{hidden: unique.Make(text)}
	}
	return Value{text: text}
}

func (u *unpacker) text() string {
	n := u.count()
	text := u.rest[:n]
	u.rest = u.rest[n:]
	return text
}

// count reads a number of things that each take at least a byte.
func (u *unpacker) count() int {
	var n uint64
	for shift := 0; shift < 64; shift += 7 {
		if u.rest == "" {
			break
		}
		c := u.rest[0]
		u.rest = u.rest[1:]
		n |= uint64(c&0x7f) << shift
		if c < 0x80 {
			if n > uint64(len(u.rest)) {
				break
			}
			return int(n) //nolint:gosec // it is at most the length of a string
		}
	}
	u.bad, u.rest = true, ""
	return 0
}

// number reads what binary.AppendVarint wrote of a line or a column.
func (u *unpacker) number() int {
	n, size := binary.Varint([]byte(u.rest[:min(len(u.rest), binary.MaxVarintLen64)]))
	if size <= 0 {
		u.bad, u.rest = true, ""
		return 0
	}
	u.rest = u.rest[size:]
	return int(n)
}
