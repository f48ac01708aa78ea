package main

import (
	"errors"
	"fmt"
)

// Exit codes. A script can tell a pipeline that is wrong from a stage that failed.
const (
	exitDone        = 0
	exitMistake     = 1   // the pipeline or the command line is wrong, or the store cannot be used
	exitChanges     = 2   // plan -detailed-exitcode: something would run or be published
	exitUnformatted = 3   // fmt -check: a file is not formatted
	exitFailed      = 4   // apply: some stages failed; independent ones finished
	exitInterrupted = 130 // stopped by Ctrl-C
)

// exitError ends a verb with a code. Its message is empty when the view has said all.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// ended is an exit without a further message.
func ended(code int) error { return &exitError{code: code} }

// codeOf is the exit code for the error of a verb, and what remains to be said of it.
func codeOf(err error) (int, error) {
	var e *exitError
	switch {
	case err == nil:
		return exitDone, nil
	case errors.As(err, &e):
		return e.code, e.err
	}
	return exitMistake, err
}
