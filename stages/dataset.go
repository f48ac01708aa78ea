package stages

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"image"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/pipe-ml/pipe/stages/artifact"
	"github.com/pipe-ml/pipe/stages/phantom"
	"github.com/pipe-ml/pipe/stages/source"
)

func init() {
	Register(Type{
		Name:    "dataset",
		Version: 2,
		Doc: "Reads a data set in the layout in which it was published, or generates one.\n\n" +
			"The result holds every image in lossless 8-bit form with its label, findings, caption, patient and given split. " +
			"Which layout a folder has is found out from its files. The same image under several labels is reported.\n\n" + sources(),
		CPUs:   2,
		Memory: 1 << 30,
		New:    func() Stage { return &dataset{} },
	})
}

// sources documents what a dataset can be read or made from.
func sources() string {
	var b strings.Builder
	b.WriteString("Layouts:\n")
	for _, l := range source.Layouts() {
		fmt.Fprintf(&b, "  %s: %s\n", l.Name, l.Expects)
	}
	b.WriteString("\nGenerated sets:\n")
	for _, p := range phantom.Phantoms() {
		fmt.Fprintf(&b, "  phantom://%s: %s\n", p.Name, p.Doc)
		for _, o := range p.Options {
			fmt.Fprintf(&b, "    %s, %d to %d, default %d: %s\n", o.Name, o.Min, o.Max, o.Default, o.Doc)
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

type dataset struct {
	Layout     string   `pipe:"layout,optional" doc:"The layout, where the files leave a choice."`
	Label      string   `pipe:"label,optional" doc:"The column that gives the label, where the layout has several."`
	Caption    string   `pipe:"caption,optional" doc:"The column that gives the caption, where the layout has several."`
	Attributes []string `pipe:"attributes,optional" doc:"Further columns to keep with the images, such as sex, by which evaluate can compare groups."`
	OnError    string   `pipe:"on_error" default:"fail" enum:"fail,skip" doc:"What to do about an image that is missing or cannot be read."`
	Duplicates string   `pipe:"duplicates" default:"keep" enum:"keep,drop" doc:"Drop leaves out images that are under several labels, and all but the first of those that repeat under one."`

	Source Input  `pipe:"source" generated:"true" doc:"A folder or file in a known layout, or phantom://NAME?option=value."`
	Data   Output `pipe:"data" kind:"dataset" doc:"The data set."`
}

func (s *dataset) Validate() error {
	if s.Source.URI != "" {
		if _, err := phantom.Parse(s.Source.URI); err != nil {
			return wrongAddress("source", err)
		}
		for _, a := range [][2]string{{"layout", s.Layout}, {"label", s.Label}, {"caption", s.Caption}} {
			if a[1] != "" {
				return wrong(a[0], "has no meaning for a generated set")
			}
		}
	}
	if s.Layout != "" {
		var names []string
		for _, l := range source.Layouts() {
			names = append(names, l.Name)
		}
		if !slices.Contains(names, s.Layout) {
			return unknown("layout", s.Layout, names)
		}
	}
	return nil
}

func (s *dataset) Run(ctx context.Context, r Reporter) error {
	set, err := s.open()
	if err != nil {
		return err
	}
	attributes, err := s.attributes(set)
	if err != nil {
		return err
	}
	dir := string(s.Data)
	ids := fileNames(set.Items)
	records := make([]artifact.Record, len(set.Items))
	digests := make([]string, len(set.Items))
	errs := make([]error, len(set.Items))
	err = forEach(ctx, len(set.Items), r, func(i int) {
		item := set.Items[i]
		img, err := item.Load()
		if err != nil {
			errs[i] = err
			return
		}
		digests[i] = pixelDigest(img)
		records[i] = artifact.Record{ID: ids[i], Origin: item.Origin, Label: item.Label, Labels: item.Labels,
			Caption: item.Caption, Patient: item.Patient, Split: item.Split, Attributes: attributes[i]}
		records[i].File, errs[i] = artifact.WriteImage(dir, ids[i], img)
	})
	if err != nil {
		return err
	}
	kept, skipped, err := s.sift(set, errs)
	if err != nil {
		return err
	}
	info := artifact.DatasetInfo{Name: set.Name, Classes: set.Classes, Modality: set.Modality, Source: set.Layout, License: set.License, Skipped: skipped}
	kept = s.repeats(kept, records, digests, &info)
	out := make([]artifact.Record, len(kept))
	for k, i := range kept {
		out[k] = records[i]
	}
	if err := removeOthers(dir, records, kept); err != nil {
		return err
	}
	if err := artifact.WriteDataset(dir, info, out); err != nil {
		return err
	}
	r.Log("%s: %d images, %d classes, layout %s", set.Name, len(out), len(set.Classes), set.Layout)
	for _, c := range info.Conflicts {
		r.Log("the same image under several labels: %s", strings.Join(c, ", "))
	}
	r.Metric("images", float64(len(out)))
	r.Metric("skipped", float64(len(skipped)))
	r.Metric("conflicting_duplicates", float64(len(info.Conflicts)))
	r.Metric("duplicates", float64(len(info.Duplicates)))
	return nil
}

// attributes are what is asked for of each item's attributes.
func (s *dataset) attributes(set *source.Set) ([]map[string]string, error) {
	known := map[string]bool{}
	for _, item := range set.Items {
		for name := range item.Attributes {
			known[name] = true
		}
	}
	kept := make([]map[string]string, len(set.Items))
	for _, name := range s.Attributes {
		if !known[name] {
			return nil, fmt.Errorf("attributes: no image of %s has %q; there are: %s", set.Name, name, strings.Join(sortedKeys(known), ", "))
		}
		for i, item := range set.Items {
			if v, ok := item.Attributes[name]; ok {
				if kept[i] == nil {
					kept[i] = map[string]string{}
				}
				kept[i][name] = v
			}
		}
	}
	return kept, nil
}

func (s *dataset) open() (*source.Set, error) {
	if s.Source.URI == "" {
		return source.Open(s.Source.Path, s.Layout, source.Options{Label: s.Label, Caption: s.Caption})
	}
	a, err := phantom.Parse(s.Source.URI)
	if err != nil {
		return nil, err
	}
	return a.Open(), nil
}

// sift separates the images that were read from those that were not, or fails with the first of the latter.
func (s *dataset) sift(set *source.Set, errs []error) (kept []int, skipped []string, err error) {
	for _, e := range set.Problems {
		skipped = append(skipped, e.Error())
	}
	for i, e := range errs {
		if e == nil {
			kept = append(kept, i)
			continue
		}
		skipped = append(skipped, e.Error())
	}
	sort.Strings(skipped)
	if len(skipped) > 0 && s.OnError == "fail" {
		const shown = 10
		list := strings.Join(skipped[:min(shown, len(skipped))], "\n  ")
		if len(skipped) > shown {
			list += fmt.Sprintf("\n  and %d more", len(skipped)-shown)
		}
		return nil, nil, fmt.Errorf("%d of %d images are missing or cannot be read; on_error = \"skip\" leaves them out:\n  %s",
			len(skipped), len(set.Items)+len(set.Problems), list)
	}
	if len(kept) == 0 {
		return nil, nil, fmt.Errorf("none of %d images can be read", len(skipped))
	}
	// An artifact must not depend on where the set lay.
	for i := range skipped {
		skipped[i] = strings.ReplaceAll(skipped[i], set.Root+string(filepath.Separator), "")
	}
	return kept, skipped, nil
}

// repeats finds images that occur more than once, and returns what is left of kept.
func (s *dataset) repeats(kept []int, records []artifact.Record, digests []string, info *artifact.DatasetInfo) []int {
	groups := map[string][]int{}
	for _, i := range kept {
		groups[digests[i]] = append(groups[digests[i]], i)
	}
	drop := map[int]bool{}
	for _, i := range kept {
		group := groups[digests[i]]
		if group[0] != i || len(group) < 2 {
			continue
		}
		var names []string
		conflict := false
		for _, k := range group {
			names = append(names, records[k].Origin)
			conflict = conflict || records[k].Label != records[i].Label
		}
		if conflict {
			info.Conflicts = append(info.Conflicts, names)
		} else {
			info.Duplicates = append(info.Duplicates, names)
			group = group[1:]
		}
		for _, k := range group {
			drop[k] = s.Duplicates == "drop"
		}
	}
	var left []int
	for _, i := range kept {
		if !drop[i] {
			left = append(left, i)
		}
	}
	return left
}

// removeOthers deletes the files of images that were written but not kept.
func removeOthers(dir string, records []artifact.Record, kept []int) error {
	keep := map[int]bool{}
	for _, i := range kept {
		keep[i] = true
	}
	for i, rec := range records {
		if rec.File != "" && !keep[i] {
			if err := os.Remove(filepath.Join(dir, filepath.FromSlash(rec.File))); err != nil {
				return err
			}
		}
	}
	return nil
}

// pixelDigest names an image by what it shows, whatever file format it came in.
func pixelDigest(img image.Image) string {
	b := img.Bounds()
	h := sha256.New()
	header := binary.LittleEndian.AppendUint32(nil, uint32(b.Dx()))
	header = binary.LittleEndian.AppendUint32(header, uint32(b.Dy()))
	switch p := img.(type) {
	case *image.Gray:
		h.Write(append(header, 1))
		h.Write(p.Pix)
	case *image.RGBA:
		h.Write(append(header, 4))
		h.Write(p.Pix)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// fileNames gives each item an id that is fit for a file name on every system: its path without extension, with
// odd characters replaced. Items whose ids would clash get a piece of their path's digest.
func fileNames(items []source.Item) []string {
	ids := make([]string, len(items))
	taken := map[string]int{}
	for i, it := range items {
		ids[i] = strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.' {
				return r
			}
			return '_'
		}, strings.TrimSuffix(it.Origin, path.Ext(it.Origin)))
		ids[i] = ids[i][:min(len(ids[i]), 120)]
		taken[strings.ToLower(ids[i])]++
	}
	for i, it := range items {
		if taken[strings.ToLower(ids[i])] > 1 {
			sum := sha256.Sum256([]byte(it.Origin))
			ids[i] += "-" + hex.EncodeToString(sum[:4])
		}
	}
	return ids
}

// forEach calls work for 0 to n-1 on all processors, reporting progress, until the context ends.
func forEach(ctx context.Context, n int, r Reporter, work func(i int)) error {
	var mu sync.Mutex
	next, done := 0, 0
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			mu.Lock()
			defer mu.Unlock()
			for next < n && ctx.Err() == nil {
				i := next
				next++
				mu.Unlock()
				work(i)
				mu.Lock()
				if done++; done%50 == 0 || done == n {
					r.Progress(done, n, nil)
				}
			}
		})
	}
	workers.Wait()
	return context.Cause(ctx)
}
