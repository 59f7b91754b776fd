package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/treewright/treewright/internal/atomicfile"
)

func manCommand() command {
	return command{
		path: "man", args: "DIR", minArgs: 1, maxArgs: 1,
		short:   "Write the manual pages",
		long:    "Writes one manual page a command into DIR, from the table that --help is made of.",
		example: "treewright man /usr/local/share/man/man1",
		setup: func(*pflag.FlagSet) runFunc {
			return func(_ context.Context, env *environment, args []string) error {
				return writeManPages(env, args[0])
			}
		},
	}
}

func writeManPages(env *environment, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("writing manual pages: %w", err)
	}
	table := commands()
	for _, c := range table {
		name := "treewright-" + strings.ReplaceAll(c.path, " ", "-") + ".1"
		if err := atomicfile.WriteFile(filepath.Join(dir, name), []byte(manPage(c)), 0o644); err != nil {
			return fmt.Errorf("writing manual pages: %w", err)
		}
	}
	if err := atomicfile.WriteFile(filepath.Join(dir, "treewright.1"), []byte(manIndex(table)), 0o644); err != nil {
		return fmt.Errorf("writing manual pages: %w", err)
	}
	env.printf("%d pages in %s\n", len(table)+1, dir)
	return nil
}

// manPage is a command's page in man(7) macros.
func manPage(c command) string {
	var b strings.Builder
	title := "TREEWRIGHT-" + strings.ToUpper(strings.ReplaceAll(c.path, " ", "-"))
	fmt.Fprintf(&b, ".TH %s 1\n.SH NAME\ntreewright %s \\- %s\n", roff(title), roff(c.path), roff(c.short))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B treewright %s\n[options] %s\n", roff(c.path), roff(c.args))
	fmt.Fprintf(&b, ".SH DESCRIPTION\n%s\n", strings.ReplaceAll(roff(c.long), "\n\n", "\n.PP\n"))
	flags := pflag.NewFlagSet(c.path, pflag.ContinueOnError)
	c.setup(flags)
	if flags.HasFlags() {
		b.WriteString(".SH OPTIONS\n")
		flags.VisitAll(func(f *pflag.Flag) {
			if !f.Hidden {
				name, usage := pflag.UnquoteUsage(f)
				fmt.Fprintf(&b, ".TP\n.B \\-\\-%s %s\n%s\n", roff(f.Name), roff(name), roff(usage))
			}
		})
	}
	b.WriteString(".SH EXIT STATUS\n")
	for _, e := range exitsOf(c) {
		fmt.Fprintf(&b, ".TP\n.B %d\n%s\n", e.code, roff(e.meaning))
	}
	fmt.Fprintf(&b, ".SH EXAMPLES\n.nf\n%s\n.fi\n", roff(strings.TrimSpace(c.example)))
	b.WriteString(".SH SEE ALSO\n.BR treewright (1)\n")
	return b.String()
}

func manIndex(table []command) string {
	var b strings.Builder
	b.WriteString(".TH TREEWRIGHT 1\n.SH NAME\ntreewright \\- turn RPM repositories into OSTree refs and serve them\n")
	b.WriteString(".SH SYNOPSIS\n.B treewright\n.I command\n[options]\n.SH COMMANDS\n")
	for _, c := range table {
		fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(c.path), roff(c.short))
	}
	return b.String()
}

func roff(text string) string {
	text = strings.ReplaceAll(text, `\`, `\e`)
	text = strings.ReplaceAll(text, "-", `\-`)
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}
