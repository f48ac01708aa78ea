package source

import (
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"strings"
)

// table is a CSV file with a header.
type table struct {
	file    string
	columns map[string]int
	names   []string
	rows    []row
}

// row is one record of a table and the line it starts on.
type row struct {
	t      *table
	line   int
	values []string
}

// get returns a row's value in a column, without surrounding space, "" where the column or value is absent.
func (r row) get(column string) string {
	i, ok := r.t.columns[column]
	if !ok || i >= len(r.values) {
		return ""
	}
	return strings.TrimSpace(r.values[i])
}

// attributes are all values of the row by column.
func (r row) attributes() map[string]string {
	all := map[string]string{}
	for _, name := range r.t.names {
		if v := r.get(name); v != "" {
			all[name] = v
		}
	}
	return all
}

// readTable reads a CSV file of the tree. Header cells lose surrounding space and a byte order mark; unnamed
// columns are not addressable; a row may be shorter than the header but not longer by more than empty cells.
func (t *Tree) readTable(file string) (*table, error) {
	f, err := os.Open(t.Path(file))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	tab, err := parseTable(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.Path(file), err)
	}
	tab.file = file
	return tab, nil
}

func parseTable(r io.Reader) (*table, error) {
	lines := csv.NewReader(r)
	lines.FieldsPerRecord = -1
	header, err := lines.Read()
	if err == io.EOF {
		return nil, fmt.Errorf("empty file")
	}
	if err != nil {
		return nil, err
	}
	tab := &table{columns: map[string]int{}}
	for i, name := range header {
		name = strings.TrimSpace(strings.TrimPrefix(name, "\ufeff"))
		if name == "" {
			continue
		}
		if _, twice := tab.columns[name]; twice {
			return nil, fmt.Errorf("column %q is there twice", name)
		}
		tab.columns[name] = i
		tab.names = append(tab.names, name)
	}
	for {
		values, err := lines.Read()
		if err == io.EOF {
			return tab, nil
		}
		if err != nil {
			return nil, err
		}
		line, _ := lines.FieldPos(0)
		for _, extra := range values[min(len(values), len(header)):] {
			if strings.TrimSpace(extra) != "" {
				return nil, fmt.Errorf("line %d: %d values for %d columns", line, len(values), len(header))
			}
		}
		tab.rows = append(tab.rows, row{tab, line, values})
	}
}

// has tells whether the table has all of the columns.
func (t *table) has(columns ...string) bool {
	for _, c := range columns {
		if _, ok := t.columns[c]; !ok {
			return false
		}
	}
	return true
}
