package compose

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/treewright/treewright/compose/layout"
	"github.com/treewright/treewright/treefile"
)

// seedUsers puts the accounts that the tree shall start with into /etc, before
// scriptlets make more of them.
func (c *composer) seedUsers(ctx context.Context) (err error) {
	t := c.plan.opts.Treefile
	if c.previous, err = c.plan.previousAccounts(ctx); err != nil {
		return err
	}
	if !t.PreservePasswd {
		return nil
	}
	var o layout.SeedOptions
	if o.Previous, err = c.withBase(ctx, c.previous); err != nil {
		return err
	}
	if t.CheckPasswd.Type == treefile.CheckFile || t.CheckGroups.Type == treefile.CheckFile {
		if o.Passwd, err = readCheckFile(t.CheckPasswd); err != nil {
			return err
		}
		if o.Group, err = readCheckFile(t.CheckGroups); err != nil {
			return err
		}
	}
	c.report.Accounts, err = layout.Seed(c.tree, c.reader(ctx), o)
	return err
}

// readCheckFile reads the file that a check names; nil when it names none.
func readCheckFile(check treefile.Check) ([]byte, error) {
	if check.Type != treefile.CheckFile {
		return nil, nil
	}
	info, err := os.Stat(check.File.Path)
	if err == nil && info.Size() > maxAccountFile {
		err = fmt.Errorf("%s has %d bytes; at most %d are read", check.File.Path, info.Size(), maxAccountFile)
	}
	if err != nil {
		return nil, &treefile.Error{Position: check.File.Position, Err: err}
	}
	data, err := os.ReadFile(check.File.Path)
	if err != nil {
		return nil, &treefile.Error{Position: check.File.Position, Err: err}
	}
	return data, nil
}

// accountChecks says which accounts the tree must have.
func (c *composer) accountChecks() (o layout.CheckOptions, err error) {
	t := c.plan.opts.Treefile
	o.IgnoreRemovedUsers, o.IgnoreRemovedGroups = t.IgnoreRemovedUsers, t.IgnoreRemovedGroups
	users, groups, err := c.previous.Accounts()
	if err != nil {
		return o, err
	}
	switch check := t.CheckPasswd; check.Type {
	case treefile.CheckPrevious:
		o.Users = users
	case treefile.CheckData:
		o.Users = map[string]layout.IDs{}
		for name, ids := range check.Data {
			o.Users[name] = layout.IDs{UID: ids.UID, GID: ids.GID}
		}
	case treefile.CheckFile:
		data, err2 := readCheckFile(check)
		if err2 == nil {
			o.Users, err2 = layout.ParseUsers(check.File.Name, data)
		}
		err = errors.Join(err, err2)
	}
	switch check := t.CheckGroups; check.Type {
	case treefile.CheckPrevious:
		o.Groups = groups
	case treefile.CheckData:
		o.Groups = map[string]uint32{}
		for name, ids := range check.Data {
			o.Groups[name] = ids.GID
		}
	case treefile.CheckFile:
		data, err2 := readCheckFile(check)
		if err2 == nil {
			o.Groups, err2 = layout.ParseGroups(check.File.Name, data)
		}
		err = errors.Join(err, err2)
	}
	return o, err
}
