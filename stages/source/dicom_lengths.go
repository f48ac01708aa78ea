package source

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"strings"
)

// Transfer syntaxes that change how elements are written.
const (
	implicitLittleEndian = "1.2.840.10008.1.2"
	explicitBigEndian    = "1.2.840.10008.1.2.2"
	deflated             = "1.2.840.10008.1.2.1.99"
)

// checkLengths walks over the elements of a DICOM file without reading their values, and refuses one that claims
// more bytes than are left. The library allocates what an element claims, up to 4 GiB, before it reads.
// The walk ends at the first element of undefined length: encapsulated pixels or a nested sequence.
func checkLengths(f *os.File, size int64) error {
	const preamble = 132
	var head [12]byte
	if _, err := f.ReadAt(head[:4], preamble-4); err != nil || string(head[:4]) != "DICM" {
		return fmt.Errorf("has no DICOM mark")
	}
	syntax := ""
	for at := int64(preamble); at+8 <= size; {
		// Element headers take 8 or 12 bytes; zeros stand for what lies behind the end.
		head = [12]byte{}
		if n, err := f.ReadAt(head[:], at); n < 8 {
			return err
		}
		var order binary.ByteOrder = binary.LittleEndian
		meta := head[0] == 2 && head[1] == 0
		if !meta && syntax == explicitBigEndian {
			order = binary.BigEndian
		}
		if !meta && syntax == deflated {
			return nil
		}
		length, header := int64(order.Uint32(head[4:])), int64(8)
		if meta || syntax != implicitLittleEndian {
			switch string(head[4:6]) {
			case "OB", "OD", "OF", "OL", "OV", "OW", "SQ", "UC", "UR", "UT", "UN", "SV", "UV":
				length, header = int64(order.Uint32(head[8:])), 12
			default:
				length = int64(order.Uint16(head[6:]))
			}
		}
		if length == 0xFFFFFFFF {
			return nil
		}
		group, element := order.Uint16(head[0:]), order.Uint16(head[2:])
		if left := size - at - header; length > left {
			return fmt.Errorf("element (%04x,%04x) claims %d bytes, the file has %d left", group, element, length, left)
		}
		if group == 2 && element == 0x10 {
			value, err := io.ReadAll(io.NewSectionReader(f, at+header, length))
			if err != nil {
				return err
			}
			syntax = strings.TrimRight(string(value), "\x00 ")
		}
		at += header + length
	}
	return nil
}
