package phantom

import (
	"strings"

	"github.com/pipe-ml/pipe/accel/rng"
)

// report writes the caption: a sentence on the view, the finding with its place and extent, and what is
// absent, each in one of several phrasings.
func (st study) report(s *rng.Stream) string {
	pick := func(choices ...string) string { return choices[s.Intn(len(choices))] }
	view := pick("pa chest radiograph", "frontal chest x-ray", "chest radiograph, pa view")
	if st.portable {
		view = pick("portable ap chest radiograph", "ap chest x-ray", "bedside chest radiograph")
	}
	f := st.finding
	side := [...]string{"right", "left"}[f.side]
	zone := "lower"
	if f.upper {
		zone = "upper"
	}
	degree := func(mild, middle, severe string) string {
		switch {
		case f.severity < 0.33:
			return mild
		case f.severity < 0.67:
			return middle
		}
		return severe
	}
	var finding string
	switch f.name {
	case normal:
		finding = pick("no acute abnormality", "normal heart size and clear lungs", "the lungs are clear and the heart is normal", "no acute cardiopulmonary disease")
	case cardiomegaly:
		d := degree("mild", "moderate", "severe")
		finding = pick(d+" cardiomegaly", d+" enlargement of the heart", "the heart is enlarged, "+d+" cardiomegaly")
	case consolidation:
		d := degree("faint", "patchy", "dense")
		finding = pick(d+" consolidation in the "+side+" "+zone+" lobe", d+" "+side+" "+zone+" lobe consolidation", d+" airspace opacity in the "+side+" "+zone+" zone, consolidation")
	case effusion:
		d := degree("small", "moderate", "large")
		finding = pick(d+" "+side+" pleural effusion", d+" pleural effusion on the "+side, side+" costophrenic angle blunted by a "+d+" effusion")
	case nodule:
		d := degree("small", "round", "large")
		finding = pick(d+" nodule in the "+side+" "+zone+" lung", d+" "+side+" "+zone+" lobe pulmonary nodule", "a "+d+" nodular opacity in the "+side+" "+zone+" zone")
	case pneumothorax:
		d := degree("small", "moderate", "large")
		finding = pick(d+" "+side+" pneumothorax", d+" pneumothorax on the "+side, side+" lung partly collapsed by a "+d+" pneumothorax")
	}
	parts := []string{view, finding}
	if f.name != normal && s.Float64() < 0.4 {
		absent := []string{"no pleural effusion", "no pneumothorax", "heart size is normal"}
		switch f.name {
		case effusion:
			absent = absent[1:]
		case pneumothorax:
			absent = []string{absent[0], absent[2]}
		case cardiomegaly:
			absent = absent[:2]
		}
		parts = append(parts, absent[s.Intn(len(absent))])
	}
	return strings.Join(parts, ". ") + "."
}
