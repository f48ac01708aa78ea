package dag

import (
	"io/fs"
	"regexp"
	"strconv"
	"strings"
)

// CardsVariable says which GPUs a process may use, by index or by name, separated by commas. The CUDA driver
// reads it when a process first calls it.
const CardsVariable = "CUDA_VISIBLE_DEVICES"

var deviceFile = regexp.MustCompile(`^nvidia[0-9]+$`)

// Cards names the GPUs of this machine as CardsVariable does. If that is set, they are its list; empty or
// negative ends it, as for the CUDA driver. Else they are counted, without a driver, in the files below root: those
// that a container was given (dev), or those that the kernel knows (proc).
func Cards(lookup func(string) (string, bool), root fs.FS) []string {
	if list, ok := lookup(CardsVariable); ok {
		return ListCards(list)
	}
	n := 0
	devices, _ := fs.ReadDir(root, "dev") // what cannot be read holds none
	for _, d := range devices {
		if deviceFile.MatchString(d.Name()) {
			n++
		}
	}
	if n == 0 {
		known, _ := fs.ReadDir(root, "proc/driver/nvidia/gpus")
		n = len(known)
	}
	cards := make([]string, n)
	for i := range cards {
		cards[i] = strconv.Itoa(i)
	}
	return cards
}

// ListCards reads a value of CardsVariable.
func ListCards(list string) []string {
	var cards []string
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		if name == "" || strings.HasPrefix(name, "-") || name == "NoDevFiles" { // the last is Slurm's word for none
			break
		}
		cards = append(cards, name)
	}
	return cards
}
