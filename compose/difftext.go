package compose

import (
	"fmt"
	"io"
	"strings"
)

// WriteText writes for people how two commits differ.
func (d *TreeDiff) WriteText(w io.Writer) error {
	var b strings.Builder
	d.packagesText(&b)
	accountsText(&b, "user", d.Users)
	accountsText(&b, "group", d.Groups)
	if len(d.Files) > 0 {
		counts := map[string]int{}
		for _, f := range d.Files {
			counts[f.Change]++
		}
		fmt.Fprintf(&b, "paths: %d added, %d removed, %d changed, %s\n", counts[ChangeAdded], counts[ChangeRemoved], counts[ChangeChanged], signedSize(d.Grown))
	}
	for i := range d.Files {
		fmt.Fprintf(&b, "  %s\n", &d.Files[i])
	}
	if b.Len() == 0 {
		b.WriteString("the trees are alike\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (d *TreeDiff) packagesText(b *strings.Builder) {
	if d.Unlisted != "" {
		fmt.Fprintf(b, "packages are not compared: %s\n", d.Unlisted)
	}
	if len(d.Packages) > 0 {
		b.WriteString(countChanges(d.Packages) + "\n")
	}
	for i := range d.Packages {
		c := &d.Packages[i]
		fmt.Fprintf(b, "  %s\n", c)
		for _, e := range c.Changelog {
			fmt.Fprintf(b, "    * %s %s\n      %s\n", e.Time.Format("Mon Jan 02 2006"), e.Author, strings.ReplaceAll(strings.TrimSpace(e.Text), "\n", "\n      "))
		}
	}
}

func accountsText(b *strings.Builder, noun string, list []AccountChange) {
	ids := func(a *Account) string {
		if noun == "group" {
			return fmt.Sprint(a.ID)
		}
		return fmt.Sprintf("%d:%d", a.ID, a.Group)
	}
	for _, c := range list {
		switch c.Change {
		case ChangeAdded:
			fmt.Fprintf(b, "%s added: %s (%s)\n", noun, c.Name, ids(c.New))
		case ChangeRemoved:
			fmt.Fprintf(b, "%s removed: %s (%s)\n", noun, c.Name, ids(c.Old))
		default:
			fmt.Fprintf(b, "%s changed: %s (%s -> %s)\n", noun, c.Name, ids(c.Old), ids(c.New))
		}
	}
}

// changeLetters begin the lines of files.
var changeLetters = map[string]string{ChangeAdded: "A", ChangeRemoved: "D", ChangeChanged: "M"}

// String is the change in one line.
func (f *FileChange) String() string {
	text := changeLetters[f.Change] + " " + f.Path
	for i, d := range f.What {
		if text += ", "; i == 0 {
			text = strings.TrimSuffix(text, ", ") + ": "
		}
		text += d.Kind
		if d.Old != "" || d.New != "" {
			text += fmt.Sprintf(" %s -> %s", orNone(d.Old), orNone(d.New))
		}
	}
	if grown := f.NewSize - f.OldSize; grown != 0 {
		text += fmt.Sprintf(" (%s)", signedSize(grown))
	}
	return text
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
