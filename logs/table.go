package logs

import (
	"io"
	"os"
	"slices"
	"strings"

	"github.com/clipperhouse/displaywidth"
	"github.com/mitchellh/go-wordwrap"
	"golang.org/x/term"
)

const (
	leastCell = 20 // columns to which a cell may shrink
	leastLast = 20 // columns that the last cell of a row has, however narrow the terminal
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
	clean := make([][]string, len(rows))
	widths := make([]int, len(rows[0]))
	for i, row := range rows {
		for column, cell := range row {
			cell = strings.ReplaceAll(Clean(strings.ReplaceAll(cell, "\n", " ")), "\t", " ")
			clean[i] = append(clean[i], cell)
			widths[column] = max(widths[column], displaywidth.String(cell))
		}
	}
	if width > 0 {
		fit(widths, width-1)
	}
	for _, row := range clean {
		cells := make([][]string, len(row)) // the lines of each
		for column, cell := range row {
			if column == len(row)-1 && width > 0 {
				cells[column] = strings.Split(wordwrap.WrapString(cell, uint(widths[column])), "\n")
			} else {
				cells[column] = chunks(cell, widths[column])
			}
		}
		if err := writeRow(w, cells, widths[:len(widths)-1]); err != nil {
			return err
		}
	}
	return nil
}

// fit makes columns as narrow as they must be for a row to have no more than width: first the last, whose text has words to be
// broken at, and then the widest of the others. The first keeps its width: it is a name to copy.
func fit(widths []int, width int) {
	end := len(widths) - 1
	over := end*gap - width
	for _, cell := range widths {
		over += cell
	}
	narrow := func(least int) {
		by := max(min(over, widths[end]-max(least, leastLast)), 0)
		widths[end] -= by
		over -= by
	}
	if enough := widths[end] - over; enough >= width/3 {
		narrow(enough) // and no other column need be cut
	}
	narrow(width / 2)
	for over > 0 && end > 1 {
		middle := widths[1:end]
		widest := 1 + slices.Index(middle, slices.Max(middle))
		if widths[widest] <= leastCell {
			break
		}
		widths[widest]--
		over--
	}
	narrow(leastLast)
}

// writeRow writes cells side by side, in as many lines as the highest has.
func writeRow(w io.Writer, cells [][]string, widths []int) error {
	height := len(slices.MaxFunc(cells, func(a, b []string) int { return len(a) - len(b) }))
	for i := range height {
		line := ""
		for column, cell := range cells {
			part := ""
			if i < len(cell) {
				part = cell[i]
			}
			line += part
			if column < len(widths) {
				line += strings.Repeat(" ", widths[column]-displaywidth.String(part)+gap)
			}
		}
		if _, err := io.WriteString(w, strings.TrimRight(line, " ")+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// chunks breaks text that has no words, such as a path, wherever it must. There is one at least.
func chunks(text string, width int) (parts []string) {
	for {
		part := displaywidth.TruncateString(text, width, "")
		parts, text = append(parts, part), text[len(part):]
		if text == "" || part == "" {
			return parts
		}
	}
}
