package logs

import (
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/mitchellh/go-wordwrap"
	"golang.org/x/term"
)

const (
	cellShare = 4  // a cell may fill one part in so many of a terminal before it goes on in the next line
	leastCell = 20 // columns, however narrow the terminal
	leastLast = 20 // columns for the last cell of a row
	gap       = 2  // between columns
)

// IsTerminal tells whether what is written to w is for a person to read, and not for a program.
func IsTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// Table prints rows, the first of them a header. On a terminal, cells are broken into lines so that the rows fit;
// elsewhere each row is one line.
func Table(w io.Writer, rows [][]string) error { return table(w, widthOf(w), rows) }

// Text prints paragraphs, broken into lines on a terminal.
func Text(w io.Writer, paragraphs ...string) error {
	rows := make([][]string, len(paragraphs))
	for i, paragraph := range paragraphs {
		rows[i] = []string{paragraph}
	}
	return Table(w, rows)
}

// widthOf is 0 for what is no terminal.
func widthOf(w io.Writer) int {
	if !IsTerminal(w) {
		return 0
	}
	if columns, _, err := term.GetSize(int(w.(*os.File).Fd())); err == nil && columns > 0 {
		return columns
	}
	return fallbackWidth
}

// table lays rows out for a terminal of that width, or for none where it is 0.
func table(w io.Writer, width int, rows [][]string) error {
	var text strings.Builder
	columns := tabwriter.NewWriter(&text, 0, 0, gap, ' ', 0)
	most := max(width/cellShare, leastCell)
	last := width - 1
	for column := 0; width > 0 && column < len(rows[0])-1; column++ {
		widest := 0
		for _, row := range rows {
			widest = max(widest, min(len([]rune(row[column])), most))
		}
		last -= widest + gap
	}
	for _, row := range rows {
		cells := make([][]string, len(row))
		height := 1
		for i, cell := range row {
			cells[i] = []string{Clean(strings.ReplaceAll(cell, "\n", " "))}
			switch {
			case width == 0:
			case i == len(row)-1:
				cells[i] = strings.Split(wordwrap.WrapString(cells[i][0], uint(max(last, leastLast))), "\n")
			default:
				cells[i] = chunks(cells[i][0], most)
			}
			height = max(height, len(cells[i]))
		}
		for line := range height {
			for i, cell := range cells {
				if i > 0 {
					_, _ = io.WriteString(columns, "\t")
				}
				if line < len(cell) {
					_, _ = io.WriteString(columns, cell[line])
				}
			}
			_, _ = io.WriteString(columns, "\n")
		}
	}
	if err := columns.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(text.String()) {
		if _, err := io.WriteString(w, strings.TrimRight(line, " \n")+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// chunks breaks text that has no words, such as a path, wherever it must.
func chunks(text string, width int) (parts []string) {
	for part := range slices.Chunk([]rune(text), width) {
		parts = append(parts, string(part))
	}
	return parts
}
