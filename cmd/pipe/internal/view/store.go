package view

import (
	"fmt"
	"strings"

	"github.com/pipe-ml/pipe/dag"
)

// Collected lists what a gc removed by stage.
func (h *Human) Collected(r *dag.GCReport) {
	var rows []string
	for _, s := range r.Stages {
		rows = append(rows, fmt.Sprintf("  %s\t%s\t%s\t%s", s.Stage, count(s.Results, "result"), count(s.Files, "file"), size(s.Bytes)))
	}
	if s := r.Orphans; s.Files > 0 {
		rows = append(rows, fmt.Sprintf("  (what no result names)\t\t%s\t%s", count(s.Files, "file"), size(s.Bytes)))
	}
	if s := r.Leftover; s.Files > 0 {
		rows = append(rows, fmt.Sprintf("  (left by runs: temporary files, journals, logs)\t\t%s\t%s", count(s.Files, "item"), size(s.Bytes)))
	}
	h.table(rows...)
	verb := "Removed"
	if r.DryRun {
		verb = "Would remove"
	}
	h.printf("%s %s; %s and %s stay.\n", h.style.paint(bold, verb), size(r.Removed), count(r.Results, "result"), size(r.Kept))
}

// Pinned names what is pinned now, or no longer.
func (h *Human) Pinned(addresses []string, pinned bool) {
	verb := "pinned"
	if !pinned {
		verb = "no longer pinned"
	}
	if len(addresses) == 0 {
		h.printf("Nothing is pinned.\n")
	}
	for _, a := range addresses {
		h.printf("%s is %s\n", a, verb)
	}
}

// Hashed lists what was damaged.
func (h *Human) Hashed(r *dag.HashReport) {
	for _, d := range r.Damaged {
		h.printf("%s %s\n", h.style.paint(red, "damaged:"), d)
	}
	h.printf("%s of %s, %s: ", count(int(r.Blobs), "file"), count(r.Results, "result"), size(r.Bytes))
	if len(r.Damaged) > 0 {
		h.printf("%d damaged. The next apply runs again what made them.\n", len(r.Damaged))
		return
	}
	h.printf("%s.\n", h.style.paint(green, "all whole"))
}

// Resampled lists what came out otherwise, to the file.
func (h *Human) Resampled(r *dag.SampleReport) {
	for _, d := range r.Differ {
		h.printf("%s %s\n", h.style.paint(red, "differs:"), d.Address)
		for _, o := range d.Outputs {
			h.printf("  output %s: stored %s, now %s\n", o.Name, o.First.Short(), o.Second.Short())
			for _, f := range o.Files {
				h.printf("    %s %s\n", f.Path, f.Words())
			}
		}
	}
	for _, f := range r.Failed {
		h.printf("%s %s: %s\n", h.style.paint(red, "failed:"), f.Address, dag.Headline(f.Message))
	}
	h.printf("Ran %d of %s again in %s: ", r.Run, count(r.Cached, "cached action"), seconds(r.Seconds))
	if n, m := len(r.Differ), len(r.Failed); n+m > 0 {
		h.printf("%d made other bytes, %d failed. No result was changed.\n", n, m)
		return
	}
	h.printf("%s.\n", h.style.paint(green, "the same bytes"))
}

// Checked writes a line a check, and its remedy below it.
func (h *Human) Checked(checks []dag.Check) {
	color := map[string]string{dag.CheckOK: green, dag.CheckWarn: yellow, dag.CheckFail: red}
	for _, c := range checks {
		h.printf("%s %s%s %s\n", h.style.paint(color[c.State], fmt.Sprintf("%-4s", c.State)), c.Name, strings.Repeat(" ", max(0, 10-len(c.Name))), c.Text)
		if c.State != dag.CheckOK {
			h.printf("                %s\n", c.Remedy)
		}
	}
}

// Collected writes one line.
func (j *JSON) Collected(r *dag.GCReport) {
	j.write(struct {
		Type string `json:"type"`
		*dag.GCReport
	}{"gc", r})
}

// Pinned writes a line an instance.
func (j *JSON) Pinned(addresses []string, pinned bool) {
	for _, a := range addresses {
		j.write(struct {
			Type    string `json:"type"`
			Address string `json:"address"`
			Pinned  bool   `json:"pinned"`
		}{"pin", a, pinned})
	}
}

// Hashed writes one line.
func (j *JSON) Hashed(r *dag.HashReport) {
	j.write(struct {
		Type string `json:"type"`
		*dag.HashReport
	}{"verify", r})
}

// Resampled writes one line.
func (j *JSON) Resampled(r *dag.SampleReport) {
	j.write(struct {
		Type string `json:"type"`
		*dag.SampleReport
	}{"verify_sample", r})
}

// Checked writes a line a check.
func (j *JSON) Checked(checks []dag.Check) {
	for _, c := range checks {
		j.write(struct {
			Type string `json:"type"`
			dag.Check
		}{"check", c})
	}
}
