package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// message makes subject and body: of options, of a file or by an editor.
func (f *compatCommitFlags) message(ctx context.Context, c *compat) error {
	switch {
	case f.editor:
		return f.edit(ctx, c)
	case f.bodyFile != "":
		text, err := os.ReadFile(f.bodyFile)
		if err != nil {
			return err
		}
		f.body = string(text)
	}
	return nil
}

// edit asks for subject and body in an editor.
func (f *compatCommitFlags) edit(ctx context.Context, c *compat) error {
	text := "\n# The first line of this file becomes the subject of the commit, what follows its\n" +
		"# body. Lines that begin with '#' are left out. Without a subject nothing is\n# committed.\n"
	if f.branch != "" {
		text += "#\n# Branch: " + f.branch + "\n"
	}
	for _, given := range []string{f.subject, f.body} {
		if given != "" {
			text += given + "\n"
		}
	}
	text, err := c.edited(ctx, text)
	if err != nil {
		return err
	}
	f.subject, f.body = "", ""
	var body []string
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimRight(line, " \t\r\v\f")
		switch {
		case strings.HasPrefix(line, "#") || line == "" && body == nil:
		case f.subject == "":
			f.subject = line
		default:
			body = append(body, line)
		}
	}
	if f.subject == "" {
		return compatf("Aborting commit due to empty commit subject.")
	}
	f.body = strings.TrimRight(strings.Join(body, "\n"), " \t\n")
	return nil
}

// edited is a text after a person had it in an editor.
func (c *compat) edited(ctx context.Context, text string) (_ string, err error) {
	dumb := c.env.getenv("TERM") == "" || c.env.getenv("TERM") == "dumb"
	editor := c.env.getenv("OSTREE_EDITOR")
	if editor == "" && !dumb {
		editor = c.env.getenv("VISUAL")
	}
	if editor == "" {
		editor = c.env.getenv("EDITOR")
	}
	if editor == "" && dumb {
		return "", compatf("Terminal is dumb, but EDITOR unset")
	}
	if editor == "" {
		editor = "vi"
	}
	file, err := os.CreateTemp("", "treewright-commit-")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.Remove(file.Name())) }()
	_, err = file.WriteString(text)
	if err = errors.Join(err, file.Close()); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", editor+` "$1"`, "sh", file.Name())
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, c.env.stdout, c.env.stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%w: %w", compatf("There was a problem with the editor '%s'", editor), err)
	}
	data, err := os.ReadFile(file.Name())
	return string(data), err
}
