package stages

import (
	"fmt"
	"sort"

	"github.com/pipe-ml/pipe/accel/rng"
	"github.com/pipe-ml/pipe/stages/artifact"
)

// splits are the parts of a data set, in the order in which ties are decided.
var splits = []string{artifact.Train, artifact.Val, artifact.Test}

// patients names, for each record, what a split must keep together: the patient, and with him every patient who has
// one of his images too. repeats are groups of equal images by their origin, as a dataset lists them.
func patients(records []artifact.Record, repeats ...[]string) []string {
	keys := make([]string, len(records))
	byOrigin := make(map[string]string, len(records))
	for i, r := range records {
		keys[i] = r.PatientKey()
		byOrigin[r.Origin] = keys[i]
	}
	joined := map[string]string{} // patient -> one that he goes with
	find := func(key string) string {
		for joined[key] != "" {
			key = joined[key]
		}
		return key
	}
	for _, group := range repeats {
		first := ""
		for _, origin := range group {
			key, taken := byOrigin[origin]
			if !taken {
				continue
			}
			if key = find(key); first == "" {
				first = key
			} else if key != first {
				joined[key] = first
			}
		}
	}
	for i := range keys {
		keys[i] = find(keys[i])
	}
	return keys
}

// group is the images of one patient.
type group struct {
	label   string
	members []int
}

// assignSplits gives every record a split, patient by patient and label by label, so that each split holds
// about its share of each class; keys names each record's patient. Records with a given split keep it. A split
// that the set does not give, val for instance, is cut out of the given train split. It returns the number
// of patients that the given splits tear apart.
func assignSplits(records []artifact.Record, keys []string, shares map[string]float64, seed uint64) (torn int) {
	given := map[string]bool{}
	splitOf := map[string]string{}
	tornPatients := map[string]bool{}
	for i, r := range records {
		if r.Split == "" {
			continue
		}
		given[r.Split] = true
		if s, ok := splitOf[keys[i]]; ok && s != r.Split {
			tornPatients[keys[i]] = true
		}
		splitOf[keys[i]] = r.Split
	}
	// What is dealt out: everything without a split; and train, if the set has splits but not all that are wanted.
	wanted := map[string]float64{}
	recut := false
	for _, s := range splits {
		if shares[s] > 0 && (len(given) == 0 || s == artifact.Train || !given[s]) {
			wanted[s] = shares[s]
			recut = recut || given[artifact.Train] && s != artifact.Train
		}
	}
	var dealt []int
	for i, r := range records {
		switch {
		case r.Split == "" && splitOf[keys[i]] != "":
			records[i].Split = splitOf[keys[i]] // goes with the patient's other images
		case r.Split == "", recut && r.Split == artifact.Train && !tornPatients[keys[i]]:
			dealt = append(dealt, i)
		}
	}
	deal(records, keys, dealt, wanted, seed)
	return len(tornPatients)
}

// deal spreads the patients of some records over the wanted splits in proportion to their shares.
func deal(records []artifact.Record, keys []string, dealt []int, wanted map[string]float64, seed uint64) {
	total := 0.0
	for _, s := range splits {
		total += wanted[s]
	}
	debt := map[string]float64{} // images that a split should have but has not yet
	for _, g := range shuffledGroups(records, keys, dealt, seed) {
		to := ""
		for _, s := range splits {
			if wanted[s] == 0 {
				continue
			}
			debt[s] += float64(wanted[s] / total * float64(len(g.members)))
			if to == "" || debt[s] > debt[to]+1e-9 {
				to = s
			}
		}
		debt[to] -= float64(len(g.members))
		for _, i := range g.members {
			records[i].Split = to
		}
	}
}

// shuffledGroups lists the patients of some records label after label, in random order within a label. A
// patient's label is the one that most of the images have, the first in the alphabet of several.
func shuffledGroups(records []artifact.Record, keys []string, dealt []int, seed uint64) []group {
	byKey := map[string]*group{}
	counts := map[string]map[string]int{}
	for _, i := range dealt {
		key := keys[i]
		if byKey[key] == nil {
			byKey[key] = &group{}
			counts[key] = map[string]int{}
		}
		byKey[key].members = append(byKey[key].members, i)
		counts[key][records[i].Label]++
	}
	strata := map[string][]group{}
	for _, key := range sortedKeys(byKey) {
		g := byKey[key]
		for n, label := range sortedKeys(counts[key]) {
			if n == 0 || counts[key][label] > counts[key][g.label] {
				g.label = label
			}
		}
		strata[g.label] = append(strata[g.label], *g)
	}
	var all []group
	for _, label := range sortedKeys(strata) {
		s := strata[label]
		rng.New(seed, "split/"+label).Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
		all = append(all, s...)
	}
	return all
}

// trainingOrder lists the training images so that every prefix holds the labels in proportion: the k-th of n
// images of a label stands at (k + 1/2)/n of the way.
func trainingOrder(records []artifact.ImageRecord, seed uint64) []int {
	byLabel := map[int][]int{}
	for i, r := range records {
		if r.Split == artifact.Train {
			byLabel[r.Label] = append(byLabel[r.Label], i)
		}
	}
	type seat struct {
		image, label, count, rank int
	}
	var seats []seat
	for label, images := range byLabel { // sorted below
		rng.New(seed, fmt.Sprintf("order/%d", label)).Shuffle(len(images), func(i, j int) { images[i], images[j] = images[j], images[i] })
		for k, i := range images {
			seats = append(seats, seat{i, label, len(images), k})
		}
	}
	sort.Slice(seats, func(i, j int) bool {
		a, b := seats[i], seats[j]
		if p, q := (2*a.rank+1)*b.count, (2*b.rank+1)*a.count; p != q {
			return p < q
		}
		return a.label < b.label
	})
	order := make([]int, len(seats))
	for i, s := range seats {
		order[i] = s.image
	}
	return order
}
