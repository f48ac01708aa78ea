package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// explainUsage makes the mistakes of a command line say what would be right, for a verb and those below it.
func explainUsage(cmd *cobra.Command) {
	cmd.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		var wrong *pflag.InvalidValueError
		if errors.As(err, &wrong) {
			if wanted := wantedValue(wrong.GetFlag()); wanted != "" {
				return fmt.Errorf("-%s must be %s, not %q", wrong.GetFlag().Name, wanted, wrong.GetValue())
			}
			return fmt.Errorf("-%s %s: %w", wrong.GetFlag().Name, wrong.GetValue(), errors.Unwrap(wrong))
		}
		return fmt.Errorf("%w; %s -help lists the flags", err, c.CommandPath())
	})
	if fits := cmd.Args; fits != nil {
		cmd.Args = func(c *cobra.Command, args []string) error {
			if fits(c, args) == nil {
				return nil
			}
			return fmt.Errorf("arguments %q do not fit; usage: %s", args, c.UseLine())
		}
	}
	for _, sub := range cmd.Commands() {
		explainUsage(sub)
	}
}

// wantedValue says what a flag takes; "" where its own message does.
func wantedValue(flag *pflag.Flag) string {
	switch flag.Value.Type() {
	case "bool":
		return "true or false"
	case "int", "float64":
		return "a number"
	case "duration":
		return "a duration such as 30m or 1h30m"
	}
	return ""
}
