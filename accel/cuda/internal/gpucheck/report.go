//go:build nvidia

package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/pipe-ml/pipe/accel/cuda"
)

// report times all cases and writes a line for each as a table.
func (c card) report(ctx context.Context, w io.Writer, python string) error {
	torch, why := torchTimes(ctx, python, c.cases)
	fmt.Fprintf(w, "PyTorch: %s\n\n", why)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "network\tkernel\t\tby\ttime\tTFLOP/s\tGB/s\tof the peak\tof what it should reach\tPyTorch\tof ours\tshapes")
	for _, p := range []cuda.Precision{cuda.Float32, cuda.BFloat16} {
		if p == cuda.BFloat16 && c.peaks.BF16 == 0 {
			fmt.Fprintln(t, "bf16: the card has no tensor cores for it (they are in capability 8.0 and later)")
			continue
		}
		b, err := c.bench(p)
		if err != nil {
			return err
		}
		for i, v := range c.cases {
			if v.BF16 != (p == cuda.BFloat16) {
				continue
			}
			err := b.variants(v, func(by string, took time.Duration) {
				s := max(took.Seconds(), 1e-9)
				flop, share := "", v.Bytes/s/c.peaks.Memory
				if v.FLOP > 0 {
					flop, share = fmt.Sprintf("%.2f", v.FLOP/s/1e12), v.FLOP/s/c.peaks.Peak(v.BF16)
				}
				should, _ := v.Bound(c.peaks)
				reached, theirs, ratio := fmt.Sprintf("%.0f %%", 100*should/s), "", ""
				if by != "ours" {
					reached = ""
				}
				if torch[i] > 0 {
					theirs, ratio = fmt.Sprintf("%.1f us", torch[i]), fmt.Sprintf("%.2f", torch[i]/1e6/s)
				}
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%.1f us\t%s\t%.0f\t%.1f %%\t%s\t%s\t%s\t%s\n", v.Network, v.Kernel, v.Precision(), by, s*1e6, flop, v.Bytes/s/1e9,
					100*share, reached, theirs, ratio, v.Shapes())
			})
			if err == nil {
				err = context.Cause(ctx)
			}
			if err != nil {
				return err
			}
		}
		if err := b.device.Close(); err != nil {
			return err
		}
	}
	return t.Flush()
}
