package phantom

import (
	"fmt"
	"image"
	"math"
	"slices"

	"github.com/pipe-ml/pipe/accel/elementary"
	"github.com/pipe-ml/pipe/accel/rng"
	"github.com/pipe-ml/pipe/stages/source"
)

func init() {
	Register(Phantom{
		Name: "chestxray",
		Doc: "Chest radiographs: a parametric thorax projected by Beer-Lambert, with one finding or none, and a caption in the style of a report " +
			"made from the same parameters. Patients have one to three images; the finding stays, its severity, the pose and the exposure vary. Attributes: view (PA, or AP of a portable device).",
		Options: []Option{
			{Name: "count", Default: 1200, Min: 1, Max: 1000000, Doc: "images"},
			{Name: "seed", Default: 0, Min: 0, Max: math.MaxInt32, Doc: "of all random numbers"},
			{Name: "healthy", Default: 0, Min: 0, Max: 1, Doc: "1: no image has a finding"},
			{Name: "size", Default: 128, Min: 32, Max: 1024, Doc: "edge in pixels"},
			{Name: "film", Default: 0, Min: 0, Max: 1, Doc: "1: films of another hospital, digitised; 0: a digital detector"},
		},
		Make: chestXRay,
	})
}

// study is one image's parameters.
type study struct {
	patient  int
	image    int // of the patient
	anatomy  anatomy
	finding  finding
	portable bool // taken in bed, from the front: the heart looks larger
	film     bool // exposed on film and digitised
}

func chestXRay(o map[string]int) *source.Set {
	shown := findings
	if o["healthy"] == 1 {
		shown = []string{normal}
	}
	set := &source.Set{Modality: "x-ray", Classes: slices.Sorted(slices.Values(shown))}
	seed, size := uint64(o["seed"]), o["size"]
	for patient := 0; len(set.Items) < o["count"]; patient++ {
		s := rng.New(seed, fmt.Sprintf("chestxray/patient/%d", patient))
		images := 1 + s.Intn(3)
		// Findings take turns, so that every prefix of the set is balanced over them.
		name := shown[patient%len(shown)]
		for i := 0; i < images && len(set.Items) < o["count"]; i++ {
			set.Items = append(set.Items, newStudyItem(seed, size, patient, i, name, o["film"] == 1))
		}
	}
	return set
}

func newStudyItem(seed uint64, size, patient, i int, name string, film bool) source.Item {
	s := rng.New(seed, fmt.Sprintf("chestxray/patient/%d/image/%d", patient, i))
	st := study{patient: patient, image: i, portable: s.Float64() < 0.3, film: film}
	// Where the finding is belongs to the patient, how much of it there is changes between images.
	st.finding = newFinding(name, rng.New(seed, fmt.Sprintf("chestxray/patient/%d/finding", patient)))
	st.finding.severity = clamp(st.finding.severity+float64(0.12*s.Norm()), 0, 1)
	caption := st.report(s)
	view := "PA"
	if st.portable {
		view = "AP"
	}
	return source.Item{
		Origin:     fmt.Sprintf("p%05d-%d", patient, i),
		Label:      name,
		Labels:     []string{name},
		Caption:    caption,
		Patient:    fmt.Sprintf("p%05d", patient),
		Attributes: map[string]string{"view": view},
		Load: func() (image.Image, error) {
			st := st
			st.anatomy = newAnatomy(rng.New(seed, fmt.Sprintf("chestxray/patient/%d/anatomy", patient)))
			return st.radiograph(size, rng.New(seed, fmt.Sprintf("chestxray/patient/%d/image/%d/exposure", patient, i))), nil
		},
	}
}

// radiograph exposes the detector and develops the image.
func (st study) radiograph(n int, s *rng.Stream) *image.Gray {
	angle := 0.035 * s.Norm()
	p := pose{dx: 0.035 * s.Norm(), dy: 0.02 + float64(0.035*s.Norm()), scaleX: 1.13 + float64(0.04*s.Norm())}
	p.scaleY = p.scaleX * (1 + float64(0.02*s.Norm()))
	p.sin, p.cos = elementary.Sin(angle), elementary.Cos(angle)
	a := st.anatomy
	if st.portable {
		a.heart.size *= 1.05
		p.scaleX *= 1.03
	}
	v := develop(attenuation(n, a, st.finding, p, s), n, s)
	if st.film {
		digitise(v, n, s)
	}
	return gray(v, n)
}

// develop turns attenuation into grey values as a digital detector does: quanta arrive by Beer-Lambert with
// scatter and shot noise, and the logarithm is windowed between percentiles and sharpened. The result, from 0 to
// 1, is in mu's memory.
func develop(mu []float64, n int, s *rng.Stream) []float64 {
	quanta := 16000 * exp(0.4*s.Norm()) // photons a pixel in the open beam
	scattered := 0.02 + float64(0.02*s.Float64())
	primary := make([]float64, len(mu))
	for i, m := range mu {
		primary[i] = exp(-max(m, 0))
	}
	scatter := blur(primary, n, n/6)
	for i := range primary {
		arrived := float64(quanta * (primary[i] + float64(scattered*scatter[i])))
		arrived += float64(math.Sqrt(arrived) * s.Norm())
		mu[i] = -elementary.Log(max(arrived, 1) / quanta)
	}
	coarse := blur(mu, n, max(1, n/16))
	fine := blur(mu, n, 1)
	sharp := 0.35 + float64(0.15*s.Float64())
	for i := range mu {
		mu[i] = float64(0.55*mu[i]) + float64(0.45*fine[i]) + float64(sharp*(fine[i]-coarse[i]))
	}
	// The window runs from below the lungs' darkest tenth to just above the densest bone; open air is black.
	hi := percentile(mu, 0.985) + 0.1 + float64(0.1*s.Norm())
	lungs := percentile(mu, 0.10+float64(0.9*open(mu)))
	lo := lungs - float64((0.20+float64(0.05*s.Norm()))*(hi-lungs))
	gamma := 1.12 + float64(0.12*s.Norm())
	for i := range mu {
		mu[i] = elementary.Pow(clamp((mu[i]-lo)/(hi-lo), 0, 1), gamma)
	}
	return mu
}

// open is the share of the detector that the body does not cover.
func open(mu []float64) float64 {
	n := 0
	for _, m := range mu {
		if m < 0.45 {
			n++
		}
	}
	return float64(n) / float64(len(mu))
}

// percentile is the value below which the share q of v lies, to a 1024th of the range.
func percentile(v []float64, q float64) float64 {
	lo, hi := v[0], v[0]
	for _, x := range v {
		lo, hi = min(lo, x), max(hi, x)
	}
	const bins = 1024
	var histogram [bins]int
	scale := (bins - 1) / max(hi-lo, 1e-9)
	for _, x := range v {
		histogram[int((x-lo)*scale)]++
	}
	left := int(clamp(q, 0, 1) * float64(len(v)))
	for i, c := range histogram {
		if left -= c; left < 0 {
			return lo + float64(i)/scale
		}
	}
	return hi
}
