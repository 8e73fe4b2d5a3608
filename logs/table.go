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
	most := max(width/cellShare, leastCell)
	laid := make([][][]string, len(rows)) // the lines of each cell
	widths := make([]int, len(rows[0])-1) // the last column needs none
	last := width - 1
	for i, row := range rows {
		laid[i] = make([][]string, len(row))
		for column, cell := range row {
			lines := []string{strings.ReplaceAll(Clean(strings.ReplaceAll(cell, "\n", " ")), "\t", " ")}
			if column < len(widths) {
				if width > 0 {
					lines = chunks(lines[0], most)
				}
				for _, line := range lines {
					widths[column] = max(widths[column], displaywidth.String(line))
				}
			}
			laid[i][column] = lines
		}
	}
	for _, cell := range widths {
		last -= cell + gap
	}
	for _, cells := range laid {
		if end := &cells[len(cells)-1]; width > 0 {
			*end = strings.Split(wordwrap.WrapString((*end)[0], uint(max(last, leastLast))), "\n")
		}
		if err := writeRow(w, cells, widths); err != nil {
			return err
		}
	}
	return nil
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
