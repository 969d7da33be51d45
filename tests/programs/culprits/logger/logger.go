// SPDX-License-Identifier: Apache-2.0

// Package logger writes lines with fields, in the way of the structured loggers that many services use: an entry has a
// map, and whoever adds fields gets another entry with a map of its own.
package logger

import (
	"bytes"
	"fmt"
	"io"
	"reflect"
	"sort"
	"sync"
)

// Fields are what a line says beside its message.
type Fields map[string]interface{}

// Logger writes lines to one place.
type Logger struct {
	mu    sync.Mutex
	out   io.Writer
	lines sync.Pool
}

// Entry is a line in the making.
type Entry struct {
	logger  *Logger
	data    Fields
	refused string
}

// New has no fields yet.
func New(out io.Writer) *Entry {
	return &Entry{logger: &Logger{out: out}}
}

// WithFields copies what the entry has and adds to it: entries are shared between goroutines. What cannot be written is
// refused, and the line says so.
func (e *Entry) WithFields(fields Fields) *Entry {
	data := make(Fields, len(e.data)+len(fields))
	for k, v := range e.data {
		data[k] = v
	}
	refused := e.refused
	for k, v := range fields {
		switch t := reflect.TypeOf(v); {
		case t == nil:
			data[k] = "nil"
		case t.Kind() == reflect.Func, t.Kind() == reflect.Ptr && t.Elem().Kind() == reflect.Func:
			refused = fmt.Sprintf("%s is a function", k)
		default:
			data[k] = v
		}
	}
	return &Entry{logger: e.logger, data: data, refused: refused}
}

// Info writes the line, its fields in the order of their names.
func (e *Entry) Info(message string) {
	line, ok := e.logger.lines.Get().(*bytes.Buffer)
	if !ok {
		line = new(bytes.Buffer)
	}
	defer e.logger.lines.Put(line)
	line.Reset()
	keys := make([]string, 0, len(e.data))
	for k := range e.data {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	fmt.Fprintf(line, "level=info msg=%q", message)
	if e.refused != "" {
		fmt.Fprintf(line, " logger_error=%q", e.refused)
	}
	for _, k := range keys {
		fmt.Fprintf(line, " %s=%v", k, e.data[k])
	}
	e.logger.mu.Lock()
	defer e.logger.mu.Unlock()
	line.WriteByte('\n')
	e.logger.out.Write(line.Bytes())
}
