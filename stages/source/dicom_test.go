package source

import (
	"image"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/suyashkumar/dicom"
	"github.com/suyashkumar/dicom/pkg/frame"
	"github.com/suyashkumar/dicom/pkg/tag"
	"github.com/suyashkumar/dicom/pkg/uid"
)

// picture describes a small DICOM file.
type picture struct {
	bits, stored   int
	signed         int
	interpretation string
	values         []int // 2 columns
	extra          map[tag.Tag]any
}

func writeDICOM(t testing.TB, path string, p picture) {
	t.Helper()
	native := frame.NativeFrame{BitsPerSample: p.bits, Rows: len(p.values) / 2, Cols: 2}
	for _, v := range p.values {
		native.Data = append(native.Data, []int{v})
	}
	values := map[tag.Tag]any{
		tag.MediaStorageSOPClassUID:    []string{"1.2.840.10008.5.1.4.1.1.7"},
		tag.MediaStorageSOPInstanceUID: []string{"1.2.3"},
		tag.TransferSyntaxUID:          []string{uid.ExplicitVRLittleEndian},
		tag.PatientID:                  []string{"P1"},
		tag.Modality:                   []string{"DX"},
		tag.StudyDescription:           []string{"No Finding"},
		tag.SamplesPerPixel:            []int{1},
		tag.PhotometricInterpretation:  []string{p.interpretation},
		tag.Rows:                       []int{native.Rows},
		tag.Columns:                    []int{native.Cols},
		tag.BitsAllocated:              []int{p.bits},
		tag.BitsStored:                 []int{p.stored},
		tag.HighBit:                    []int{p.stored - 1},
		tag.PixelRepresentation:        []int{p.signed},
		tag.PixelData:                  dicom.PixelDataInfo{Frames: []*frame.Frame{{NativeData: native}}},
	}
	for k, v := range p.extra {
		values[k] = v
	}
	order := []tag.Tag{tag.MediaStorageSOPClassUID, tag.MediaStorageSOPInstanceUID, tag.TransferSyntaxUID, tag.Modality, tag.StudyDescription,
		tag.PatientID, tag.SamplesPerPixel, tag.PhotometricInterpretation, tag.Rows, tag.Columns, tag.BitsAllocated, tag.BitsStored, tag.HighBit,
		tag.PixelRepresentation, tag.PixelPaddingValue, tag.WindowCenter, tag.WindowWidth, tag.RescaleIntercept, tag.RescaleSlope, tag.VOILUTFunction, tag.PixelData}
	var d dicom.Dataset
	for _, k := range order {
		if v, ok := values[k]; ok {
			e, err := dicom.NewElement(k, v)
			if err != nil {
				t.Fatal(err)
			}
			d.Elements = append(d.Elements, e)
		}
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := dicom.Write(f, d); err != nil {
		t.Fatal(err)
	}
}

func TestDICOMValuesAreShownAsTheStandardSays(t *testing.T) {
	cases := []struct {
		name string
		p    picture
		want []byte
	}{
		{"8 bits as they are", picture{8, 8, 0, "MONOCHROME2", []int{0, 128, 255, 7}, nil}, []byte{0, 128, 255, 7}},
		{"MONOCHROME1 is inverted", picture{8, 8, 0, "MONOCHROME1", []int{0, 128, 255, 7}, nil}, []byte{255, 127, 0, 248}},
		{"12 bits are spread", picture{16, 12, 0, "MONOCHROME2", []int{1000, 2000, 3000, 1500}, nil}, []byte{0, 128, 255, 64}},
		{"signed", picture{16, 16, 1, "MONOCHROME2", []int{0xffff, 0, 1, 0xffff}, nil}, []byte{0, 128, 255, 0}},
		{"window after rescale", picture{16, 12, 0, "MONOCHROME2", []int{0, 50, 100, 400},
			map[tag.Tag]any{tag.WindowCenter: []string{"100.5"}, tag.WindowWidth: []string{"201"}, tag.RescaleSlope: []string{"2"}, tag.RescaleIntercept: []string{"0"}}},
			[]byte{0, 128, 255, 255}},
		{"exact window", picture{16, 12, 0, "MONOCHROME2", []int{0, 50, 100, 400},
			map[tag.Tag]any{tag.WindowCenter: []string{"50"}, tag.WindowWidth: []string{"100"}, tag.VOILUTFunction: []string{"LINEAR_EXACT"}}},
			[]byte{0, 128, 255, 255}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.dcm")
			writeDICOM(t, path, c.p)
			img, err := loadDICOM(path)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, img.(*image.Gray).Pix); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestDICOMFoldersGiveLabelsAndAttributesToo(t *testing.T) {
	root := t.TempDir()
	p := picture{8, 8, 0, "MONOCHROME2", []int{0, 128, 255, 7}, nil}
	for _, f := range []string{"a/1.dcm", "b/2", "b/broken.dcm"} {
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(f)), 0o777); err != nil {
			t.Fatal(err)
		}
		writeDICOM(t, filepath.Join(root, f), p)
	}
	if err := os.Truncate(filepath.Join(root, "b", "broken.dcm"), 100); err != nil {
		t.Fatal(err)
	}
	s := open(t, root)
	if d := cmp.Diff([]string{"a/1.dcm|a|P1|", "b/2|b|P1|"}, summary(s)); d != "" {
		t.Error(d)
	}
	if len(s.Problems) != 1 || !strings.Contains(s.Problems[0].Error(), "broken.dcm") {
		t.Errorf("problems %v", s.Problems)
	}
	s, err := Open(root, "", Options{Label: "StudyDescription", Caption: "Modality"})
	if err != nil || s.Items[0].Label != "No Finding" || s.Items[0].Caption != "DX" {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := Open(root, "", Options{Label: "Finding"}); err == nil || !strings.Contains(err.Error(), `keyword "Finding"`) {
		t.Errorf("unknown keyword: %v", err)
	}
}

func FuzzDICOM(f *testing.F) {
	path := filepath.Join(f.TempDir(), "x.dcm")
	writeDICOM(f, path, picture{16, 12, 0, "MONOCHROME1", []int{1, 2, 3, 4}, nil})
	data, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "x.dcm")
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		if img, err := loadDICOM(path); err == nil && img == nil {
			t.Error("neither image nor error")
		}
	})
}
