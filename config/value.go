package config

import (
	"encoding"
	"fmt"
)

// Value is one variable as the environment gave it. It implements envconfig.Decoder, and never fails there: envconfig
// stops at the first error, while every problem is to be reported at once, so the error is kept for Load to collect.
type Value[T any] struct {
	V    T
	From string // the variable that gave it, such as DVM_MEMORY__WEB; empty where the value is the default
	err  error
}

// Set tells whether the environment gave the value.
func (v *Value[T]) Set() bool { return v.From != "" }

// Decode reads text into the value. Empty text means unset, as everywhere in dvm.
func (v *Value[T]) Decode(text string) error {
	var fresh T
	v.V, v.err = fresh, nil
	if text != "" {
		v.err = any(&v.V).(encoding.TextUnmarshaler).UnmarshalText([]byte(text))
	}
	return nil
}

func (v *Value[T]) cameFrom(variable string) { v.From = variable }

func (v *Value[T]) source() string { return v.From }

func (v *Value[T]) problem() error { return v.err }

// text is the value in a form that Decode reads as the same value.
func (v *Value[T]) text() string {
	if printer, ok := any(v.V).(encoding.TextMarshaler); ok {
		text, err := printer.MarshalText()
		if err == nil {
			return string(text)
		}
	}
	return fmt.Sprint(v.V)
}

// wants is the one form of message for a bad value: what was wanted, and what it got.
func wants(what, got string) error { return &mismatch{wants: what, got: got} }

// mismatch is a value that is not what its variable wants.
type mismatch struct{ wants, got string }

func (m *mismatch) Error() string { return fmt.Sprintf("wants %s, got %q", m.wants, m.got) }

// withoutValue is the message for a value that nobody may read.
func (m *mismatch) withoutValue() error {
	return fmt.Errorf("wants %s; its value is a secret, and is not shown", m.wants)
}
